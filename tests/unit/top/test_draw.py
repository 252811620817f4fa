# SPDX-License-Identifier: Apache-2.0
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from kflowd.delivery.formats.visible import cells
from kflowd.top.draw import COLUMNS, Picture, bars, columns_of, help_line, plain, screen
from kflowd.top.history import rate
from kflowd.top.rows import SORTS, chosen, rows_of
from kflowd.top.split import Splitter
from kflowd.top.totals import Totals
from kflowd.top.view import View
from tests.unit.top.made import example, health, record, tcp


def picture(*texts: bytes, most: int = 100, view: View | None = None) -> Picture:
    """Return the picture of some records."""
    totals, view = Totals(most), view or View()
    totals.take(texts, None)
    rows = rows_of(totals.processes(), totals.now)
    shown = chosen(rows, view.sort, view.filter)
    last = totals.history.last(totals.now)
    return Picture("file (end)", shown, len(rows), rate(last), totals, view)


def drawn(shown: Picture, width: int, height: int) -> list[str]:
    """Return the lines of a screen."""
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, markup=False, highlight=False)
    console.print(screen(shown, width, height), end="")
    return out.getvalue().removesuffix("\n").split("\n")


def test_plain_text() -> None:
    """All rows, lines of 80 cells, nothing that drives a terminal."""
    text = plain(picture(*Splitter().feed(example())))
    assert text.splitlines()[:5] == [
        "5 processes  72 records, 4.4/s  by RATE  file (end)",
        "lost: FileLostRing=12 OutputLost=3  not records: 1",
        "    PID PROCESS         USER     FILES EVENTS    TX    RX CONNS  RATE LAST 20 s",
        "   4711 cc1             dirk        57    171     0     0     0   3.0 ▁▄▇▅▃▆█▁▄▇",
        "    812 postgres        postgres     7    280     0     0     0   1.0       ▄███",
    ]
    assert max(map(cells, text.splitlines())) <= 80
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize(
    ("width", "height"), list(itertools.product((1, 20, 79, 80, 200), (1, 3, 4, 24)))
)
def test_a_screen_is_filled(width: int, height: int) -> None:
    """Of any size: no line is too long, and none too many."""
    lines = drawn(picture(*(record(pid, Proc="漢字" * 20) for pid in range(30))), width, height)
    assert len(lines) == height if height >= 4 else len(lines) <= height
    assert max(map(cells, lines)) <= width


@given(name=st.text(), user=st.text())
def test_no_name_leaves_its_column(name: str, user: str) -> None:
    """What stands behind it stands where it does for others, and no control comes through."""
    text = record(1, Proc=name, ProcUser=user).decode("utf-8", "surrogatepass")
    lines = drawn(picture(text.encode("utf-8", "replace")), 80, 6)
    assert all(line.isprintable() for line in lines)
    assert cells(lines[3].rstrip()) == 80 or not lines[3].strip()


def test_largest_numbers_stay_in_their_columns() -> None:
    """Sums of a made up file can be larger than any counter."""
    most = (1 << 63) - 1
    texts = [tcp(most, SockTxBytes=most, SockRxBytes=most, SockPeersFolded=most)] * 5
    lines = drawn(picture(*texts, record(most, FileEventCount=most)), 80, 5)
    assert cells(lines[3].rstrip()) == 80


def test_columns_by_width() -> None:
    """80 cells have all; more go to the names; with less the last ones are not there."""
    assert columns_of(80) == list(COLUMNS)
    assert [it.width for it in columns_of(100)][1:3] == [35, 8]
    assert [it.title for it in columns_of(40)] == ["PID", "PROCESS", "USER", "FILES"]
    assert len(columns_of(1)) == 1
    assert [it.title for it in COLUMNS][: len(SORTS)] == list(SORTS)


def test_losses_are_told() -> None:
    """What is not known is not nothing; what we dropped is named beside it."""
    assert "lost: nothing told" in plain(picture(record()))
    assert "lost: nothing\n" in plain(picture(health()))
    text = plain(picture(b"{", *(record(pid) for pid in range(5)), most=2))
    assert "lost: nothing told  not records: 1  processes dropped: 3\n" in text


def test_choices_are_told() -> None:
    """Filter, pause, order; the keys, or the filter that is written."""
    view = View()
    for key in ("/", *"ca"):
        view.press(key)
    assert help_line(view).startswith("/ca_")
    for key in ("enter", "p", "s"):
        view.press(key)
    line = plain(picture(record(1), record(2, Proc="x"), view=view)).splitlines()[0]
    assert line == "1 of 2 processes with 'ca'  2 records, 0.4/s  by PID  PAUSED  file (end)"
    assert "p pause" in help_line(view)
    assert "clears 'ca'" in help_line(view)


@pytest.mark.parametrize(
    ("last", "text"), [((0, 0, 0, 0), "  "), ((0, 1, 500, 500), "▁█"), ((1, 0, 1, 1), "▄█")]
)
def test_bars(last: tuple[int, ...], text: str) -> None:
    """Something is never nothing."""
    assert bars(last) == text
