# SPDX-License-Identifier: Apache-2.0
"""The settings tree: each setting once, with its type, default, limits and help.

The options of the command line, their table in README.md, range errors, and the constants and map
sizes of the kernel side are all made from here. A field's key is its name, without the `_ns` that
says that Python has nanoseconds; the long option is the key with hyphens.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kflowd.errors import ContradictionError
from kflowd.settings.applications import ApplicationSettings, Port
from kflowd.settings.fim import FimSettings, wrong_rules
from kflowd.settings.metrics import MetricsSettings
from kflowd.settings.option import (
    BYTES,
    BYTES_POWER_OF_TWO,
    NS_PER_SECOND,
    SECONDS,
    Map,
    Option,
)
from kflowd.settings.outputs import (
    FOR_PEOPLE,
    OVER_HTTP,
    STDOUT,
    Format,
    OutputSettings,
    contradictions,
)
from kflowd.settings.plugins import PluginSettings
from kflowd.settings.rules import Rule
from kflowd.settings.servers import Server

Subsystem = Literal["file", "socket", "process"]
AttachMode = Literal["fentry", "kprobe", "tracepoint"]

# Longer than any run; keeps nanoseconds far from 64 bits.
Duration = Annotated[int, Meta(ge=1, le=1_000_000_000 * NS_PER_SECOND)]
# One record of the longest kind fits, and the kernel wants a power of two of whole pages.
RingBytes = Annotated[int, Meta(ge=16 << 10, le=1 << 30)]
Entries = Annotated[int, Meta(ge=16, le=4 << 20)]


# Why servers of --udp cannot get a form.
_NO_DATAGRAMS = {
    **{form: f"{form} is for people, and --udp for programs" for form in FOR_PEOPLE},
    **{form: f"{form} is sent by http alone, and --udp has datagrams" for form in OVER_HTTP},
}
# What only files have: asked for without them it would be passed over.
OF_FILES = ("pseudo_fs", "directories", "failed")


def key_of(field: str) -> str:
    """Return the key of a field."""
    return field.removesuffix("_ns")


class TraceSettings(Struct, frozen=True, kw_only=True, rename=key_of):
    """What is observed, and how much memory the kernel side may use: all that the source needs."""

    monitor: Annotated[
        frozenset[Subsystem], Option(help="What to trace", short="-m", commands=("trace", "doctor"))
    ] = frozenset(("file", "socket"))
    idle_ns: Annotated[
        Duration,
        Option(
            help="Seconds until a file or socket that is idle is reported",
            short="-t",
            unit=SECONDS,
            reload=True,
        ),
    ] = 15 * NS_PER_SECOND
    active_ns: Annotated[
        Duration,
        Option(
            help="Seconds until a file or socket that is still active is reported",
            short="-t",
            unit=SECONDS,
            reload=True,
        ),
    ] = 1800 * NS_PER_SECOND
    events: Annotated[
        Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)] | None,
        Option(
            help="Report a file or process as soon as it has N events; 1 is one record for each "
            "event",
            short="-e",
            constant="kf_export_at",
        ),
    ] = None
    attach: Annotated[
        AttachMode | None,
        Option(
            help="Use only this attach mode, in place of the best one for each hook",
            metavar="MODE",
            commands=("trace", "doctor"),
        ),
    ] = None
    pseudo_fs: Annotated[
        bool,
        Option(help="Files of proc, sysfs, cgroup and the like too", constant="kf_pseudo_fs"),
    ] = False
    directories: Annotated[
        bool,
        Option(
            help="Directories too: made, removed, renamed, changed, opened and listed",
            commands=("trace", "doctor"),
            constant="kf_directories",
        ),
    ] = False
    failed: Annotated[
        bool,
        Option(
            help="Attempts that failed too, with their error: a denied open, a missing program",
            commands=("trace", "doctor"),
        ),
    ] = False
    include: Annotated[
        tuple[Rule, ...],
        Option(
            help="Only what matches; keys: path, exe, user, event, fstype, cgroup, container, "
            "port, net",
            commands=("trace", "doctor", "replay"),
        ),
    ] = ()
    exclude: Annotated[
        tuple[Rule, ...],
        Option(
            help="Nothing that matches, also of what --include names",
            commands=("trace", "doctor", "replay"),
        ),
    ] = ()
    # about 27,000 records of files: more than a second of a busy host between two drains
    ring_bytes: Annotated[
        RingBytes,
        Option(
            help="Size of the ring buffer",
            unit=BYTES_POWER_OF_TWO,
            maps=(Map(name="kf_ring"),),
        ),
    ] = 8 << 20
    # (program image, name, inode) between two events that end them; 312 bytes each, 5 MB; and as
    # many names that wait for room in the ring
    file_entries: Annotated[
        Entries,
        Option(
            help="Files followed at once",
            maps=(
                Map(name="kf_files", subsystem="file"),
                Map(name="kf_names", subsystem="file"),
            ),
        ),
    ] = 16384
    # TCP connections, and as many UDP peers; 600 bytes each, 10 MB twice. A process may have half
    # of each, and what is beyond is folded: docs/shares.md says how
    sock_entries: Annotated[
        Entries,
        Option(
            help="TCP connections, and UDP peers, followed at once; a process that has more than "
            "half gets sums",
            constant="kf_sock_entries",
            maps=(
                Map(name="kf_tcp", subsystem="socket"),
                Map(name="kf_udp", subsystem="socket"),
                # Sockets have an owner from their creation on, also those without traffic.
                Map(name="kf_owners", times=2, subsystem="socket"),
                Map(name="kf_spill", times=2, subsystem="socket"),
                # programs that use the sockets of others, UNIX sockets too
                Map(name="kf_users", subsystem="socket"),
                Map(name="kf_aliases", times=2, subsystem="socket"),
                # by kf_fold__entries
                Map(name="kf_folds", per=16, more=64, subsystem="socket"),
            ),
        ),
    ] = 16384
    # those that have carried data; 350 bytes each, 3 MB
    unix_entries: Annotated[
        Entries,
        Option(
            help="UNIX sockets followed at once; a process that has more than half gets sums",
            constant="kf_unix_entries",
            maps=(
                Map(name="kf_unix", subsystem="socket"),
                # by kf_unix_fold__entries
                Map(name="kf_unix_folds", per=16, more=64, subsystem="socket"),
            ),
        ),
    ] = 8192

    @property
    def observed(self) -> frozenset[str]:
        """What the kernel side looks at: files and sockets too for what processes did with them."""
        of_processes = {"file", "socket"} if "process" in self.monitor else set()
        return self.monitor | of_processes

    @property
    def export_at(self) -> int:
        """Events that make a file a record at once; 0: no limit, or no records of files."""
        return (self.events or 0) if "file" in self.monitor else 0

    def contradictions(self) -> Iterator[ContradictionError]:
        """Yield what would have no effect: an option of files where files are not observed."""
        for key in OF_FILES:
            if getattr(self, key) and "file" not in self.monitor:
                cause = "only files have it, and --monitor is without file"
                yield ContradictionError(("trace", key), cause, ("trace", "monitor"))


class EnrichSettings(Struct, frozen=True, kw_only=True, rename=key_of):
    """What user space looks up beside names; a replay takes from the recording what it has."""

    # as long as the reference agent has it
    token: Annotated[
        Annotated[str, Meta(min_length=1, max_length=63)] | None,
        Option(
            help="What each record is to call this host: InfoHostToken",
            short="-T",
            reload=True,
            secret=True,
        ),
    ] = None
    # not in a recording
    package_versions: Annotated[
        bool,
        Option(
            help="Package versions (dpkg, rpm) of programs and of files that can be run",
            short="-v",
        ),
    ] = False
    checksums: Annotated[
        bool,
        Option(help="MD5 and SHA-256 of executable files in their records", short="-c"),
    ] = False
    # the largest library of a browser is below
    checksum_bytes: Annotated[
        Annotated[int, Meta(ge=1, le=1 << 50)],
        Option(help="Larger files have no checksums", unit=BYTES),
    ] = 256 << 20
    # a tenth to a sixth of one core
    checksum_rate: Annotated[
        Annotated[int, Meta(ge=1 << 20, le=1 << 40)],
        Option(help="What is read for checksums in a second, at most", unit=BYTES),
    ] = 64 << 20
    # a file of the largest size takes longer; its next record has the sums
    checksum_wait_ns: Annotated[
        Annotated[int, Meta(ge=1, le=60 * NS_PER_SECOND)],
        Option(
            help="Seconds that a record waits for checksums or for names of NSS, at most",
            unit=SECONDS,
        ),
    ] = 5 * NS_PER_SECOND
    # a recording has its answers
    no_nss: Annotated[
        bool,
        Option(help="Names of users and groups from /etc/passwd and /etc/group alone, not of NSS"),
    ] = False


class Settings(Struct, frozen=True, kw_only=True, rename=key_of):
    """What one run is to do."""

    trace: TraceSettings = TraceSettings()
    enrich: EnrichSettings = EnrichSettings()
    application: ApplicationSettings = ApplicationSettings()
    plugin: PluginSettings = PluginSettings()
    output: Annotated[tuple[OutputSettings, ...], Meta(min_length=1, max_length=16)] = (
        OutputSettings(),
    )
    metrics: MetricsSettings = MetricsSettings()
    fim: FimSettings = FimSettings()
    udp: Annotated[
        tuple[Server, ...],
        Option(
            help="Also send each record to each of these servers, as a datagram",
            short="-u",
            commands=("trace", "replay", "decode"),
            reload=True,
        ),
    ] = ()
    quiet: Annotated[
        bool,
        Option(
            help="No records on stdout: with --udp or --record, or for the summary alone",
            short="-q",
            commands=("trace", "replay", "decode"),
        ),
    ] = False
    daemon: Annotated[
        bool,
        Option(
            help="Go on in the background when all is loaded, without records on stdout: with "
            "--udp, --record or another output",
            short="-d",
        ),
    ] = False
    pid_file: Annotated[
        Path | None, Option(help="With --daemon: the number of its process, in FILE until it ends")
    ] = None
    strict: Annotated[
        bool,
        Option(
            help="Only the fields of the contract, no extra ones",
            commands=("trace", "replay", "decode"),
        ),
    ] = False
    duration_ns: Annotated[Duration | None, Option(help="Stop after this time", unit=SECONDS)] = (
        None
    )
    count: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Option(
            help="Stop after this many printed records; the health record at the end is left out "
            "then",
            metavar="RECORDS",
            commands=("trace", "replay", "decode"),
        ),
    ] = None
    with_consumer: Annotated[
        bool,
        Option(
            help="The consumer too: the processes that read kflowd's output from a pipe, else "
            "left out as kflowd itself is",
            commands=("trace", "doctor"),
        ),
    ] = False
    no_redact: Annotated[
        bool,
        Option(
            help="Secrets as they are: in arguments of programs, in the recording too, and in "
            "messages",
            commands=("trace", "replay", "decode"),
        ),
    ] = False
    record: Annotated[
        Path | None, Option(help="Also write what comes from the kernel to FILE, for replay")
    ] = None
    verbose: Annotated[
        bool,
        Option(
            help="Messages of libbpf and of kflowd on stderr, and a traceback for an internal "
            "error",
            short="-V",
            commands=("trace", "doctor", "replay", "decode"),
            reload=True,
        ),
    ] = False

    @property
    def ports(self) -> tuple[Port, ...]:
        """Ports whose payload is captured: none where sockets have no records."""
        if "socket" not in self.trace.monitor:
            return ()
        return self.application.ports + self.plugin.ports

    @property
    def described(self) -> tuple[str, ...]:
        """Each application that has ports, with them: "DNS at udp/53, tcp/53"."""
        others = (
            f"{it.word.upper()} at {', '.join(map(str, it.ports))} (plugin)"
            for it in self.plugin.plugin_ports
        )
        return (*self.application.described(), *others)

    @property
    def stdout_index(self) -> int | None:
        """Which output is standard output, None if none is."""
        found = (index for index, it in enumerate(self.output) if it.sink == STDOUT)
        return next(found, None)

    @property
    def only_stdout(self) -> bool:
        """Whether standard output is the only output."""
        return all(it.sink == STDOUT for it in self.output)

    @property
    def servers_form(self) -> Format:
        """The form in which servers of --udp get records: that of standard output."""
        index = self.stdout_index
        return self.output[0 if index is None else index].form

    def contradictions(self) -> Iterator[ContradictionError]:
        """Yield what cannot be said.

        Options of a part contradict, or fields beyond the contract and none beyond it are wanted;
        servers would get a form that is no datagram or for people; an output or a rule does not fit
        itself; a port would be read twice; what is in the background has no way out, or a file of
        its number and is none.
        """
        yield from self.trace.contradictions()
        yield from self.application.contradictions()
        yield from self.metrics.contradictions()
        sinks = [("output", number, "sink") for number in range(len(self.output))]
        if self.daemon and not self.udp and self.record is None and self.only_stdout:
            cause = "there is no stdout for it: with --udp, --record or another output"
            yield ContradictionError(("daemon",), cause, ("udp",), ("record",), *sinks)
        if self.pid_file is not None and not self.daemon:
            yield ContradictionError(("pid_file",), "only with --daemon", ("daemon",))
        if self.trace.failed and self.strict:
            cause = "its fields go beyond the contract: not with --strict"
            yield ContradictionError(("trace", "failed"), cause, ("strict",))
        if self.udp and self.servers_form in _NO_DATAGRAMS:
            place = ("output", self.stdout_index or 0, "format")
            cause = _NO_DATAGRAMS[self.servers_form]
            yield ContradictionError(place, cause, ("udp",), *sinks)
        yield from contradictions(self.output)
        yield from self._plugin_contradictions()
        for wrong in wrong_rules(self.fim.rule):
            rule = ("fim", "rule", wrong.number)
            rule_key, other = ((*rule, each) if each else rule for each in (wrong.key, wrong.other))
            yield ContradictionError(rule_key, wrong.cause, other)

    def _plugin_contradictions(self) -> Iterator[ContradictionError]:
        """Yield each port that a plugin is to read beside another application."""
        here = ("plugin", "plugin_ports")
        readers = {
            Port(*port): (key.upper(), ("application", key))
            for key in self.application.__struct_fields__
            for port in getattr(self.application, key)
        }
        for each in self.plugin.plugin_ports:
            for port in each.ports:
                word, place = readers.setdefault(Port(*port), (each.word.upper(), here))
                if word != each.word.upper():
                    yield ContradictionError(here, f"{port} is read as {word} already", place)

    def __post_init__(self) -> None:
        """Refuse what cannot be said.

        Raises:
            ContradictionError: The first such, with all others.
        """
        found = tuple(self.contradictions())
        if found:
            found[0].further = found[1:]
            raise found[0]
