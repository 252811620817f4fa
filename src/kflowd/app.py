# SPDX-License-Identifier: Apache-2.0
"""Builds what a run needs from its settings, and runs it: trace, replay, doctor.

Nothing here prints: what is for the user's eyes goes through the `say` that the caller passes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

import kflowd
from kflowd import notify
from kflowd.assembly import (
    News,
    RunFacts,
    as_recorded,
    live_enrichers,
    make_pipeline,
    plug_keys,
    recorded_enrichers,
    recorded_rules,
    rules_of,
    session_facts,
)
from kflowd.command import Command, CommandEnd, find_program
from kflowd.delivery import Delivery, Ending
from kflowd.delivery.outputs import make_outputs
from kflowd.downstream import LeftOut, Pipes, Process, Watch, ancestors, find, output_pipe
from kflowd.enrich import Enricher
from kflowd.enrich.host import HostWatch
from kflowd.errors import KflowdError, RecordingError
from kflowd.faults import Faults
from kflowd.filters import Rules
from kflowd.filters.user_ids import look_up, named_users
from kflowd.laps import Lap, Laps, no_lap
from kflowd.log import Log
from kflowd.model import Session, facts_of
from kflowd.older import Filler, Found, confirmed, read_all
from kflowd.pipeline import Pipeline
from kflowd.plugins.service import Service, open_plugins
from kflowd.protocols import APPLICATIONS
from kflowd.recording import Recorder, Recording
from kflowd.records.session import encode_session
from kflowd.redact.stream import redactor, unredacted
from kflowd.reload import Reload, Settling
from kflowd.runner import Runner, Signals
from kflowd.serialize import HostFacts
from kflowd.settings import Settings

if TYPE_CHECKING:
    from kflowd.bpf.kernel.coverage import Coverage
    from kflowd.bpf.source import Source
    from kflowd.metrics import RunMetrics

STDOUT, STDERR = 1, 2
Say = Callable[[str], None]


def trace_command(arguments: Sequence[str], settings: Settings, say: Say) -> int:
    """Trace a command and what it starts until its end, or that of `trace`.

    Args:
        arguments: Of the command, its name first.
        settings: What to do.
        say: Takes lines for stderr: the summary.

    Returns:
        The status of the command, 0 if it goes on.

    Raises:
        CommandError: It cannot be run.
        Exception: As `trace`.
    """
    path = find_program(arguments[0])
    # ahead of the fork, so that it is there once
    from kflowd.bpf.source import own_tgid

    with Command(path, arguments, own_tgid) as command:
        trace(settings, say, command)
        code = command.exit_code()
        if code is None:
            say(f"{command} goes on: the run has ended before it")
        return code or 0


def _nothing() -> None:
    """Tell nobody."""


def trace(
    settings: Settings,
    say: Say,
    command: Command | None = None,
    ready: Callable[[], None] = _nothing,
    again: Settling | None = None,
) -> int:
    """Trace this host until a signal, the duration, the count or the reader's end.

    Args:
        settings: What to do.
        say: Takes lines for stderr: the summary.
        command: What the run is for, and ends with; None: all processes of this host.
        ready: Called when all is loaded and attached.
        again: Where settings come from when SIGHUP asks for it; None: from nowhere.

    Raises:
        KflowdError: Of the kind that tells why the agent cannot run or go on, or, when all is done,
            that records were lost because a sink or the recording refused them.
        Exception: When all is done: an internal error that the run survived.
    """
    plug_keys(settings)
    faults, laps = Faults(), Laps()
    with (
        Reload(again, settings, say) as reload,
        Signals(reload) as signals,
        ExitStack() as stack,
        Delivery(make_outputs(settings), settings.count, faults, laps) as delivery,
    ):
        recorder = None
        if settings.record is not None:
            recorder = stack.enter_context(Recorder(settings.record, say))
        plugins, enrichers = _enrichers(settings, say, stack)
        unrecorded = (lambda: recorder.lost) if recorder else int
        followed = command.tgid if command else 0
        rules = _rules(settings, say)
        pipeline = make_pipeline(
            settings,
            enrichers,
            delivery,
            faults,
            unrecorded,
            followed=followed,
            rules=[rules],
            lap=laps,
        )
        metrics = _metrics(settings, pipeline, delivery, laps)
        if metrics is not None:
            stack.enter_context(metrics)
        parts = (enrichers, pipeline, delivery, recorder, command, rules, ready)
        stages = Stages(*parts, reload, laps, metrics, plugins)
        signals.reopen = delivery.reopen if delivery.reopens else None
        signals.last_words = lambda number: say(_last_words(number, stages))
        try:
            ran = _trace(settings, say, signals, stages)
        finally:
            reload.close()
            # programs and maps are freed by now; a failed run gives what it has, too
            delivery.close(Ending(lambda: signals.asked_ns, patient=delivery.done))
        stack.close()
        failures = [ran.failure, faults.first, recorder.failure if recorder else None]
        head = f"{_records(delivery.records)} in {ran.seconds:.1f} s"
        told = metrics.summary() if metrics else ()
        return _conclude(say, head, pipeline, delivery, failures, told=told)


def _enrichers(
    settings: Settings, say: Say, stack: ExitStack
) -> tuple[Service | None, list[Enricher]]:
    """Return the plugins of a run, which end with a stack, and the enrichers."""
    plugins = open_plugins(settings.plugin, say, APPLICATIONS)
    if plugins is not None:
        stack.enter_context(plugins)
    versions = settings.enrich.package_versions
    return plugins, live_enrichers(_enter, _open_group, versions=versions, plugins=plugins)


class Stages(NamedTuple):
    """What a run is made of, from the enrichers to where records go, and what it is for."""

    enrichers: Sequence[Enricher]
    pipeline: Pipeline
    delivery: Delivery
    recorder: Recorder | None
    command: Command | None = None
    rules: Rules = Rules()
    ready: Callable[[], None] = _nothing
    reload: Reload | None = None
    lap: Lap = no_lap
    metrics: RunMetrics | None = None
    plugins: Service | None = None


class Ran(NamedTuple):
    """How long a run took, and what ended it before its time."""

    seconds: float
    failure: Exception | None


def _last_words(number: signal.Signals, stages: Stages) -> str:
    """Return one line on what an end at once leaves behind."""
    parts = [
        f"{name} {count} of {_records(stages.delivery.records)} not written"
        for name, count in stages.delivery.unwritten()
    ]
    unread = stages.pipeline.health.unread()
    kernel = ", ".join(f"{count} {title}" for title, count in unread.items())
    parts.append(f"in the kernel, as last counted: {kernel}" if unread else "the kernel: unknown")
    return f"ended at once by a second {number.name}: {'; '.join(parts)}"


def _trace(settings: Settings, say: Say, signals: Signals, stages: Stages) -> Ran:
    """Run from load to detach."""
    # imported here: replay works without the compiled extension
    from kflowd import doctor

    log = Log("app", verbose=settings.verbose)
    command = stages.command
    for each in stages.enrichers:
        each.prepare()
    older = read_all()
    with ExitStack() as stack:
        followed = command.tgid if command else 0
        source = stack.enter_context(_source(settings, stages.rules, followed))
        for row in source.coverage.rows:
            log.debug("coverage", event_class=row.event, status=row.status, hook=row.hook)
        if warning := doctor.warning(source.coverage, settings.trace.attach):
            say(warning)
        left_out = _leave_out_plugins(stages.plugins, source, log, stack)
        if (watch := _watch(settings, left_out, say)) is not None:
            stack.enter_context(watch)
        gate = _gate(settings, source, older)
        stages.pipeline.tell_hidden_groups(source.hide_group)
        source.snapshot()
        stages.lap("load")
        session = _begin(settings, source, stages, say)
        notify.send(notify.READY)
        stages.ready()
        log.info("ready", version=kflowd.__version__)
        if os.isatty(STDERR):
            of = f" of {command}" if command else ""
            say(f"tracing {', '.join(sorted(settings.trace.monitor))}{of}; Ctrl-C ends")
        runner = Runner(
            source,
            stages.pipeline,
            [stages.delivery],
            stages.recorder,
            CommandEnd(command, signals) if command else signals,
            news=_news(session, stages, source, _settling(signals, stages, source, log)),
            redact=gate,
            waiting=lambda: stages.pipeline.waiting,
            lap=stages.lap,
            each_second=_noting(stages.metrics, source),
        )
        if command is not None and not signals.stop:
            command.start()
        seconds = runner.run(settings.duration_ns)
        notify.send(notify.STOPPING)
        runner.finish()
        if source.bad_records:
            log.warning("records of an impossible size were skipped", count=source.bad_records)
    return Ran(seconds, runner.failure)


def _metrics(
    settings: Settings, pipeline: Pipeline, delivery: Delivery, laps: Laps
) -> RunMetrics | None:
    """Return the metrics of a run, None: nobody wants them."""
    if not settings.metrics.wanted:
        return None
    # imported here: a library makes the text
    from kflowd.metrics import RunMetrics

    return RunMetrics(settings.metrics, pipeline, delivery, laps)


def _noting(metrics: RunMetrics | None, source: Source) -> Callable[[], None]:
    """Return what takes note of how the kernel side does."""
    if metrics is None:
        return _nothing
    return lambda: metrics.note(source.load)


def _news(
    session: Session,
    stages: Stages,
    source: Source,
    settle: Callable[[Settings], None],
) -> Callable[[bytes], bytes]:
    """Return what finds news of a run for its stream; settings are reloaded from now on.

    Args:
        session: The first.
        stages: Of the run.
        source: Of the run.
        settle: Lets all others take settings that were reloaded.
    """
    watch = HostWatch(facts_of(HostFacts, session.facts), source.now_ns)
    news = News(session, stages.enrichers, lambda: source.ends_lost, source.clock_steps, host=watch)
    if stages.reload is None:
        return news

    def take(settings: Settings) -> None:
        watch.rename(settings.enrich.token or "")
        settle(settings)

    stages.reload.begin(stages.delivery, take)
    return stages.reload.ahead(news)


def _settling(
    signals: Signals, stages: Stages, source: Source, log: Log
) -> Callable[[Settings], None]:
    """Return what lets the stages of a run take settings that were reloaded."""

    def settle(settings: Settings) -> None:
        source.retime(settings.trace.idle_ns, settings.trace.active_ns)
        stages.pipeline.retime(settings.trace)
        source.show_log(verbose=settings.verbose)
        log.show_all(verbose=settings.verbose)
        signals.reopen = stages.delivery.reopen if stages.delivery.reopens else None

    return settle


def _enter(descriptor: int) -> None:
    """Move the calling thread into a network namespace."""
    from kflowd.bpf import netns

    netns.enter(descriptor)


def _open_group(mount: int, number: int) -> int:
    """Open a control group by its number."""
    from kflowd.bpf.kernel.cgroup import open_group

    return open_group(mount, number)


def _begin(settings: Settings, source: Source, stages: Stages, say: Say) -> Session:
    """Begin the stream with what a replay needs to know of this host."""
    followed = stages.command.tgid if stages.command else 0
    full = settings.record is not None
    facts, left_out = session_facts(
        settings, stages.enrichers, full=full, followed=followed, rules=stages.rules
    )
    if left_out:
        say(f"the recording has no room for {', '.join(left_out)}: a replay does without")
    session = Session(source.start_ns, source.realtime_offset_ns, source.hz(), facts)
    record = encode_session(session)
    if stages.recorder is not None:
        stages.recorder.begin(record)
    stages.pipeline.feed(record)
    return session


def replay(path: Path, settings: Settings, say: Say) -> int:
    """Print the records of a recording.

    Raises:
        RecordingError: If the file is no recording, or damaged; what is whole was printed.
        SinkError: If standard output refuses records.
    """
    recording = Recording(path)
    faults = Faults()
    facts = recording.session.facts
    settings = as_recorded(settings, facts)
    plug_keys(settings)
    followed = facts_of(RunFacts, facts).followed
    redact = _redact(settings)
    # lossless: the recording waits for the reader, whom a kernel would not wait for
    with Delivery(make_outputs(settings, lossless=True), settings.count, faults) as delivery:
        enrichers, rules = recorded_enrichers(facts), recorded_rules(settings, facts)
        pipeline = make_pipeline(
            settings, enrichers, delivery, faults, followed=followed, rules=rules
        )
        try:
            for batch in recording.batches():
                delivery.put(pipeline.feed(redact(batch)))
                if delivery.done:
                    break
        except RecordingError:
            _finish(pipeline, delivery)
            raise
        _finish(pipeline, delivery)
    head = f"{_records(delivery.records)} replayed"
    return _conclude(say, head, pipeline, delivery, [faults.first])


def _rules(settings: Settings, say: Say) -> Rules:
    """Return the rules that filter a run on this host."""
    trace = settings.trace
    names = named_users([*trace.include, *trace.exclude])
    found = look_up(names) if names else {}
    for name in names:
        if name not in found:
            say(f"filters: no user {name!r} is known here now; records are asked by that name")
    return rules_of(trace, found)


def _redact(settings: Settings) -> Callable[[bytes], bytes]:
    """Return what each batch passes through before anything keeps it."""
    return unredacted if settings.no_redact else redactor()


def _finish(pipeline: Pipeline, delivery: Delivery) -> None:
    delivery.put(pipeline.close())
    delivery.close(Ending(lambda: None, patient=True))


def _conclude(
    say: Say,
    head: str,
    pipeline: Pipeline,
    delivery: Delivery,
    failures: Sequence[Exception | None] = (),
    *,
    told: Iterable[str] = (),
) -> int:
    """Print the summary and return the exit code.

    A reader who went away had enough: that is no word and no failure. What a slow reader did not
    take in time is said in the summary. Records that a sink refused, as a full disk does, make the
    run a failure.

    Raises:
        Exception: The first of `failures`, or what a sink failed with.
    """
    found = [each for each in (*failures, delivery.failure()) if each is not None]
    if delivery.gone and not found:
        return 0
    say(head)
    for line in (*pipeline.health.summary(), *delivery.summary(), *told):
        say(f"  {line}")
    if found:
        raise found[0]
    return 0


def _gate(
    settings: Settings, source: Source, before: Mapping[int, Found]
) -> Callable[[bytes], bytes]:
    """Return what each batch passes through first, with the arguments of older processes.

    Args:
        settings: Of the run.
        source: Open: it has listed all processes.
        before: What proc said of them ahead of that.
    """
    from kflowd.bpf.source import own_tgid

    redact, clock = _redact(settings), source.clock
    # in a pid namespace proc has other numbers than the kernel's programs
    if clock is None or own_tgid() != os.getpid():
        return redact
    until_ns = clock.now_ns()
    found = confirmed(before, read_all())
    filler = Filler(found, os.sysconf("SC_CLK_TCK"), clock.ahead_ns, until_ns)
    return lambda batch: redact(filler.fill(batch))


def _leave_out(source: Source, log: Log) -> Callable[[Iterable[tuple[int, int]]], None]:
    """Return what leaves out processes, in place of those before."""

    def leave_out(found: Iterable[tuple[int, int]]) -> None:
        try:
            source.leave_out(found)
        except KflowdError as error:
            log.warning("the consumer and plugins are not left out", reason=str(error))

    return leave_out


def _leave_out_plugins(
    plugins: Service | None, source: Source, log: Log, stack: ExitStack
) -> LeftOut:
    """Leave out the processes of plugins, until a stack lets go; return what leaves out others."""
    from kflowd.bpf.source import own_tgid

    left_out = LeftOut(_leave_out(source, log))
    # in a pid namespace proc has other numbers than the kernel's programs
    if plugins is not None and own_tgid() == os.getpid():
        stack.callback(plugins.follow, lambda _processes: None)
        plugins.follow(left_out.plugins)
    return left_out


def _watch(settings: Settings, left_out: LeftOut, say: Say) -> Watch | None:
    """Return what leaves out who reads the output; None: nobody does, or it is not wanted."""
    pipe = _consumed(settings)
    if not pipe:
        return None
    # from now on: a parent that ends does not make a consumer of its own parent
    spared = ancestors()

    return Watch(
        lambda breathe: find(pipe, breathe, spared),
        lambda found: left_out.consumer(it.identity for it in found),
        lambda new: say(_leaving_out(new)),
    )


def _consumed(settings: Settings) -> Pipes:
    """Return the pipe whose readers are left out; {}: nobody's."""
    from kflowd.bpf.source import own_tgid

    # in a pid namespace proc has other numbers than the kernel's programs
    if settings.with_consumer or settings.quiet or own_tgid() != os.getpid():
        return {}
    return output_pipe(STDOUT)


