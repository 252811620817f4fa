# SPDX-License-Identifier: Apache-2.0
"""What was seen, reported and lost: when a health record is due, and the summary of a run.

The kernel's counters arrive as values in the stream, user space's are asked for. "Reported" is
counted here, by what has arrived: out of the ring and out of the maps alike. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from kflowd.constants import IPPROTO_TCP
from kflowd.contract import counters
from kflowd.model import (
    Counters,
    FileAggregate,
    FileFlag,
    SocketAggregate,
    SocketFlag,
    UnixAggregate,
    Value,
)
from kflowd.serialize import Record, UserCounters

# Counters that mean something is missing or incomplete; the rest says how much there was.
LOSS_WORDS = ("_LOST_", "_TRUNCATED", "_READ_FAILED")
# Of user space's counters all mean a loss but these: how many records there were, processes without
# names of their own, paths that no record has asked for (one that was is a name lost), records
# that wait, those that nobody wants, and answers of DNS that no connection may ask for any more.
HIDDEN = "records_hidden"
EVICTED_NAMES = "remote_names_evicted"
NO_LOSS = {
    "processes_unknown",
    "file_records",
    "paths_evicted",
    "records_waiting",
    HIDDEN,
    EVICTED_NAMES,
}
# class in the summary -> seen, reported ("" if it has no records), and what is lost for good;
# socket and UNIX records that the ring refused stay in their map and are swept later. A socket is
# seen before it is admitted to a table; one that is folded is reported as part of its fold.
CLASSES = (
    (
        "file events",
        "KF_CNT_FILE_EVENTS",
        "KF_CNT_FILE_REPORTED",
        ("KF_CNT_FILE_LOST_MAP", "KF_CNT_FILE_LOST_RING", "KF_CNT_FILE_LOST_PENDING"),
    ),
    ("sockets", "KF_CNT_SOCK_CREATED", "KF_CNT_SOCK_REPORTED", ("KF_CNT_SOCK_LOST_MAP",)),
    ("UNIX sockets", "KF_CNT_UNIX_CREATED", "KF_CNT_UNIX_REPORTED", ("KF_CNT_UNIX_LOST_MAP",)),
    ("process events", "KF_CNT_PROC_EVENTS", "", ("KF_CNT_PROC_LOST_RING",)),
)
# what is told only when it happened
FILE_HIDDEN = "KF_CNT_FILE_HIDDEN"
SOCK_HIDDEN = "KF_CNT_SOCK_HIDDEN"
OTHERS = (
    ("paths incomplete", "KF_CNT_PATH_TRUNCATED"),
    ("file events that filters hide in the kernel", FILE_HIDDEN),
    ("sockets that filters hide in the kernel", SOCK_HIDDEN),
    ("packets without room for their payload", "KF_CNT_PAYLOAD_LOST_RING"),
    ("packets with payload beyond a share", "KF_CNT_PAYLOAD_LOST_SHARE"),
)


class Arrived:
    """Counts what has left the kernel, in the units of the kernel's counters."""

    def __init__(self) -> None:
        self.file_events = 0
        self._nameless = 0
        self._sockets = 0
        self._unix = 0
        # reported, and still open: no more than the kernel's map holds, whose shares are these too
        self._open: set[bytes] = set()

    def count(self, values: Iterable[Value]) -> None:
        """Count values as the decoder yields them."""
        for value in values:
            if isinstance(value, FileAggregate):
                self.file_events += value.events
                if not value.path and not value.flags & FileFlag.PATH_SENT:
                    self._nameless += 1
            elif isinstance(value, SocketAggregate):
                self._count_socket(value)
            elif isinstance(value, UnixAggregate):
                self._unix += 1

    def _count_socket(self, value: SocketAggregate) -> None:
        if value.flags & SocketFlag.FOLDED:
            # the fold itself, and the members that are known to have begun
            self._sockets += 1 + value.begun
            return
        # a TCP connection stays in the kernel with its records, a UDP aggregate leaves with it
        if value.flow.protocol == IPPROTO_TCP and not value.flags & SocketFlag.FINAL:
            self._open.add(value.key)
        else:
            self._open.discard(value.key)
            self._sockets += 1

    def reported(self) -> dict[str, int]:
        """Return the counts by the counter they stand for."""
        return {
            "KF_CNT_FILE_REPORTED": self.file_events,
            "KF_CNT_PATH_LOST_RING": self._nameless,
            "KF_CNT_SOCK_REPORTED": self._sockets + len(self._open),
            "KF_CNT_UNIX_REPORTED": self._unix,
        }


