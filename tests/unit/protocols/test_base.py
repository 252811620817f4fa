# SPDX-License-Identifier: Apache-2.0
import msgspec

from kflowd.protocols import NOTES, Direction, Limits, Message


def test_notes_are_words() -> None:
    """As those of other records are."""
    for word, legend in NOTES.items():
        assert word.isupper()
        assert word.replace("_", "").isalpha()
        assert legend


def test_messages_share_no_notes() -> None:
    """A list that one gets is its own."""
    first, second = (Message(1, Direction.TX, {}) for _ in range(2))
    first.notes.append("CUT")
    assert second.notes == []


def test_no_limit_is_absent() -> None:
    """Each is a number above 0."""
    assert all(value > 0 for value in msgspec.structs.astuple(Limits()))
