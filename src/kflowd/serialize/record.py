# SPDX-License-Identifier: Apache-2.0
"""Records: compositions of blocks. A record is a value until a format makes text of it."""

from typing import ClassVar, get_args, get_type_hints

import msgspec

from kflowd.serialize.blocks.file import FileBlock, FileDigests, FileNotes, InodeBlock
from kflowd.serialize.blocks.health import HealthDelivery, HealthKernel, HealthUser
from kflowd.serialize.blocks.info import Host, Moment, Stamp, Uptime
from kflowd.serialize.blocks.integrity import IntegrityBlock
from kflowd.serialize.blocks.lifetime import ProcessLifetime
from kflowd.serialize.blocks.process import ProcessAge, ProcessBlock, ProcessDetails
from kflowd.serialize.blocks.socket import (
    App,
    AppRx,
    AppTx,
    SocketAge,
    SocketBlock,
    SocketExtra,
    SocketRoundTrip,
    SocketRx,
    SocketTx,
    UnixBlock,
    UnixExtra,
)
from kflowd.serialize.keys import Block, keys_of
from kflowd.serialize.plugged import plugged


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record; blocks that it does not have are None.

    Attributes:
        MONITOR: Its InfoMonitor.
        ORDER: The members in the order of the output.
    """

    MONITOR: ClassVar[str] = ""
    ORDER: ClassVar[tuple[str, ...]] = ("stamp", "host", "uptime")

    stamp: Stamp
    host: Host
    uptime: Uptime
    moment: Moment | None


class OwnedRecord(Record, frozen=True, kw_only=True, gc=False):
    """A record with a process."""

    process: ProcessBlock
    age: ProcessAge | None
    details: ProcessDetails | None


class FileRecord(OwnedRecord, frozen=True, kw_only=True, gc=False):
    """What one process did to one file."""

    MONITOR: ClassVar[str] = "filesystem"
    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("process", "age", "file", "inode", "digests", "moment", "details", "notes"),
    )

    file: FileBlock
    inode: InodeBlock | None
    digests: FileDigests | None = None
    notes: FileNotes | None


class SocketRecord(OwnedRecord, frozen=True, kw_only=True, gc=False):
    """What went over one TCP connection or between a UDP socket and a peer: the client's side."""

    MONITOR: ClassVar[str] = "socket"
    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("process", "age", "socket", "tx", "rx", "round_trip", "socket_age"),
        *("app", "app_tx", "app_rx", "moment", "details", "extra"),
    )

    socket: SocketBlock
    tx: SocketTx | None
    rx: SocketRx | None
    round_trip: SocketRoundTrip | None
    socket_age: SocketAge
    app: App | None = None
    app_tx: AppTx | None = None
    app_rx: AppRx | None = None
    extra: SocketExtra | None


class ServerRecord(SocketRecord, frozen=True, kw_only=True, gc=False):
    """The server's side: what was received comes first."""

    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("process", "age", "socket", "rx", "round_trip", "tx", "socket_age"),
        *("app", "app_rx", "app_tx", "moment", "details", "extra"),
    )


class FlowRecord(SocketRecord, frozen=True, kw_only=True, gc=False):
    """A flow of a capture, seen from who began: nobody knows its process, nor the host's facts."""

    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("socket", "tx", "rx", "round_trip", "socket_age"),
        *("app", "app_tx", "app_rx", "moment", "extra"),
    )


class UnixRecord(OwnedRecord, frozen=True, kw_only=True, gc=False):
    """What went over one UNIX socket: the client's side."""

    MONITOR: ClassVar[str] = "socket"
    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("process", "age", "unix", "socket_age"),
        *("app", "app_tx", "app_rx", "moment", "details", "extra"),
    )

    unix: UnixBlock
    socket_age: SocketAge
    app: App | None = None
    app_tx: AppTx | None = None
    app_rx: AppRx | None = None
    extra: UnixExtra | None


class UnixServerRecord(UnixRecord, frozen=True, kw_only=True, gc=False):
    """The server's side: what was received comes first."""

    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("process", "age", "unix", "socket_age"),
        *("app", "app_rx", "app_tx", "moment", "details", "extra"),
    )


class ProcessRecord(OwnedRecord, frozen=True, kw_only=True, gc=False):
    """What a process did, and how it ended."""

    MONITOR: ClassVar[str] = "process"
    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("process", "age", "lifetime", "moment", "details"),
    )

    lifetime: ProcessLifetime


class HealthRecord(Record, frozen=True, kw_only=True, gc=False):
    """What was seen, reported and lost."""

    MONITOR: ClassVar[str] = "health"
    ORDER: ClassVar[tuple[str, ...]] = (*Record.ORDER, "kernel", "user", "outputs", "moment")

    kernel: HealthKernel
    user: HealthUser
    outputs: HealthDelivery | None


class IntegrityRecord(Record, frozen=True, kw_only=True, gc=False):
    """What file integrity monitoring has found; its process is absent where nobody knows it."""

    MONITOR: ClassVar[str] = "integrity"
    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("process", "age", "integrity", "moment", "details"),
    )

    process: ProcessBlock | None = None
    age: ProcessAge | None = None
    details: ProcessDetails | None = None
    integrity: IntegrityBlock


# every kind of record; formats, docs and tests go by this table
RECORDS: tuple[type[Record], ...] = (
    FileRecord,
    SocketRecord,
    ServerRecord,
    FlowRecord,
    UnixRecord,
    UnixServerRecord,
    ProcessRecord,
    HealthRecord,
    IntegrityRecord,
)
# what goes beyond the contract: --strict leaves it out
BEYOND_CONTRACT: tuple[type[Block], ...] = (
    Moment,
    ProcessDetails,
    FileNotes,
    SocketExtra,
    UnixExtra,
)


def block_types(record: type[Record]) -> dict[str, tuple[type[Block], bool]]:
    """Return the blocks of a kind of record in their order: member -> (type, may be None)."""
    hints = get_type_hints(record)
    types = {}
    for name in record.ORDER:
        kinds = get_args(hints[name]) or (hints[name],)
        types[name] = (plugged(kinds[0]), len(kinds) > 1)
    return types


def record_keys(record: type[Record]) -> tuple[str, ...]:
    """Return all keys that a kind of record can have, in their order."""
    types = block_types(record).values()
    return tuple(key.name for block, _ in types for key in keys_of(block))