class Health:
    """Keeps the newest counters and says when they are worth a record.

    Args:
        ours: Returns user space's counters.
        outputs_lost: Returns how many records outputs have lost.
        make: Makes the record of the kernel's and user space's counters.
    """

    def __init__(
        self,
        ours: Callable[[], UserCounters],
        outputs_lost: Callable[[], int],
        make: Callable[[Counters, UserCounters], Record],
    ) -> None:
        # where each counter of the contract stands
        self._at = counters()
        self._losses = [at for name, at in self._at.items() if any(w in name for w in LOSS_WORDS)]
        self._ours = ours
        self._outputs_lost = outputs_lost
        self._make = make
        self._arrived = Arrived()
        self._newest: Counters | None = None
        self._told: tuple[int, ...] | None = None

    def count(self, values: Iterable[Value]) -> None:
        """Count what has arrived."""
        self._arrived.count(values)

    def note(self, counters: Counters) -> None:
        """Take the newest counters of the kernel."""
        values = list(counters.values)
        for name, count in self._arrived.reported().items():
            values[self._at[name]] = count
        self._newest = Counters(counters.ts_ns, tuple(values), counters.missed)

    @property
    def newest(self) -> Counters | None:
        """The newest counters of the kernel, None if it was never asked; for any thread."""
        return self._newest

    def due(self) -> list[Record]:
        """Return a record if anything was lost since the last one."""
        if self._newest is None:
            return []
        ours = self._ours()
        lost = self._lost(self._newest, ours)
        if lost == self._told or (self._told is None and not any(lost)):
            return []
        return self._record(self._newest, ours, lost)

    def final(self) -> list[Record]:
        """Return the record that ends a run; none if the kernel was never asked."""
        if self._newest is None:
            return []
        ours = self._ours()
        return self._record(self._newest, ours, self._lost(self._newest, ours))

    def unread(self) -> dict[str, int]:
        """Return what was in the kernel at the newest counters, by class; {} if not known."""
        if self._newest is None:
            return {}
        values = self._newest.values
        gone = [(title, seen, (rep, *losses)) for title, seen, rep, losses in CLASSES if rep]
        left = {
            title: values[self._at[seen]] - sum(values[self._at[name]] for name in names)
            for title, seen, names in gone
        }
        # what is hidden is not on its way
        left["file events"] -= values[self._at[FILE_HIDDEN]]
        left["sockets"] -= values[self._at[SOCK_HIDDEN]]
        return {title: max(0, number) for title, number in left.items()}

    def summary(self) -> list[str]:
        """Return a line for each class: seen, reported, lost."""
        if self._newest is None:
            return []
        values = self._newest.values
        lines = []
        for title, seen, reported, gone in CLASSES:
            lost = sum(values[self._at[name]] for name in gone)
            told = f"{values[self._at[reported]]} reported, " if reported else ""
            lines.append(f"{title}: {values[self._at[seen]]} seen, {told}{lost} lost")
        ours = self._ours()
        lines.insert(1, _names(ours))
        others = {title: values[self._at[name]] for title, name in OTHERS}
        others["program runs skipped by the kernel"] = self._newest.missed
        losses = _losses(ours).items()
        others |= {name.replace("_", " "): n for name, n in losses if name != "names_lost"}
        others["records that nobody asked for, left out"] = ours.records_hidden
        return lines + [f"{name}: {count}" for name, count in others.items() if count]

    def _record(
        self, counters: Counters, ours: UserCounters, lost: tuple[int, ...]
    ) -> list[Record]:
        self._told = lost
        return [self._make(counters, ours)]

    def _lost(self, counters: Counters, ours: UserCounters) -> tuple[int, ...]:
        kernel = (counters.values[at] for at in self._losses)
        return (*kernel, counters.missed, *_losses(ours).values(), self._outputs_lost())


def _names(ours: UserCounters) -> str:
    """Return the line of the names: each file record has one, or has lost it."""
    named = ours.file_records - ours.names_lost
    return f"file names: {ours.file_records} seen, {named} reported, {ours.names_lost} lost"


def _losses(ours: UserCounters) -> dict[str, int]:
    counts = msgspec.structs.asdict(ours)
    return {name: count for name, count in counts.items() if name not in NO_LOSS}
