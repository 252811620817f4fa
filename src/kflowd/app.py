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

from msgspec import structs

import kflowd
from kflowd import notify
from kflowd.assembly import Assembly, live_tables, recorded_tables, session_facts
from kflowd.log import Log
from kflowd.recording import Recorder, Recording, SessionFacts, SessionHead, encode_session
from kflowd.runner import Output, Runner, Signals
from kflowd.settings import Settings
from kflowd.sinks.stdout import StdoutSink

if TYPE_CHECKING:
    from kflowd.bpf.config import SourceConfig
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
    from kflowd.bpf.source import Source, boottime_ns

    log = Log("app", verbose=settings.verbose)
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        start_ns = boottime_ns()
        source = stack.enter_context(Source(source_config(settings)))
        for row in source.coverage.rows:
            log.debug("coverage", event_class=row.event, status=row.status, hook=row.hook)
        if warning := doctor.warning(source.coverage, settings.attach_mode):
            say(warning)
        source.snapshot()
        session = encode_session(_session(settings, source, start_ns))
        recorder = None
        if settings.record_path is not None:
            recorder = stack.enter_context(Recorder(settings.record_path, session))
        assembly = Assembly(settings, live_tables())
        output = Output(StdoutSink(), quiet=settings.quiet, count=settings.count)
        assembly.pipeline.feed(session)
        notify.send(notify.READY)
        log.info("ready", version=kflowd.__version__)
        if os.isatty(STDERR):
            say(f"tracing {', '.join(sorted(settings.subsystems))}; Ctrl-C ends")
        runner = Runner(source, assembly.pipeline, output, recorder, signals)
        seconds = runner.run(settings.duration_ns)
        notify.send(notify.STOPPING)
        runner.finish()
        if source.bad_records:
            log.warning("records of an impossible size were skipped", count=source.bad_records)
    if not output.gone:
        _say_summary(say, f"{_records(output.written)} in {seconds:.1f} s", assembly)
    return 0


def replay(path: Path, settings: Settings, say: Say) -> int:
    """Print the records of a recording.

    Raises:
        RecordingError: If the file is no recording, or damaged; what is whole was printed.
    """
    recording = Recording(path)
    settings = _as_recorded(settings, recording.head.facts)
    assembly = Assembly(settings, recorded_tables(recording.head.facts))
    output = Output(StdoutSink(), quiet=settings.quiet, count=settings.count)
    try:
        for batch in recording.batches():
            output.put(assembly.pipeline.feed(batch))
            if output.done:
                break
    finally:
        output.put(assembly.pipeline.close())
    if not output.gone:
        _say_summary(say, f"{_records(output.written)} replayed", assembly)
    return 0


def diagnose(settings: Settings, *, as_json: bool) -> tuple[str, int]:
    """Return the text of `doctor` and its exit code."""
    from kflowd import doctor

    coverage = doctor.run(source_config(settings))
    if as_json:
        return doctor.render_json(coverage), coverage.exit_code
    return doctor.render_text(coverage, terminal=os.isatty(STDOUT)), coverage.exit_code


def _session(settings: Settings, source: Source, start_ns: int) -> SessionHead:
    offset_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    facts = session_facts(with_tables=settings.record_path is not None)
    facts = structs.replace(facts, idle_ns=settings.idle_ns, export_at=settings.export_at)
    return SessionHead(start_ns, offset_ns, source.hz(), facts)


def _as_recorded(settings: Settings, facts: SessionFacts) -> Settings:
    """Return settings with those of the recorded run that a replay cannot choose."""
    idle_ns = facts.idle_ns or settings.idle_ns
    return structs.replace(settings, idle_ns=idle_ns, export_at=facts.export_at)


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"


def _say_summary(say: Say, head: str, assembly: Assembly) -> None:
    say(head)
    for line in assembly.health.summary():
        say(f"  {line}")


def source_config(settings: Settings) -> SourceConfig:
    """Return what the source is asked for: a run's settings, and not to watch ourselves."""
    from kflowd.bpf.config import SourceConfig
    from kflowd.bpf.source import own_tgid

    return SourceConfig(
        subsystems=settings.subsystems,
        attach_mode=settings.attach_mode,
        export_at=settings.export_at,
        idle_ns=settings.idle_ns,
        active_ns=settings.active_ns,
        pseudo_fs=settings.pseudo_fs,
        ring_bytes=settings.ring_bytes,
        file_entries=settings.file_entries,
        sock_entries=settings.sock_entries,
        unix_entries=settings.unix_entries,
        verbose=settings.verbose,
        self_tgid=own_tgid(),
    )
