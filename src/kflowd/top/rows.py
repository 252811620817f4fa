# SPDX-License-Identifier: Apache-2.0
"""The lines of the table: which processes, in which order."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kflowd.top.history import rate
from kflowd.top.totals import ProcessTotals


class Row(NamedTuple):
    """A process as it was at one moment.

    Attributes:
        rate: Records a second, over the last seconds.
        last: Records in each of the last seconds, the oldest first.
    """

    pid: int | None
    name: str
    user: str
    exe: str
    files: int
    events: int
    sent: int
    received: int
    connections: int
    rate: float
    last: tuple[int, ...]


def _largest(value: Callable[[Row], float]) -> Callable[[Row], Any]:
    return lambda row: (-value(row), -row.rate, -row.events, row.pid or 0)


# what the table can be sorted by, in the order of its columns
SORTS: dict[str, Callable[[Row], Any]] = {
    "PID": lambda row: (row.pid is None, row.pid or 0),
    "PROCESS": lambda row: (row.name, row.pid or 0),
    "USER": lambda row: (row.user, row.name, row.pid or 0),
    "FILES": _largest(lambda row: row.files),
    "EVENTS": _largest(lambda row: row.events),
    "TX": _largest(lambda row: row.sent),
    "RX": _largest(lambda row: row.received),
    "CONNS": _largest(lambda row: row.connections),
    "RATE": _largest(lambda row: row.rate),
}
FIRST_SORT = "RATE"


def rows_of(processes: Iterable[ProcessTotals], second: int) -> list[Row]:
    """Return what all processes are now."""
    return [_row(each, each.history.last(second)) for each in processes]


def chosen(rows: Iterable[Row], sort: str, text: str) -> list[Row]:
    """Return the rows in their order, those that have a text in one of their names.

    Args:
        rows: In any order.
        sort: One of SORTS.
        text: In any case; "": all.
    """
    wanted = text.casefold()
    return sorted((row for row in rows if not wanted or _has(row, wanted)), key=SORTS[sort])


def _row(process: ProcessTotals, last: tuple[int, ...]) -> Row:
    return Row(
        pid=process.pid,
        name=process.name,
        user=process.user,
        exe=process.exe,
        files=process.files,
        events=process.events,
        sent=process.sent,
        received=process.received,
        connections=process.connections,
        rate=rate(last),
        last=last,
    )


def _has(row: Row, wanted: str) -> bool:
    names = (row.name, row.user, row.exe, str(row.pid or ""))
    return any(wanted in name.casefold() for name in names)
