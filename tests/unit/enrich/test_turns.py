# SPDX-License-Identifier: Apache-2.0
import threading
import time

from kflowd.enrich.turns import Turns

FLOOD, OTHER = 1000, 1001


def test_users_take_turns() -> None:
    """Who asks much does not keep others waiting; the questions of one are answered in order."""
    turns: Turns[str] = Turns(10)
    for user, question in ((FLOOD, "a"), (FLOOD, "b"), (FLOOD, "c"), (OTHER, "x"), (0, "y")):
        turns.put(user, question)
    assert [turns.get() for _ in range(5)] == ["a", "x", "y", "b", "c"]
    assert turns.lost == 0


def test_a_flood_of_one_user_hides_nobody() -> None:
    """It gives up its newest questions for others, down to an equal share; each loss is counted."""
    turns: Turns[str] = Turns(4)
    for question in "abcdef":
        turns.put(FLOOD, question)
    assert turns.lost == 2
    for question in "xyz":
        turns.put(OTHER, question)
    assert turns.lost == 5
    assert [turns.get() for _ in range(4)] == ["a", "x", "b", "y"]


def test_many_users_are_bounded_too() -> None:
    """Without anybody who has more than others, the newest finds no room."""
    turns: Turns[int] = Turns(3)
    for user in range(5):
        turns.put(user, user)
    assert (turns.lost, [turns.get() for _ in range(3)]) == (2, [0, 1, 2])


def test_a_question_can_be_taken_without_waiting() -> None:
    """With whose it is; none is no error."""
    turns: Turns[str] = Turns(3)
    assert turns.poll() is None
    for user, question in ((FLOOD, "a"), (FLOOD, "b"), (OTHER, "x"), (FLOOD, "c")):
        turns.put(user, question)
    assert [turns.poll() for _ in range(4)] == [(FLOOD, "a"), (OTHER, "x"), (FLOOD, "b"), None]


def test_who_asks_hears_of_what_has_no_room() -> None:
    """It is the new question, or an older one of another user."""
    turns: Turns[str] = Turns(3)
    assert [turns.put(FLOOD, question) for question in "abcd"] == [None, None, None, "d"]
    assert turns.put(OTHER, "x") == "c"


def test_a_question_can_be_waited_for() -> None:
    """For a time; one that comes meanwhile is taken at once."""
    turns: Turns[str] = Turns(3)
    began = time.monotonic()
    assert turns.poll(0.05) is None
    assert time.monotonic() - began >= 0.05
    asking = threading.Timer(0.05, turns.put, (OTHER, "x"))
    asking.start()
    assert turns.poll(60) == (OTHER, "x")
    asking.join()
