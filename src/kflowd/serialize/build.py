# SPDX-License-Identifier: Apache-2.0
"""Enriched values become numbered records."""

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET

from kflowd.contract import counters
from kflowd.model import (
    Actor,
    ClockStep,
    Counters,
    Enriched,
    EnrichedFile,
    EnrichedProcess,
    EnrichedSocket,
    EnrichedUnix,
    Role,
    Session,
    SocketAggregate,
    facts_of,
)
from kflowd.serialize.blocks.health import HealthDelivery, HealthKernel, HealthUser
from kflowd.serialize.blocks.info import Moment, Stamp, Uptime
from kflowd.serialize.blocks.socket import SocketAge
from kflowd.serialize.file import digests_of, file_block, file_notes, inode_block
from kflowd.serialize.hosts import HostFacts, Hosts
from kflowd.serialize.lifetime import lifetime, with_notes
from kflowd.serialize.messages import said
from kflowd.serialize.process import ProcessBlocks, age_of
from kflowd.serialize.record import (
    FileRecord,
    FlowRecord,
    HealthRecord,
    ProcessRecord,
    Record,
    ServerRecord,
    SocketRecord,
    UnixRecord,
    UnixServerRecord,
)
from kflowd.serialize.socket import (
    socket_block,
    socket_extra,
    socket_round_trip,
    socket_rx,
    socket_tx,
    unix_block,
    unix_extra,
)
from kflowd.serialize.wall import WallClock

NOBODY = Actor(None)
_Socket = TypeVar("_Socket", bound=SocketRecord)


class UserCounters(msgspec.Struct, frozen=True, kw_only=True):
    """What user space counted; a name here is a key of HealthUser: decode_short, DecodeShort."""

    decode_unknown: int = 0
    decode_short: int = 0
    decode_corrupt: int = 0
    paths_evicted: int = 0
    partials_evicted: int = 0
    sockets_evicted: int = 0
    processes_evicted: int = 0
    processes_unknown: int = 0
    file_records: int = 0
    names_lost: int = 0
    processes_incomplete: int = 0
    records_failed: int = 0
    names_failed: int = 0
    recording_lost: int = 0
    lookups_lost: int = 0
    ends_lost: int = 0
    records_waiting: int = 0
    waits_ended: int = 0
    records_hidden: int = 0
    descendants_lost: int = 0
    messages_lost: int = 0
    conversations_lost: int = 0
    remote_names_evicted: int = 0
    plugin_faults: int = 0
    plugin_parts_lost: int = 0
    plugins_disabled: int = 0


class OutputCounters(msgspec.Struct, frozen=True, rename="pascal"):
    """What one output did with the records that were meant for it; an entry of HealthOutputs.

    `lost` is the sum of what is behind it but for `filtered`, which no other has.
    """

    name: str
    state: str
    written: int
    queued: int
    lost: int
    lost_full: int
    lost_late: int
    lost_refused: int
    lost_gone: int
    lost_end: int
    filtered: int = 0


