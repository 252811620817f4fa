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
from kflowd.delivery import Delivery, Ending, Output
from kflowd.delivery.sinks import SINKS
from kflowd.errors import RecordingError
from kflowd.log import Log
from kflowd.recording import Recorder, Recording, SessionFacts, SessionHead, encode_session
from kflowd.runner import Runner, Signals
from kflowd.settings import Settings

if TYPE_CHECKING:
    from kflowd.bpf.config import SourceConfig
    from kflowd.bpf.source import Source

STDERR = 2
Say = Callable[[str], None]


def trace(settings: Settings, say: Say) -> int:
    """Trace this host until a signal, the duration, the count or the reader's end.

    Args:
        settings: What to do.
        say: Takes lines for stderr: the summary.

    Raises:
        KflowdError: Of the kind that tells why the agent cannot run or go on, or, when all is done,
            that records were lost because a sink refused them.
    """
    with Signals() as signals, Delivery(_outputs(settings), settings.count) as delivery:
        assembly = Assembly(settings, live_tables(), delivery)
        try:
            seconds = _trace(settings, say, signals, assembly, delivery)
        finally:
            # programs and maps are freed by now; a failed run gives what it has, too
            delivery.close(Ending(lambda: signals.asked_ns, patient=delivery.done))
    return _conclude(say, f"{_records(delivery.records)} in {seconds:.1f} s", assembly, delivery)


def _trace(
    settings: Settings, say: Say, signals: Signals, assembly: Assembly, delivery: Delivery
) -> float:
    """Run from load to detach; return the seconds between."""
    # imported here: replay works without the compiled extension
    from kflowd import doctor
    from kflowd.bpf.source import Source, boottime_ns

    log = Log("app", verbose=settings.verbose)
    with ExitStack() as stack:
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
        assembly.pipeline.feed(session)
        notify.send(notify.READY)
        log.info("ready", version=kflowd.__version__)
        if os.isatty(STDERR):
            say(f"tracing {', '.join(sorted(settings.subsystems))}; Ctrl-C ends")
        runner = Runner(source, assembly.pipeline, [delivery], recorder, signals)
        seconds = runner.run(settings.duration_ns)
        notify.send(notify.STOPPING)
        runner.finish()
        if source.bad_records:
            log.warning("records of an impossible size were skipped", count=source.bad_records)
    return seconds


def replay(path: Path, settings: Settings, say: Say) -> int:
    """Print the records of a recording.

    Raises:
        RecordingError: If the file is no recording, or damaged; what is whole was printed.
        SinkError: If standard output refuses records.
    """
    recording = Recording(path)
    settings = _as_recorded(settings, recording.head.facts)
    # lossless: the recording waits for the reader, whom a kernel would not wait for
    with Delivery(_outputs(settings, lossless=True), settings.count) as delivery:
        assembly = Assembly(settings, recorded_tables(recording.head.facts), delivery)
        try:
            for batch in recording.batches():
                delivery.put(assembly.pipeline.feed(batch))
                if delivery.done:
                    break
        except RecordingError:
            _finish(assembly, delivery)
            raise
        _finish(assembly, delivery)
    return _conclude(say, f"{_records(delivery.records)} replayed", assembly, delivery)


def _finish(assembly: Assembly, delivery: Delivery) -> None:
    delivery.put(assembly.pipeline.close())
    delivery.close(Ending(lambda: None, patient=True))


def _outputs(settings: Settings, *, lossless: bool = False) -> list[Output]:
    """Return the outputs of a run; their threads run."""
    if settings.quiet:
        return []
    form = settings.output.value
    return [Output("stdout", SINKS["stdout"](), form, lossless=lossless)]


def _conclude(say: Say, head: str, assembly: Assembly, delivery: Delivery) -> int:
    """Print the summary and return the exit code.

    A reader who went away had enough: that is no word and no failure. What a slow reader did not
    take in time is said in the summary. Records that a sink refused, as a full disk does, make the
    run a failure.

    Raises:
        Exception: What a sink failed with.
    """
    failure = delivery.failure()
    if delivery.gone and failure is None:
        return 0
    say(head)
    for line in (*assembly.health.summary(), *delivery.summary()):
        say(f"  {line}")
    if failure is not None:
        raise failure
    return 0


def diagnose(settings: Settings, *, as_json: bool) -> tuple[str, int]:
    """Return the text of `doctor` and its exit code."""
    from kflowd import doctor

    coverage = doctor.run(source_config(settings))
    text = doctor.render_json(coverage) if as_json else doctor.render_text(coverage)
    return text, coverage.exit_code


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
