# SPDX-License-Identifier: Apache-2.0
"""Enriched values become output records: Info and Proc blocks, and the three kinds around them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from kflowd.model import (
    UNSET_ID,
    Counters,
    Enriched,
    EnrichedFile,
    EnrichedSocket,
    EnrichedUnix,
    FileFlag,
    HostFacts,
    Inode,
    ProcessFlag,
    ProcessSeen,
    Session,
)
from kflowd.serialize import contract
from kflowd.serialize.fields import FILE_EXTRA, PROCESS_EXTRA, SOCKET_EXTRA, UNIX_EXTRA
from kflowd.serialize.socket import socket_record, unix_record
from kflowd.serialize.values import (
    clean_text,
    duration,
    file_events,
    file_mode,
    file_time,
    permissions,
    signed_duration,
    timestamp,
)

# Processes whose constant fields are kept; as many as are active within some seconds.
MAX_CACHED = 4096
Block = tuple[Any, ...]
# a value until a format makes text of it
Record = msgspec.Struct

_NO_SESSION = Session(ts_ns=0, realtime_offset_ns=0, hz=0, facts=HostFacts())
_ABSENT_INODE = (UNSET,) * 14
_UNRESOLVED = FileFlag.PATH_UNKNOWN | FileFlag.PATH_NO_MOUNT | FileFlag.PATH_TEXT
_FILE_NOTES = (
    (_UNRESOLVED, "PATH_UNRESOLVED"),
    (FileFlag.PATH_TRUNCATED, "PATH_TRUNCATED"),
    (FileFlag.NO_INODE, "NO_INODE"),
    (FileFlag.PARTIAL, "PARTIAL"),
    (FileFlag.STALE, "STALE"),
)
_NOTED = _UNRESOLVED | sum(flag for flag, _ in _FILE_NOTES[1:])


class UserCounters(msgspec.Struct, frozen=True):
    """What user space counted; the order is that of the health record."""

    decode_unknown: int = 0
    decode_short: int = 0
    decode_corrupt: int = 0
    paths_evicted: int = 0
    partials_evicted: int = 0
    sockets_evicted: int = 0
    processes_evicted: int = 0
    processes_unknown: int = 0


class OutputCounters(msgspec.Struct, frozen=True, rename="pascal"):
    """What one output did with the records that were meant for it; an entry of HealthOutputs.

    `lost` is the sum of what is behind it.
    """

    name: str
    state: str
    written: int
    queued: int
    lost: int
    lost_full: int
    lost_age: int
    lost_refused: int
    lost_gone: int
    lost_end: int


class Builder:
    """Makes records and numbers them in the order of the calls.

    Args:
        session: Start, clock and host of the run; a recorded one when replaying.
        strict: Leave out what goes beyond the contract.
    """

    def __init__(self, session: Session = _NO_SESSION, *, strict: bool = False) -> None:
        self.sequence = 0
        self._strict = strict
        # id of the object -> the object (to keep the id its own) and its fields
        self._process_extras: dict[int, tuple[ProcessSeen, Block]] = {}
        self.begin(session)

    def begin(self, session: Session) -> None:
        """Take start, clock and host from a session."""
        facts = session.facts
        self._start_ns = session.ts_ns
        self._offset_ns = session.realtime_offset_ns
        self._hz = session.hz
        self._host = msgspec.structs.astuple(facts)

    def record(self, value: EnrichedFile | EnrichedSocket | EnrichedUnix) -> Record:
        """Return the record of a value."""
        if isinstance(value, EnrichedFile):
            return self.file(value)
        if isinstance(value, EnrichedSocket):
            return self.socket(value)
        return self.unix(value)

    def file(self, value: EnrichedFile) -> Record:
        """Return the record of a file aggregate."""
        aggregate = value.aggregate
        directory, _, name = value.path.rpartition("/")
        flags = value.flags
        inode = aggregate.inode
        known = not flags & FileFlag.NO_INODE
        return contract.FileRecord(
            *self._info(aggregate.ts_ns, "filesystem"),
            *_process(value),
            directory + "/" if value.path else "",
            name,
            aggregate.origin or UNSET,
            UNSET,
            file_mode(inode.mode, inode.nlink) if known else UNSET,
            sum(aggregate.counts),
            file_events(aggregate.counts),
            duration(aggregate.last_ns - aggregate.first_ns),
            *(_inode(value, inode) if known else _ABSENT_INODE),
            UNSET,
            UNSET,
            *self._process_extra(value),
            *(_file_extra(flags) if not self._strict else (UNSET,) * len(FILE_EXTRA)),
        )

    def socket(self, value: EnrichedSocket) -> Record:
        """Return the record of a TCP or UDP aggregate."""
        info = self._info(value.aggregate.ts_ns, "socket")
        extra = self._process_extra(value)
        record = socket_record(value, (*info, *_process(value)), extra, self._hz)
        if self._strict:
            _unset(record, SOCKET_EXTRA)
        return record

    def unix(self, value: EnrichedUnix) -> Record:
        """Return the record of a UNIX socket aggregate."""
        info = self._info(value.aggregate.ts_ns, "socket")
        record = unix_record(value, (*info, *_process(value)), self._process_extra(value))
        if self._strict:
            _unset(record, UNIX_EXTRA)
        return record

    def health(
        self, kernel: Counters, user: UserCounters, outputs: Sequence[OutputCounters] = ()
    ) -> Record:
        """Return the record of what was seen, reported and lost.

        What outputs did is absent while none has lost a record: it depends on their readers, and a
        replay is to give the same bytes.
        """
        lost = sum(output.lost for output in outputs)
        return contract.HealthRecord(
            *self._info(kernel.ts_ns, "health"),
            *kernel.values,
            kernel.missed,
            *msgspec.structs.astuple(user),
            lost or UNSET,
            list(outputs) if lost else UNSET,
        )

    def _info(self, ts_ns: int, monitor: str) -> Block:
        self.sequence += 1
        return (
            self.sequence,
            timestamp(ts_ns + self._offset_ns),
            monitor,
            *self._host,
            duration(ts_ns - self._start_ns),
        )

    def _process_extra(self, value: Enriched) -> Block:
        """Return what is known of the process beyond the contract; the same for all its records."""
        seen = value.seen
        if self._strict:
            return (UNSET,) * len(PROCESS_EXTRA)
        if seen is None:
            note = "NO_OWNER" if value.process is None else "UNKNOWN_PROCESS"
            return (*(UNSET,) * (len(PROCESS_EXTRA) - 1), [note])
        cached = self._process_extras.get(id(seen))
        if cached is not None:
            return cached[1]
        if len(self._process_extras) >= MAX_CACHED:
            self._process_extras.clear()
        extra = _seen(seen)
        self._process_extras[id(seen)] = (seen, extra)
        return extra


def _process(value: Enriched) -> Block:
    process = value.process
    if process is None:
        return ("", "", UNSET, "", "", *(UNSET,) * 6)
    return (
        value.parent,
        value.proc,
        UNSET,
        value.user,
        value.group,
        process.ppid,
        process.tgid,
        process.tid,
        process.uid,
        process.gid,
        duration(value.at_ns - process.start_ns),
    )


def _inode(value: EnrichedFile, inode: Inode) -> Block:
    """Return FileInode to FileModificationTimeChange."""
    aggregate = value.aggregate
    grown = moved_ns = 0
    if not value.flags & FileFlag.NO_BASELINE:
        grown = inode.size - aggregate.size_first
        moved_ns = inode.mtime_ns - aggregate.mtime_first_ns
    return (
        aggregate.key.ino,
        inode.nlink,
        value.device,
        permissions(inode.mode),
        value.file_user,
        value.file_group,
        inode.uid,
        inode.gid,
        inode.size,
        grown or UNSET,
        file_time(inode.atime_ns),
        file_time(inode.ctime_ns),
        file_time(inode.mtime_ns),
        signed_duration(moved_ns) if moved_ns else UNSET,
    )


def _file_extra(flags: int) -> Block:
    if not flags & _NOTED:
        return (UNSET,)
    return ([word for flag, word in _FILE_NOTES if flags & flag],)


def _seen(seen: ProcessSeen) -> Block:
    """Return the fields of PROCESS_EXTRA."""
    notes = []
    if seen.exe_flags & (FileFlag.PATH_TRUNCATED | _UNRESOLVED):
        notes.append("EXE_TRUNCATED")
    if seen.flags & ProcessFlag.ARGS_TRUNCATED:
        notes.append("ARGS_TRUNCATED")
    args = [clean_text(arg) for arg in seen.args]
    return (
        seen.exe or UNSET,
        msgspec.Raw(msgspec.json.encode(args)) if args else UNSET,
        seen.login_uid if seen.login_uid != UNSET_ID else UNSET,
        seen.session_id if seen.session_id != UNSET_ID else UNSET,
        seen.cgroup_id or UNSET,
        seen.mnt_ns or UNSET,
        seen.pid_ns or UNSET,
        seen.net_ns or UNSET,
        notes or UNSET,
    )


def _unset(record: msgspec.Struct, block: Block) -> None:
    for field in block:
        setattr(record, field.name, UNSET)