def _leaving_out(processes: Sequence[Process]) -> str:
    names = ", ".join(map(str, processes))
    return f"leaving out {names}: who reads the output; --with-consumer shows it"


def diagnose(settings: Settings, *, as_json: bool) -> tuple[str, int]:
    """Return the text of `doctor` and its exit code."""
    from kflowd import doctor

    coverage, _ = examine(settings)
    coverage = msgspec.structs.replace(coverage, plugins=_plugins(settings))
    if as_json:
        return doctor.render_json(coverage), coverage.exit_code
    return doctor.render_text(coverage, terminal=os.isatty(STDOUT)), coverage.exit_code


def _plugins(settings: Settings) -> tuple[str, ...]:
    """Return the plugins as they are when they are loaded, each as a line."""
    plugins = open_plugins(settings.plugin, lambda _line: None, APPLICATIONS)
    if plugins is None:
        return ()
    with plugins:
        return tuple(map(str, plugins.rows()))


def examine(settings: Settings) -> tuple[Coverage, Mapping[str, str]]:
    """Return what can be traced here, and what the kernel said of programs that it refused."""
    from kflowd import doctor
    from kflowd.bpf.rules import described

    rules = _rules(settings, lambda _line: None)
    source = _source(settings, rules)
    coverage = doctor.run(source)
    left_out = tuple(map(str, find(_consumed(settings))))
    features = {it.name: it for it in coverage.features}
    filters = described(settings.trace, rules.user_ids, features) if features else ()
    messages = settings.described if settings.ports else ()
    found = msgspec.structs.replace(coverage, left_out=left_out, filters=filters, messages=messages)
    return found, source.refused


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"


def _source(settings: Settings, rules: Rules, followed: int = 0) -> Source:
    """Return the source of a run, which does not watch ourselves."""
    from kflowd.bpf.source import Source, own_tgid

    return Source(
        settings.trace,
        self_tgid=own_tgid(),
        followed=followed,
        verbose=settings.verbose,
        user_ids=rules.user_ids,
        ports=settings.ports,
        program_times=settings.metrics.program_times,
    )
