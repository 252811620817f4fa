# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.top.rows import SORTS, Row, chosen, rows_of
from kflowd.top.totals import Totals
from tests.unit.top.made import record, tcp

TEXTS = (
    record(1, 59, Proc="b", ProcUser="y", FileEventCount=9, ProcExe="/opt/Tool"),
    record(2, 1, Proc="a", ProcUser="z", FileEventCount=1),
    record(2, 1, Proc="a", ProcUser="z"),
    tcp(3, 20, Proc="c", ProcUser="x", SockTxBytes=5, SockRxBytes=1),
    tcp(None, 21, Proc="", ProcUser="", SockTxBytes=1, SockRxBytes=5, SockPeersFolded=2),
)


def rows() -> list[Row]:
    """Return the rows of these records."""
    totals = Totals()
    totals.take(TEXTS, None)
    return rows_of(totals.processes(), totals.now)


@pytest.mark.parametrize(
    ("sort", "first"),
    [("PID", 1), ("PROCESS", None), ("USER", None), ("FILES", 2), ("EVENTS", 1), ("TX", 3),
     ("RX", None), ("CONNS", None), ("RATE", 1)],
)  # fmt: skip
def test_each_column_sorts(sort: str, first: int | None) -> None:
    """Names and numbers of processes upwards, what they did downwards."""
    assert chosen(rows(), sort, "")[0].pid == first


def test_all_sorts_are_tried() -> None:
    """None fails for any row, and none leaves one out."""
    for sort in SORTS:
        assert sorted(map(id, chosen(found := rows(), sort, ""))) == sorted(map(id, found))


@pytest.mark.parametrize(
    ("text", "pids"), [("B", {1}), ("x", {3}), ("tool", {1}), ("2", {2}), ("%", set())]
)
def test_a_filter_looks_at_names(text: str, pids: set[int]) -> None:
    """Process, user, executable, number; small letters and capitals are the same."""
    assert {row.pid for row in chosen(rows(), "PID", text)} == pids


def test_a_rate_is_that_of_now() -> None:
    """One record in five seconds."""
    assert [row.rate for row in chosen(rows(), "RATE", "")] == [0.2, 0, 0, 0]
