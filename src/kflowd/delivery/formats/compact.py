# SPDX-License-Identifier: Apache-2.0
"""Records on one line each, for people: when, what, who, what was done, to what.

Values stand in a fixed order with a space between; one that holds a space is in quotes. So what
others choose as a name can neither end a line nor look like the next value.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from kflowd.delivery.formats.kept import Kept
from kflowd.delivery.formats.screen import COLOURS, PAPER, Screen, painted
from kflowd.delivery.formats.times import duration
from kflowd.delivery.formats.visible import token
from kflowd.delivery.formats.words import (
    arrow_of,
    clock,
    counters,
    ends,
    lost,
    outcome,
    path_of,
    spoken,
)
from kflowd.serialize.blocks.process import ProcessBlock, ProcessDetails
from kflowd.serialize.keys import Counts
from kflowd.serialize.record import (
    FileRecord,
    HealthRecord,
    IntegrityRecord,
    OwnedRecord,
    ProcessRecord,
    Record,
    SocketRecord,
    UnixRecord,
)

KIND_WIDTH = max(map(len, COLOURS))
ABSENT = "-"


class CompactFormat:
    """Makes the line of a record.

    Args:
        screen: Where it is read.
    """

    def __init__(self, screen: Screen = PAPER) -> None:
        self._who = Kept(who)
        self._counts = Kept(counted)
        self._heads = {it: painted(it.ljust(KIND_WIDTH), it, screen) for it in COLOURS}
        self._kinds: dict[type[Record], Callable[[Any], str]] = {
            FileRecord: self._file,
            SocketRecord: self._socket,
            UnixRecord: self._unix,
            ProcessRecord: self._process,
            HealthRecord: self._health,
            IntegrityRecord: self._integrity,
        }

    def __call__(self, record: Record) -> bytes:
        """Return the line of a record, without its end."""
        kind = type(record)
        write = self._kinds.get(kind)
        if write is None:
            made = (self._kinds.get(each) for each in kind.__mro__)
            write = self._kinds[kind] = next(filter(None, made), self._other)
        return f"{clock(record.stamp.InfoTimestamp)} {write(record)}".encode()

    def _file(self, record: FileRecord) -> str:
        file, inode = record.file, record.inode
        done = self._counts(file.FileEvents)
        if failed := file.FileEventsFailed:
            done = f"failed:{self._counts(failed)}:{token(file.FileError or '')}"
        text = f"{self._heads['file']} {self._who(record.process)} {done} {token(path_of(file))}"
        if file.FileOrigin is not UNSET:
            text += f" from={token(file.FileOrigin)}"
        if inode is not None:
            text += f" size={inode.FileSize}"
        return text + noted(record.notes.FileNotes if record.notes else (), record.details)

    def _socket(self, record: SocketRecord) -> str:
        socket, tx, rx = record.socket, record.tx, record.rx
        local, arrow, remote = ends(socket)
        state = token(socket.SockState or ABSENT)
        text = (
            f"{self._heads[socket.SockProtocol.lower()]} {self._who(record.process)} {state}"
            f" {local} {arrow} {remote}"
            f" tx={tx.SockTxBytes if tx else 0}/{tx.SockTxPackets if tx else 0}"
            f" rx={rx.SockRxBytes if rx else 0}/{rx.SockRxPackets if rx else 0}"
            f" age={duration(record.socket_age.SockAge)}"
        )
        if record.extra is not None and record.extra.SockRemoteName:
            text += f" name={token(record.extra.SockRemoteName[0])}"
        return (
            text
            + talked(record)
            + noted((record.extra.SockNotes if record.extra else ()) or (), record.details)
        )

    def _unix(self, record: UnixRecord) -> str:
        unix, extra = record.unix, record.extra
        text = (
            f"{self._heads['unix']} {self._who(record.process)} "
            f"{(extra.SockType if extra else ABSENT) or ABSENT} "
            f"{arrow_of(unix.SockRole)} {token(unix.SockAddress)}"
            f" tx={unix.SockTxBytes or 0} rx={unix.SockRxBytes or 0}"
            f" age={duration(record.socket_age.SockAge)}"
        )
        return (
            text + talked(record) + noted((extra.SockNotes if extra else ()) or (), record.details)
        )

    def _process(self, record: ProcessRecord) -> str:
        life, details = record.lifetime, record.details
        text = (
            f"{self._heads['process']} {self._who(record.process)} {self._counts(life.ProcEvents)}"
        )
        if ended := outcome(life):
            text += f" {ended[0]}={ended[1]}"
        if life.ProcPeakRSS is not UNSET:
            text += f" rss={life.ProcPeakRSS}"
        if details is None:
            return text
        text += noted((), details)
        # at the end: nobody says how many arguments there are
        return " ".join((text, *map(token, (details.ProcExe or "", *(details.ProcArgs or ())[1:]))))

    def _health(self, record: HealthRecord) -> str:
        counts = counters(record)
        gone = lost(counts)
        pairs = [f"{name}={count}" for name, count in (gone | counts).items()]
        return " ".join((self._heads["health"], *([] if gone else ["lost=none"]), *pairs))

    def _integrity(self, record: IntegrityRecord) -> str:
        it = record.integrity
        who_text = "" if record.process is None else f" {self._who(record.process)}"
        text = (
            f"{self._heads['fim']}{who_text} {token(it.FimFinding)} {token(it.FimSeverity)}"
            f" {token(it.FimRule)} {','.join(map(token, it.FimChanged or ())) or ABSENT}"
            f" {token(it.FimPath)}"
        )
        if it.FimOldPath is not UNSET:
            text += f" from={token(it.FimOldPath)}"
        return text + noted((), record.details)

    def _other(self, record: Record) -> str:
        who_text = f" {self._who(record.process)}" if isinstance(record, OwnedRecord) else ""
        return token(record.MONITOR) + who_text


def who(process: ProcessBlock) -> str:
    """Return user and process with its number."""
    pid = ABSENT if process.ProcPID is UNSET else process.ProcPID
    return f"{token(process.ProcUser)} {token(process.Proc)}({pid})"


def counted(counts: Counts) -> str:
    """Return names with their counts: `OPEN=1,MODIFY=2`."""
    return ",".join(f"{name}={count}" for name, count in counts.pairs) or ABSENT


def talked(record: SocketRecord | UnixRecord) -> str:
    """Return who talked, and what was said first: ` app=HTTP said="GET / 301"`."""
    if record.app is None:
        return ""
    text = f" app={token(record.app.App)}"
    said = spoken(record)
    return f"{text} said={token(said)}" if said else text


def noted(notes: tuple[str, ...], details: ProcessDetails | None) -> str:
    """Return what a record does not know, with a space ahead: ` [STALE,NO_OWNER]`."""
    if details is not None and details.ProcNotes:
        notes += details.ProcNotes
    return f" [{','.join(notes)}]" if notes else ""
