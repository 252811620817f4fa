# SPDX-License-Identifier: Apache-2.0
"""Makes the stages of a run and joins them: the only place that knows them all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

import kflowd
from kflowd.aggregate import Aggregator
from kflowd.aggregate.file import MAX_PATHS, PATHS_PER_ENTRY, FileAggregator
from kflowd.aggregate.followed import Followed
from kflowd.aggregate.messages import SocketMessages
from kflowd.aggregate.names import RemoteNames
from kflowd.aggregate.process import MAX_ENDED, ProcessAggregator
from kflowd.aggregate.socket import MAX_SOCKETS, SocketAggregator
from kflowd.constants import IPPROTO_TCP, IPPROTO_UDP
from kflowd.delivery import Delivery
from kflowd.enrich import ENRICHERS, Enricher, Enrichment
from kflowd.enrich.cgroup_handles import OpenGroup
from kflowd.enrich.cgroups import Cgroups
from kflowd.enrich.checksums import Checksums, Limits
from kflowd.enrich.host import host_facts
from kflowd.enrich.interfaces import Interfaces
from kflowd.enrich.labels import Labellers, PluginLabels
from kflowd.enrich.namespaces import Enter, Namespaces
from kflowd.enrich.packages import PackageVersions
from kflowd.enrich.plugins import Plugins, Readers
from kflowd.enrich.stage import recorded
from kflowd.enrich.users import Users
from kflowd.enrich.waiting import Waiting
from kflowd.errors import UsageError
from kflowd.faults import Faults
from kflowd.filters import Filter, Rules
from kflowd.laps import Lap, no_lap
from kflowd.model import ClockStep, Session, facts_of
from kflowd.pipeline import Pipeline
from kflowd.protocols import APPLICATIONS, DNS, Application, Deferred, Message
from kflowd.records.ahead import tasks_ahead
from kflowd.records.clock import encode_step
from kflowd.records.session import encode_session, fit_facts
from kflowd.redact.messages import redact_message
from kflowd.serialize import Builder, HostFacts
from kflowd.serialize.plugged import plug
from kflowd.settings import Settings, Subsystem, TraceSettings
from kflowd.settings.applications import ApplicationSettings
from kflowd.settings.convert import convert
from kflowd.settings.plugins import PluginSettings

PROTOCOLS = {"tcp": IPPROTO_TCP, "udp": IPPROTO_UDP}


class RunFacts(msgspec.Struct, frozen=True):
    """Settings of a recorded run that decide how its records look; 0: the default."""

    idle_ns: int = 0
    active_ns: int = 0
    export_at: int = 0
    sock_entries: int = 0
    checksums_wanted: bool = False
    checksum_bytes: int = 0
    checksum_wait_ns: int = 0
    monitor: tuple[Subsystem, ...] = ()
    followed: int = 0  # tgid of the process that the run was for
    rules: Rules = Rules()
    applications: dict[str, tuple[str, ...]] = {}
    plugin_ports: tuple[str, ...] = ()


class Reading(Readers, Labellers, Protocol):
    """The processes of plugins, which read and label."""


def live_enrichers(
    enter: Enter | None = None,
    open_group: OpenGroup | None = None,
    *,
    versions: bool = False,
    plugins: Reading | None = None,
) -> list[Enricher]:
    """Return the enrichers, which look at this host and follow its changes.

    Args:
        enter: Moves the calling thread into the network namespace of a descriptor; None: other
            namespaces stay unknown.
        open_group: Opens control groups by number; None: they are found by their tasks.
        versions: Of packages, too.
        plugins: Their processes, None: there are none.
    """
    enrichers = [kind.live() for kind in ENRICHERS]
    for each in enrichers:
        if isinstance(each, Interfaces) and enter is not None:
            each.elsewhere = Namespaces(enter)
        if isinstance(each, Cgroups) and open_group is not None:
            each.reach(open_group)
        if isinstance(each, Plugins):
            each.readers = plugins
        elif isinstance(each, PluginLabels) and plugins is not None:
            each.begin(plugins)
    if versions:
        enrichers.append(PackageVersions.live())
    return enrichers


class News:
    """What is found while a run goes on: steps of the clock, and a session that follows the first.

    Such a session tells of the host as it is then.

    Args:
        session: The first.
        enrichers: Of the run.
        ends_lost: Returns how many ends of processes and sockets the source had no room for.
        clock_steps: Returns the steps of the wall clock since it was asked last.
        host: Returns the host if it has changed since it was asked last.
    """

    def __init__(
        self,
        session: Session,
        enrichers: Sequence[Enricher],
        ends_lost: Callable[[], int] = int,
        clock_steps: Callable[[], Iterable[ClockStep]] = tuple,
        host: Callable[[], HostFacts | None] = lambda: None,
    ) -> None:
        self._session = session
        self._host = msgspec.structs.asdict(facts_of(HostFacts, session.facts))
        self._enrichers = enrichers
        self._ends_lost = ends_lost
        self._clock_steps = clock_steps
        self._changed_host = host
        self._told = 0
        self._lookups_lost: dict[type[Enricher], int] = {}
        self._ahead = [each.ahead for each in enrichers if type(each).ahead is not Enricher.ahead]

    def __call__(self, batch: bytes = b"") -> bytes:
        """Return what was found since the last call; b"": nothing.

        Args:
            batch: What comes next in the stream.
        """
        if self._ahead:
            for task in tasks_ahead(batch):
                for ahead in self._ahead:
                    ahead(*task)
        return b"".join(map(encode_step, self._clock_steps())) + self._facts()

    def _facts(self) -> bytes:
        found: dict[str, Any] = {}
        for each in self._enrichers:
            found |= (news := each.news())
            if "lookups_lost" in news:
                # each tells its own
                self._lookups_lost[type(each)] = news["lookups_lost"]
                found["lookups_lost"] = sum(self._lookups_lost.values())
        if (lost := self._ends_lost()) != self._told:
            self._told = found["ends_lost"] = lost
        if (host := self._changed_host()) is not None:
            self._host = msgspec.structs.asdict(host)
            found |= self._host
        if not found:
            return b""
        facts = msgspec.json.encode(self._host | found)
        return encode_session(msgspec.structs.replace(self._session, facts=facts))


def recorded_enrichers(facts: bytes) -> list[Enricher]:
    """Return the enrichers as of the host that a recording was made on; they never change."""
    return recorded(ENRICHERS, facts)


def session_facts(
    settings: Settings,
    enrichers: Sequence[Enricher],
    *,
    full: bool,
    followed: int = 0,
    rules: Rules | None = None,
) -> tuple[bytes, list[str]]:
    """Return the facts of this host as a JSON object, and the keys of those it has no room for.

    Args:
        settings: Of the run.
        enrichers: Of the run.
        full: With what a replay needs, which takes some time and space.
        followed: tgid of the process that the run is for, 0: for all.
        rules: What filters the run.
    """
    version, token = f"kflowd-v{kflowd.__version__}", settings.enrich.token or ""
    facts = msgspec.structs.asdict(host_facts(version, token))
    if full:
        for each in enrichers:
            facts |= each.facts()
    run = _run_facts(settings, rules or Rules(), followed)
    facts |= msgspec.structs.asdict(run)
    return fit_facts(facts)


def _run_facts(settings: Settings, rules: Rules, followed: int) -> RunFacts:
    trace, enrich, applications = settings.trace, settings.enrich, settings.application
    return RunFacts(
        followed=followed,
        idle_ns=trace.idle_ns,
        active_ns=trace.active_ns,
        export_at=trace.events or 0,
        monitor=tuple(sorted(trace.monitor)),
        sock_entries=trace.sock_entries,
        checksums_wanted=enrich.checksums,
        checksum_bytes=enrich.checksum_bytes,
        checksum_wait_ns=enrich.checksum_wait_ns,
        rules=rules,
        applications=applications.as_texts(),
        plugin_ports=tuple(map(str, settings.plugin.plugin_ports)),
    )


def as_recorded(settings: Settings, facts: bytes) -> Settings:
    """Return settings with those of the recorded run that a replay cannot choose."""
    run = facts_of(RunFacts, facts)
    trace = msgspec.structs.replace(
        settings.trace,
        monitor=frozenset(run.monitor) or settings.trace.monitor,
        idle_ns=run.idle_ns or settings.trace.idle_ns,
        active_ns=run.active_ns or settings.trace.active_ns,
        events=run.export_at or None,
        sock_entries=run.sock_entries or settings.trace.sock_entries,
    )
    enrich = msgspec.structs.replace(
        settings.enrich,
        checksums=run.checksums_wanted,
        checksum_bytes=run.checksum_bytes or settings.enrich.checksum_bytes,
        checksum_wait_ns=run.checksum_wait_ns or settings.enrich.checksum_wait_ns,
    )
    application, plugin = _recorded_ports(run)
    return msgspec.structs.replace(
        settings, trace=trace, enrich=enrich, application=application, plugin=plugin
    )


def _recorded_ports(run: RunFacts) -> tuple[ApplicationSettings, PluginSettings]:
    """Return the ports of a recorded run; those that make no sense are the default.

    What plugins read is in the recording: none is loaded.
    """
    table = {key: list(ports) for key, ports in run.applications.items()}
    plugin = {"plugin_ports": list(run.plugin_ports)}
    try:
        settings = convert({"application": table, "plugin": plugin})
    except UsageError:
        return ApplicationSettings(), PluginSettings()
    return settings.application, settings.plugin


def recorded_rules(settings: Settings, facts: bytes) -> list[Rules]:
    """Return the rules of a replay: those of the recorded run, and its own; all of them hold."""
    return [facts_of(RunFacts, facts).rules, rules_of(settings.trace)]


def rules_of(trace: TraceSettings, user_ids: Mapping[str, int] | None = None) -> Rules:
    """Return the rules of a run.

    Args:
        trace: What it is to do.
        user_ids: Numbers of the users that they name; None: names alone decide.
    """
    return Rules(trace.include, trace.exclude, user_ids or {})


def make_pipeline(
    settings: Settings,
    enrichers: Sequence[Enricher],
    delivery: Delivery,
    faults: Faults | None = None,
    unrecorded: Callable[[], int] = int,
    *,
    followed: int = 0,
    rules: Sequence[Rules] = (),
    lap: Lap = no_lap,
) -> Pipeline:
    """Return the stages of one run, joined.

    Args:
        settings: Of the run.
        enrichers: Of the run.
        delivery: Where records go.
        faults: Counts what internal errors cost.
        unrecorded: Returns how many records a recording lacks.
        followed: tgid of the process that the run is for, 0: for all.
        rules: What filters the records; all of them hold.
        lap: Called at the end of each stage.
    """
    trace = settings.trace
    faults = faults or Faults()
    files = FileAggregator(
        trace.idle_ns,
        trace.export_at,
        max(MAX_PATHS, PATHS_PER_ENTRY * trace.file_entries),
    )
    sockets = SocketAggregator(max(MAX_SOCKETS, 2 * trace.sock_entries))
    descendants = Followed(followed, faults) if followed else None
    processes, messages = _processes(trace, faults), _messages(settings, faults)
    aggregator = Aggregator(files, sockets, faults, processes, descendants, messages=messages)
    hiding = Filter(*rules) if any(each.include or each.exclude for each in rules) else None
    enrichment = Enrichment(
        _started(enrichers, settings),
        faults,
        Waiting(settings.enrich.checksum_wait_ns),
        hiding.hides if hiding else None,
    )
    if "process" in trace.monitor:
        # an aggregate waits for two sweeps behind the end of its process
        enrichment.processes.max_exited = MAX_ENDED
    builder = Builder(strict=settings.strict, versions=settings.enrich.package_versions)
    return Pipeline(
        aggregator,
        enrichment,
        builder,
        delivery,
        faults=faults,
        hiding=hiding,
        unrecorded=unrecorded,
        lap=lap,
    )


def _processes(trace: TraceSettings, faults: Faults) -> ProcessAggregator | None:
    if "process" not in trace.monitor:
        return None
    return ProcessAggregator(
        trace.active_ns,
        trace.events or 0,
        files="file" in trace.monitor,
        sockets="socket" in trace.monitor,
        faults=faults,
    )


def _messages(settings: Settings, faults: Faults) -> SocketMessages | None:
    ports = application_ports(settings) if settings.ports else {}
    if not ports:
        return None
    names = RemoteNames() if DNS in ports.values() else None
    return SocketMessages(ports, faults=faults, names=names, redact=redaction(settings))


def redaction(settings: Settings) -> Callable[[Message], None] | None:
    """Return what takes secrets out of messages, None: they stay."""
    return None if settings.no_redact else redact_message


def plug_keys(settings: Settings) -> None:
    """Let records have keys for what plugins read; to be called ahead of all that asks for keys."""
    plug(Deferred(each.word).key for each in settings.plugin.plugin_ports)


def application_ports(settings: Settings) -> dict[tuple[int, int], Application]:
    """Return which application talks on a (protocol, port)."""
    known = [
        (application, getattr(settings.application, key))
        for key, application in APPLICATIONS.items()
    ]
    others = [(Deferred(each.word), each.ports) for each in settings.plugin.plugin_ports]
    return {
        (PROTOCOLS[port.protocol], port.number): application
        for application, ports in (*known, *others)
        for port in ports
    }


def _started(enrichers: Sequence[Enricher], run: Settings) -> list[Enricher]:
    """Return the enrichers of a run without what it does not want; those left are ready."""
    settings, wanted = run.enrich, []
    for each in enrichers:
        if isinstance(each, Checksums):
            if not settings.checksums:
                continue
            each.start(Limits(settings.checksum_bytes, settings.checksum_rate))
        elif isinstance(each, Users) and not settings.no_nss:
            each.start(settings.checksum_wait_ns)
        elif isinstance(each, Plugins):
            if each.readers is None and not run.plugin.plugin_ports:
                continue
            each.redact = redaction(run)
        elif isinstance(each, PluginLabels) and not each.needed:
            continue
        wanted.append(each)
    return wanted
