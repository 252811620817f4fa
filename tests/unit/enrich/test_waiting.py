# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.enrich.waiting import Waiting

FLOOD, OTHER = 1000, 1001


def test_a_value_waits_for_all_its_answers() -> None:
    """It goes when the last one is there; who asked nothing waits for nobody."""
    waiting: Waiting[str] = Waiting(10)
    assert waiting.hold("a", "A", 0, ("x", "y"), 1) == []
    assert waiting.hold("b", "B", 0, (), 2) == ["b"]
    assert waiting.waiters("x") == ["a"]
    assert waiting.ready(["A"]) == []
    assert waiting.waiters("y") == ["a"]
    assert waiting.ready(["A"]) == ["a"]
    assert (waiting.count, waiting.given_up, waiting.waiters("x")) == (0, 0, [])


def test_what_is_told_of_one_object_keeps_its_order() -> None:
    """A later value waits behind an earlier one, with its own answer or without a question."""
    waiting: Waiting[str] = Waiting(10)
    waiting.hold("a1", "A", 0, ("x",), 1)
    waiting.hold("a2", "A", 0, ("y",), 2)
    assert waiting.hold("a3", "A", 0, (), 3) == []
    waiting.waiters("y")
    assert waiting.ready(["A"]) == []
    waiting.waiters("x")
    assert waiting.ready(["A"]) == ["a1", "a2", "a3"]


def test_nobody_waits_longer_than_told() -> None:
    """What was late is counted; who waited behind it goes with it, unless he waits himself."""
    waiting: Waiting[str] = Waiting(10)
    waiting.hold("a1", "A", 0, ("x",), 1)
    waiting.hold("b1", "B", 0, ("y",), 2)
    waiting.hold("a2", "A", 0, (), 3)
    waiting.hold("b2", "B", 0, ("z",), 9)
    assert waiting.due(10) == []
    assert waiting.due(11) == ["a1", "a2"]
    assert waiting.due(12) == ["b1"]
    assert (waiting.given_up, waiting.count) == (2, 1)
    assert waiting.waiters("y") == []
    assert waiting.close() == ["b2"]
    assert (waiting.given_up, waiting.count) == (3, 0)


def test_a_flood_of_one_user_hides_nobody() -> None:
    """Without room the newest of who has the most goes; others keep theirs."""
    waiting: Waiting[str] = Waiting(10, limit=3)
    for name in "abc":
        assert waiting.hold(name, name, FLOOD, (name,), 1) == []
    assert waiting.hold("d", "d", FLOOD, ("d",), 1) == ["d"]
    assert waiting.hold("o", "o", OTHER, ("o",), 1) == ["c"]
    assert waiting.hold("p", "p", OTHER, ("p",), 1) == ["b"]
    assert waiting.hold("e", "e", FLOOD, ("e",), 1) in (["e"], ["p"])
    assert (waiting.count, waiting.given_up) == (3, 4)


def test_order_holds_where_there_is_no_room() -> None:
    """What is ahead of it of the same object goes first."""
    waiting: Waiting[str] = Waiting(10, limit=2)
    waiting.hold("o", "A", OTHER, ("x",), 1)
    waiting.hold("f", "A", FLOOD, ("y",), 1)
    assert waiting.hold("g", "B", FLOOD, ("z",), 1) == ["g"]
    assert waiting.hold("h", "A", FLOOD, ("z",), 1) == ["o", "f", "h"]
    assert waiting.count == 0


STEP = st.tuples(
    st.sampled_from(["hold", "answer", "due"]),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sets(st.integers(0, 5), max_size=2),
)


@given(st.lists(STEP, max_size=60))
def test_all_come_out_once_and_in_order(steps: list[tuple[str, int, int, set[int]]]) -> None:
    """Whatever happens: each value once, those of an object in their order, and never too many."""
    waiting: Waiting[tuple[int, int]] = Waiting(5, limit=4)
    out: list[tuple[int, int]] = []
    held: list[tuple[int, int]] = []
    for now, (what, thing, user, questions) in enumerate(steps):
        if what == "hold":
            held.append((thing, now))
            out += waiting.hold((thing, now), thing, user, questions, now)
        elif what == "answer":
            things = {value[0] for question in questions for value in waiting.waiters(question)}
            out += waiting.ready(things)
        else:
            out += waiting.due(now)
        assert waiting.count == len(held) - len(out) <= 4
    out += waiting.close()
    assert sorted(out) == sorted(held)
    for thing in range(4):
        assert [it for it in out if it[0] == thing] == [it for it in held if it[0] == thing]
    assert not (waiting._order)
    assert not (waiting._of_user)
    assert not (waiting._lines)
    assert not (waiting._asked)
