# SPDX-License-Identifier: Apache-2.0
"""The table on a screen, and once as plain text. All that others choose is made visible."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kflowd.delivery.formats.cells import filled, fitted
from kflowd.delivery.formats.visible import cells, visible
from kflowd.delivery.formats.words import short, size
from kflowd.top.rows import Row
from kflowd.top.totals import Totals
from kflowd.top.view import View

WIDTH, HEIGHT = 80, 24
# head, losses, titles; keys
LINES_BESIDE_ROWS = 4
GAP = 1
BARS = " ▁▂▃▄▅▆▇█"
# seconds in one bar
BAR_SECONDS = 2
NO_NUMBER = "-"
# the largest that size() and short() write in five cells; sums of a made up file can be larger
LARGEST = (1 << 64) - 1
KEYS = "q quit   s < > sort   / filter   p pause"
EDITED = "Enter keeps, Esc clears"


class Column(NamedTuple):
    """A column: its title, its cells, how many more it takes where there is room."""

    title: str
    width: int
    more: int = 0
    right: bool = True


COLUMNS = (
    Column("PID", 7),
    Column("PROCESS", 15, more=25, right=False),
    Column("USER", 8, more=12, right=False),
    Column("FILES", 5),
    Column("EVENTS", 6),
    Column("TX", 5),
    Column("RX", 5),
    Column("CONNS", 5),
    Column("RATE", 5),
    Column("LAST 20 s", 10, right=False),
)


class Picture(NamedTuple):
    """All that is shown at one moment.

    Attributes:
        source: Where records come from, and whether they go on.
        rows: In their order, all that the filter lets through.
        kept: How many processes there are.
        rate: Records a second of all.
        totals: For counts and losses.
        view: For what the user has chosen.
    """

    source: str
    rows: Sequence[Row]
    kept: int
    rate: float
    totals: Totals
    view: View


def columns_of(width: int) -> list[Column]:
    """Return the columns that a width has room for; the last ones go first."""
    count = len(COLUMNS)
    while count > 1 and _width(COLUMNS[:count]) > width:
        count -= 1
    room = width - _width(COLUMNS[:count])
    found = []
    for column in COLUMNS[:count]:
        more = max(0, min(room, column.more))
        room -= more
        found.append(column._replace(width=column.width + more))
    return found


def screen(picture: Picture, width: int, height: int) -> Group:
    """Return what fills a screen of so many cells and lines."""
    count = max(0, height - LINES_BESIDE_ROWS)
    shown = picture.rows[:count]
    table = _table(shown, width, picture.view.sort)
    for _ in range(count - len(shown)):
        table.add_row()
    style = "bold red" if picture.totals.losses.counts() else ""
    lines: list[RenderableType] = [
        Text(fitted(head_line(picture), width, width), "bold"),
        Text(fitted(loss_line(picture.totals), width, width), style),
        table,
        Text(fitted(help_line(picture.view), width, width), "dim"),
    ]
    return Group(*(lines if height >= LINES_BESIDE_ROWS else lines[:2][:height]))


def plain(picture: Picture) -> str:
    """Return the table with all rows as text, lines of 80 cells at most but for the first two."""
    columns = columns_of(WIDTH)
    titles = (_placed(column.title, column) for column in columns)
    table = [titles, *(_line(row, columns) for row in picture.rows)]
    lines = [(" " * GAP).join(cells_of_line).rstrip() for cells_of_line in table]
    return "\n".join((visible(head_line(picture)), loss_line(picture.totals), *lines))


def head_line(picture: Picture) -> str:
    """Return what is seen: processes, records, their order and where they come from."""
    totals, view = picture.totals, picture.view
    processes = f"{picture.kept} process{'' if picture.kept == 1 else 'es'}"
    if view.filter:
        processes = f"{len(picture.rows)} of {processes} with '{view.filter}'"
    records = f"{totals.records} record{'' if totals.records == 1 else 's'}"
    parts = [processes, f"{records}, {_rate(picture.rate).strip()}/s"]
    parts += [f"by {view.sort}", *(["PAUSED"] if view.paused else []), picture.source]
    return "  ".join(parts)


def loss_line(totals: Totals) -> str:
    """Return what is missing: lost by kflowd, not read or not kept by us."""
    counts = totals.losses.counts()
    told = " ".join(f"{name}={count}" for name, count in counts.items())
    if not told:
        told = "nothing" if totals.losses.told else "nothing told"
    parts = [f"lost: {told}"]
    if totals.bad:
        parts.append(f"not records: {totals.bad}")
    if totals.left_out:
        parts.append(f"processes dropped: {totals.left_out}")
    return "  ".join(parts)


def help_line(view: View) -> str:
    """Return the keys, or the filter while it is written."""
    if view.editing:
        return f"/{view.filter}_   {EDITED}"
    return f"{KEYS}   Esc clears '{view.filter}'" if view.filter else KEYS


def bars(last: Sequence[int]) -> str:
    """Return two seconds in each letter, the highest is that of the largest count."""
    sums = [sum(last[at : at + BAR_SECONDS]) for at in range(0, len(last), BAR_SECONDS)]
    largest = max(sums)
    return "".join(BARS[-(-each * (len(BARS) - 1) // largest)] if each else " " for each in sums)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        NO_NUMBER if row.pid is None else str(row.pid),
        row.name,
        row.user,
        short(min(row.files, LARGEST)),
        short(min(row.events, LARGEST)),
        size(min(row.sent, LARGEST)),
        size(min(row.received, LARGEST)),
        short(min(row.connections, LARGEST)),
        _rate(row.rate),
        bars(row.last),
    )


def _rate(number: float) -> str:
    return f"{number:5.1f}" if number < 999.95 else short(int(number))


def _table(rows: Iterable[Row], width: int, sort: str) -> Table:
    columns = columns_of(width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="")
    for column in columns:
        style = "bold reverse" if column.title == sort else "bold"
        title = Text(_placed(column.title, column), style)
        table.add_column(title, width=column.width, no_wrap=True, overflow="crop")
    for row in rows:
        table.add_row(*map(Text, _line(row, columns)))
    return table


def _line(row: Row, columns: Sequence[Column]) -> Iterator[str]:
    return (_cell(text, column) for text, column in zip(_cells(row), columns, strict=False))


def _cell(text: str, column: Column) -> str:
    return _placed(fitted(text, column.width, column.width - 1), column)


def _placed(shown: str, column: Column) -> str:
    if column.right:
        return " " * (column.width - cells(shown)) + shown
    return filled(shown, column.width)


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width + GAP for column in columns) - GAP
