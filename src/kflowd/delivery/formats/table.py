# SPDX-License-Identifier: Apache-2.0
"""Records as lines of a table of fixed columns, for people.

Lines suit a terminal of 80 cells; a wide one has more columns. What is done to stands last, so that
it has all the room that is left.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import UNSET

from kflowd.delivery.formats.cells import filled, fitted
from kflowd.delivery.formats.kept import Kept
from kflowd.delivery.formats.screen import COLOURS, PAPER, Screen, painted
from kflowd.delivery.formats.words import (
    arrow_of,
    clock,
    counters,
    ends,
    lost,
    outcome,
    path_of,
    seconds,
    short,
    size,
    spoken,
)
from kflowd.serialize.blocks.process import ProcessBlock
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

# from here on there is room for more columns
WIDE = 140
KINDS = {it: it for it in COLOURS} | {"process": "proc", "health": "stat"}
# the first letter of a line's events: what the file is
MODES = {"regular": "F", "hardlink": "H", "symlink": "S", "directory": "D"}
CODES = {
    "CREATE": "CR", "OPEN": "OP", "OPEN_EXEC": "OX", "ACCESS": "AC", "ATTRIB": "AT",
    "MODIFY": "MO", "CLOSE_WRITE": "CW", "CLOSE_NOWRITE": "CN", "MOVED_FROM": "MF",
    "MOVED_TO": "MT", "DELETE": "DE", "EXEC": "EX", "FORK": "FK", "EXIT": "XT",
}  # fmt: skip


class Columns(NamedTuple):
    """The widths of columns, in cells; 0: it is left out. OBJECT has what is left."""

    time: int = 12
    what: int = 4
    user: int = 0
    process: int = 11
    pid: int = 7
    events: int = 13
    total: int = 0
    duration: int = 0
    size: int = 5


NARROW = Columns()
BROAD = Columns(user=10, process=15, events=17, total=5, duration=8)
SHORT_ARROWS = {"->": ">", "<-": "<", "--": "-"}
# cells of what is kept of the beginning where names and events are cut
NAME_HEAD = 4
EVENTS_HEAD = 5
# numbers, which are read from their end
RIGHT = {"pid", "total", "duration", "size"}


class Did(NamedTuple):
    """What a record tells, as columns.

    Attributes:
        kind: Of the record, one of KINDS.
        events: What was done.
        total: How often; None: that is no number.
        duration_ns: How long; 0: not known.
        size: Bytes; None: not known.
        what: To what it was done.
        head: Cells of its beginning that are kept where it is cut; 0: its end is what counts.
    """

    kind: str
    events: str
    total: int | None
    duration_ns: int
    size: int | None
    what: str
    head: int = 0


class TableFormat:
    """Makes the line of a record.

    Args:
        screen: Where it is read.
    """

    def __init__(self, screen: Screen = PAPER) -> None:
        self._columns = columns = BROAD if screen.width >= WIDE else NARROW
        self._room = screen.width - sum(columns) - len([it for it in columns if it])
        self._who = Kept(self._process_cells)
        self._codes = Kept(codes)
        self._heads = {
            kind: painted(word.ljust(columns.what), kind, screen) for kind, word in KINDS.items()
        }
        self._kinds: dict[type[Record], Callable[[Any], Did]] = {
            FileRecord: self._file,
            SocketRecord: self._socket,
            UnixRecord: unix,
            ProcessRecord: self._process,
            HealthRecord: health,
            IntegrityRecord: integrity,
        }

    def __call__(self, record: Record) -> bytes:
        """Return the line of a record, without its end."""
        kind = type(record)
        read = self._kinds.get(kind)
        if read is None:
            made = (self._kinds.get(each) for each in kind.__mro__)
            read = self._kinds[kind] = next(filter(None, made), other)
        did, columns = read(record), self._columns
        who = self._who(record.process) if isinstance(record, OwnedRecord) else self._nobody()
        events = filled(fitted(did.events, columns.events, EVENTS_HEAD), columns.events)
        if columns.total:
            count = "" if did.total is None else short(did.total)
            spent = seconds(did.duration_ns)
            events += f" {count:>{columns.total}} {spent:>{columns.duration}}"
        amount = "" if did.size is None else size(did.size)
        head = self._heads.get(did.kind) or did.kind[: columns.what].ljust(columns.what)
        what = fitted(did.what, self._room, did.head)
        line = (
            f"{clock(record.stamp.InfoTimestamp)} {head} {who} {events} "
            f"{amount:>{columns.size}} {what}"
        )
        return line.rstrip(" ").encode()

    def _process_cells(self, process: ProcessBlock) -> str:
        pid = "" if process.ProcPID is UNSET else str(process.ProcPID)
        return self._names(process.ProcUser, process.Proc, pid)

    def _nobody(self) -> str:
        return self._names("", "", "")

    def _names(self, user: str, process: str, pid: str) -> str:
        columns = self._columns
        text = (
            f"{filled(fitted(user, columns.user, NAME_HEAD), columns.user)} "
            if columns.user
            else ""
        )
        name = filled(fitted(process, columns.process, NAME_HEAD), columns.process)
        return f"{text}{name} {fitted(pid, columns.pid):>{columns.pid}}"

    def _file(self, record: FileRecord) -> Did:
        file, inode = record.file, record.inode
        events = self._codes(file.FileEvents)
        if failed := file.FileEventsFailed:
            events = f"{file.FileError or ''} {self._codes(failed)}"
        elif mode := MODES.get(file.FileMode or ""):
            events = f"{mode},{events}"
        path, head = path_of(file), 0
        if file.FileOrigin is not UNSET:
            # the directory of the old name is not known
            path, head = f"{file.FileOrigin}>{path}", self._room // 2
        amount = None if inode is None else inode.FileSize
        count, spent = file.FileEventCount, file.FileEventsDuration
        return Did("file", events, count, spent, amount, path, head)

    def _socket(self, record: SocketRecord) -> Did:
        socket, tx, rx = record.socket, record.tx, record.rx
        local, arrow, remote = ends(socket)
        what = f"{local} {arrow} {remote}"
        said = spoken(record)
        if len(what) + bool(said) + len(said) > self._room:
            what = SHORT_ARROWS[arrow] + remote
        return Did(
            socket.SockProtocol.lower(),
            (socket.SockState or "").partition("_")[2],
            (tx.SockTxPackets if tx else 0) + (rx.SockRxPackets if rx else 0),
            record.socket_age.SockAge,
            (tx.SockTxBytes if tx else 0) + (rx.SockRxBytes if rx else 0),
            f"{what} {said}" if said else what,
            self._room if said else 0,
        )

    def _process(self, record: ProcessRecord) -> Did:
        life, details = record.lifetime, record.details
        ended = outcome(life)
        events = self._codes(life.ProcEvents)
        if ended is not None:
            events = ended[1] if ended[0] == "signal" else " ".join(ended)
        words = () if details is None else (details.ProcExe or "", *(details.ProcArgs or ())[1:])
        return Did(
            "process",
            events,
            sum(count for _, count in life.ProcEvents.pairs),
            life.ProcCPUTime or 0,
            life.ProcPeakRSS or None,
            " ".join(words),
            self._room // 2,
        )


def head_line(screen: Screen) -> bytes:
    """Return the line above the table."""
    columns = BROAD if screen.width >= WIDE else NARROW
    titles = (
        f"{name.upper():>{width}}" if name in RIGHT else f"{name.upper():<{width}}"
        for name, width in zip(Columns._fields, columns, strict=True)
        if width
    )
    return " ".join((*titles, "OBJECT")).encode()


def codes(counts: Counts) -> str:
    """Return the events of a record, two letters each: `CR,OP,CW`."""
    return ",".join(CODES.get(name, name) for name, _ in counts.pairs) or "-"


def unix(record: UnixRecord) -> Did:
    """Return what went over a UNIX socket."""
    socket, extra = record.unix, record.extra
    messages = [it for it in (extra.SockTxMessages, extra.SockRxMessages) if it] if extra else []
    return Did(
        "unix",
        (extra.SockType if extra else "") or "",
        sum(messages) or None,
        record.socket_age.SockAge,
        (socket.SockTxBytes or 0) + (socket.SockRxBytes or 0),
        f"{arrow_of(socket.SockRole)} {socket.SockAddress}",
    )


def health(record: HealthRecord) -> Did:
    """Return what was lost."""
    gone = lost(counters(record))
    pairs = " ".join(f"{name}={count}" for name, count in gone.items())
    what = pairs or "nothing lost"
    return Did("health", "LOST" if gone else "", None, 0, None, what, len(what))


def integrity(record: IntegrityRecord) -> Did:
    """Return what became of a file."""
    it = record.integrity
    after = it.FimAfter or it.FimBefore or {}
    what = f"{it.FimOldPath}>{it.FimPath}" if it.FimOldPath else it.FimPath
    return Did("fim", it.FimFinding, None, 0, after.get("Size"), what)


def other(record: Record) -> Did:
    """Return what is known of a record of another kind."""
    return Did(record.MONITOR, "", None, 0, None, "")
