# SPDX-License-Identifier: Apache-2.0
"""Builds what a run needs from its settings, and runs it: trace, replay, doctor.

Nothing here prints: what is for the user's eyes goes through the `say` that the caller passes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import kflowd
from kflowd import notify
from kflowd.assembly import (
    as_recorded,
    live_enrichers,
    make_pipeline,
    recorded_enrichers,
    session_facts,
)
from kflowd.delivery.formats import FORMATS, Format
from kflowd.log import Log
from kflowd.model import Session
from kflowd.pipeline import Batch, Pipeline
from kflowd.recording import Recorder, Recording
from kflowd.records.session import encode_session
from kflowd.runner import Output, Runner, Signals
from kflowd.settings import Settings
from kflowd.sinks.stdout import StdoutSink

if TYPE_CHECKING:
    from kflowd.bpf.source import Source

STDOUT, STDERR = 1, 2
Say = Callable[[str], None]


def trace(settings: Settings, say: Say) -> int:
    """Trace this host until a signal, the duration, the count or the reader's end.

    Args:
        settings: What to do.
        say: Takes lines for stderr: the summary.

    Raises:
        KflowdError: Of the kind that tells why the agent cannot run or go on.
    """
    # imported here: replay works without the compiled extension
    from kflowd import doctor
    from kflowd.bpf.source import boottime_ns

    log = Log("app", verbose=settings.verbose)
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        start_ns = boottime_ns()
        source = stack.enter_context(_source(settings))
        for row in source.coverage.rows:
            log.debug("coverage", event_class=row.event, status=row.status, hook=row.hook)
        if warning := doctor.warning(source.coverage, settings.trace.attach):
            say(warning)
        source.snapshot()
        enrichers = live_enrichers()
        facts = session_facts(settings, enrichers, full=settings.record is not None)
        offset_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        session = encode_session(Session(start_ns, offset_ns, source.hz(), facts))
        recorder = None
        if settings.record is not None:
            recorder = stack.enter_context(Recorder(settings.record, session))
        texts = Texts(make_pipeline(settings, enrichers), FORMATS[settings.output[0].format]())
        output = Output(StdoutSink(), quiet=settings.quiet, count=settings.count)
        texts.feed(session)
        notify.send(notify.READY)
        log.info("ready", version=kflowd.__version__)
        if os.isatty(STDERR):
            say(f"tracing {', '.join(sorted(settings.trace.monitor))}; Ctrl-C ends")
        runner = Runner(source, texts, output, recorder, signals)
        seconds = runner.run(settings.duration_ns)
        notify.send(notify.STOPPING)
        runner.finish()
        if source.bad_records:
            log.warning("records of an impossible size were skipped", count=source.bad_records)
    if not output.gone:
        _say_summary(say, f"{_records(output.written)} in {seconds:.1f} s", texts.pipeline)
    return 0


def replay(path: Path, settings: Settings, say: Say) -> int:
    """Print the records of a recording.

    Raises:
        RecordingError: If the file is no recording, or damaged; what is whole was printed.
    """
    recording = Recording(path)
    facts = recording.session.facts
    settings = as_recorded(settings, facts)
    pipeline = make_pipeline(settings, recorded_enrichers(facts))
    texts = Texts(pipeline, FORMATS[settings.output[0].format]())
    output = Output(StdoutSink(), quiet=settings.quiet, count=settings.count)
    try:
        for batch in recording.batches():
            output.put(texts.feed(batch))
            if output.done:
                break
    finally:
        output.put(texts.close())
    if not output.gone:
        _say_summary(say, f"{_records(output.written)} replayed", texts.pipeline)
    return 0


def diagnose(settings: Settings, *, as_json: bool) -> tuple[str, int]:
    """Return the text of `doctor` and its exit code."""
    from kflowd import doctor

    coverage = doctor.run(_source(settings))
    if as_json:
        return doctor.render_json(coverage), coverage.exit_code
    return doctor.render_text(coverage, terminal=os.isatty(STDOUT)), coverage.exit_code


class Texts:
    """The pipeline with its records as text."""

    def __init__(self, pipeline: Pipeline, form: Format) -> None:
        self.pipeline = pipeline
        self._form = form

    def feed(self, batch: Batch) -> list[bytes]:
        """Return the texts that a batch completes."""
        return [self._form(record) for record in self.pipeline.feed(batch)]

    def close(self) -> list[bytes]:
        """Return the rest."""
        return [self._form(record) for record in self.pipeline.close()]


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"


def _say_summary(say: Say, head: str, pipeline: Pipeline) -> None:
    say(head)
    for line in pipeline.health.summary():
        say(f"  {line}")


def _source(settings: Settings) -> Source:
    """Return the source of a run, which does not watch ourselves."""
    from kflowd.bpf.source import Source, own_tgid

    return Source(settings.trace, self_tgid=own_tgid(), verbose=settings.verbose)