class Builder:
    """Makes records and numbers them in the order of the calls.

    Args:
        strict: Leave out what goes beyond the contract.
        versions: With those of packages, "" if there is none.
    """

    def __init__(self, *, strict: bool = False, versions: bool = False) -> None:
        self.sequence = 0
        self._strict = strict
        self._versions = versions
        self._processes = ProcessBlocks(strict=strict, versions=versions)
        self._kernel_keys = kernel_keys()
        self._start_ns = self._hz = 0
        self._wall = WallClock()
        self._hosts = Hosts()

    def begin(self, session: Session) -> None:
        """Take start, clock and host from a session."""
        self._start_ns = session.ts_ns
        self._wall.begin(session.realtime_offset_ns)
        self._hz = session.hz
        self._hosts.take(facts_of(HostFacts, session.facts))

    def step(self, step: ClockStep) -> None:
        """Take note that the wall clock was set."""
        self._wall.add(step)

    def record(self, value: Enriched) -> Record:
        """Return the record of a value."""
        if isinstance(value, EnrichedFile):
            return self.file(value)
        if isinstance(value, EnrichedSocket):
            return self.socket(value)
        if isinstance(value, EnrichedProcess):
            return self.process(value)
        return self.unix(value)

    def file(self, value: EnrichedFile) -> FileRecord:
        """Return the record of a file aggregate; the age of its process is at the last event."""
        aggregate = value.aggregate
        actor, process, details = self._processes.of(value.actor)
        stamp, uptime, moment = self._begin(aggregate.ts_ns, FileRecord.MONITOR)
        return FileRecord(
            stamp=stamp,
            host=self._hosts.at(aggregate.ts_ns),
            uptime=uptime,
            moment=moment,
            process=process,
            age=age_of(actor, aggregate.last_ns),
            details=details,
            file=file_block(value, versions=self._versions),
            inode=inode_block(value, strict=self._strict),
            digests=None if value.sums is None else digests_of(*value.sums),
            notes=None if self._strict else file_notes(aggregate.flags, value.notes),
        )

    def socket(self, value: EnrichedSocket) -> SocketRecord:
        """Return the record of a TCP or UDP aggregate."""
        server = value.aggregate.role == Role.SERVER
        return self._socket(ServerRecord if server else SocketRecord, value)

    def flow(self, aggregate: SocketAggregate, notes: tuple[str, ...] = ()) -> FlowRecord:
        """Return the record of a flow of a capture.

        Args:
            aggregate: The flow.
            notes: Words that say what could not be learned.
        """
        record = self._socket(FlowRecord, EnrichedSocket(NOBODY, aggregate, notes=notes))
        # packets do not tell what became of them behind the link
        rx = record.rx and msgspec.structs.replace(
            record.rx, SockRxPacketsQueued=UNSET, SockRxPacketsDrop=UNSET
        )
        return msgspec.structs.replace(record, details=None, rx=rx)

    def _socket(self, kind: type[_Socket], value: EnrichedSocket) -> _Socket:
        aggregate = value.aggregate
        actor, process, details = self._processes.of(value.actor)
        stamp, uptime, moment = self._begin(aggregate.ts_ns, SocketRecord.MONITOR)
        spoken = said(aggregate.messages, aggregate.first_ns, strict=self._strict)
        return kind(
            stamp=stamp,
            host=self._hosts.at(aggregate.ts_ns),
            uptime=uptime,
            moment=moment,
            process=process,
            age=age_of(actor, aggregate.ts_ns),
            details=details,
            socket=socket_block(aggregate),
            tx=socket_tx(value, self._hz),
            rx=socket_rx(value),
            round_trip=socket_round_trip(value.aggregate),
            socket_age=SocketAge(SockAge=aggregate.ts_ns - aggregate.first_ns),
            app=spoken.app,
            app_tx=spoken.tx,
            app_rx=spoken.rx,
            extra=None if self._strict else socket_extra(value),
        )

    def unix(self, value: EnrichedUnix) -> UnixRecord:
        """Return the record of a UNIX socket aggregate."""
        aggregate = value.aggregate
        actor, process, details = self._processes.of(value.actor)
        stamp, uptime, moment = self._begin(aggregate.ts_ns, UnixRecord.MONITOR)
        kind = UnixServerRecord if aggregate.role == Role.SERVER else UnixRecord
        return kind(
            stamp=stamp,
            host=self._hosts.at(aggregate.ts_ns),
            uptime=uptime,
            moment=moment,
            process=process,
            age=age_of(actor, aggregate.ts_ns),
            details=details,
            unix=unix_block(value),
            socket_age=SocketAge(SockAge=aggregate.ts_ns - aggregate.first_ns),
            extra=None if self._strict else unix_extra(value),
        )

    def process(self, value: EnrichedProcess) -> ProcessRecord:
        """Return the record of a process aggregate; its age is that at the end, or at this time."""
        aggregate = value.aggregate
        actor, process, details = self._processes.of(value.actor)
        stamp, uptime, moment = self._begin(aggregate.ts_ns, ProcessRecord.MONITOR)
        return ProcessRecord(
            stamp=stamp,
            host=self._hosts.at(aggregate.ts_ns),
            uptime=uptime,
            moment=moment,
            process=process,
            age=age_of(actor, aggregate.ts_ns),
            details=with_notes(details, aggregate) if details else None,
            lifetime=lifetime(aggregate, self._wall.at),
        )

    def health(
        self, kernel: Counters, user: UserCounters, outputs: Sequence[OutputCounters] = ()
    ) -> HealthRecord:
        """Return the record of what was seen, reported and lost.

        What outputs did is absent while none has lost a record: it depends on their readers, and a
        replay is to give the same bytes.
        """
        lost = sum(output.lost for output in outputs)
        counted = {name: kernel.values[at] for name, at in self._kernel_keys.items()}
        ours = {health_key(name): n for name, n in msgspec.structs.asdict(user).items()}
        stamp, uptime, moment = self._begin(kernel.ts_ns, HealthRecord.MONITOR)
        return HealthRecord(
            stamp=stamp,
            host=self._hosts.at(kernel.ts_ns),
            uptime=uptime,
            moment=moment,
            kernel=HealthKernel(**counted),
            user=HealthUser(HealthMissedRuns=kernel.missed, **ours),
            outputs=HealthDelivery(
                HealthOutputLost=lost,
                HealthOutputs=[msgspec.to_builtins(output) for output in outputs],
            )
            if lost
            else None,
        )

    def _begin(self, ts_ns: int, monitor: str) -> tuple[Stamp, Uptime, Moment | None]:
        self.sequence += 1
        wall_ns = self._wall.at(ts_ns)
        stamp = Stamp(
            InfoSequenceNumber=self.sequence,
            InfoTimestamp=wall_ns,
            InfoMonitor=monitor,
        )
        moment = None if self._strict else Moment(InfoTime=wall_ns)
        return stamp, Uptime(InfoUptime=ts_ns - self._start_ns), moment


def health_key(name: str) -> str:
    """Return `HealthDecodeShort` for decode_short or DECODE_SHORT."""
    return "Health" + re.sub(r"_?([a-z]+)", lambda word: word[1].capitalize(), name.lower())


def kernel_keys() -> dict[str, int]:
    """Return where each counter of the contract stands, by its key in a health record."""
    return {health_key(name.removeprefix("KF_CNT_")): at for name, at in counters().items()}
