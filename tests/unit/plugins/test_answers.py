# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.plugins import answers
from kflowd.plugins.answers import Answers

FLOOD, OTHER = 1000, 1001


def test_users_take_turns() -> None:
    """Who has many answers does not keep those of others waiting."""
    it: Answers[str] = Answers()
    for number in range(5):
        it.put(FLOOD, f"flood {number}", 1, "late")
    it.put(OTHER, "other", 1, "late")
    assert it.wait(0) == "flood 0"
    assert it.fetch() == ["other", *(f"flood {number}" for number in range(1, 5))]
    assert (it.fetch(), it.wait(0.01), it.lost) == ([], None, 0)


def test_bytes_of_one_user_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer goes without them, and is counted; others have room, and it has again later."""
    monkeypatch.setattr(answers, "USER_BYTES", 10)
    it: Answers[str] = Answers()
    for _ in range(2):
        it.put(FLOOD, "whole", 6, "late")
    it.put(OTHER, "other", 6, "late")
    it.put(FLOOD, "empty", 0, "late")
    assert (it.fetch(), it.lost) == (["whole", "other", "late", "empty"], 1)
    it.put(FLOOD, "whole", 10, "late")
    assert it.fetch() == ["whole"]


def test_a_flood_gives_up_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it gave up takes no room."""
    monkeypatch.setattr(answers, "MAX_ANSWERS", 3)
    it: Answers[str] = Answers()
    for number in range(3):
        it.put(FLOOD, f"flood {number}", 100, "late")
    it.put(OTHER, "other", 1, "late")
    assert (it.fetch(), it.lost) == (["flood 0", "other", "flood 1"], 1)
    assert it._room._all == 0


def test_some_are_fetched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by bytes."""
    monkeypatch.setattr(answers, "MAX_FETCHED", 2)
    monkeypatch.setattr(answers, "FETCHED_BYTES", 10)
    it: Answers[int] = Answers()
    for number, size in enumerate((1, 1, 1, 10, 1)):
        it.put(OTHER, number, size, -1)
    assert [it.fetch() for _ in range(4)] == [[0, 1], [2, 3], [4], []]
