# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols import Direction, Message
from kflowd.protocols.framed import FramedConversation, FramedSide

TX, RX = Direction.TX, Direction.RX
MOST = 4


class Counted(FramedSide):
    """A byte says how many follow; of more than four the first four are told at once."""

    def __init__(self, direction: Direction) -> None:
        super().__init__()
        self.direction = direction

    def _take(self, at: int, messages: list[Message]) -> int:
        size = self.kept[at]
        if len(self.kept) - at - 1 < min(size, MOST):
            return at
        text = bytes(self.kept[at + 1 : at + 1 + min(size, MOST)])
        messages.append(Message(self._ts_ns, self.direction, {"Text": text}))
        return at + 1 + size

    def gap(self, size: int, ts_ns: int) -> list[Message]:
        del size, ts_ns
        return self.end()

    def end(self) -> list[Message]:
        left = bytes(self.kept)
        self.kept.clear()
        return [Message(self._ts_ns, self.direction, {"Left": left})] if left else []


def told(messages: list[Message]) -> list[tuple[int, bytes]]:
    return [(it.ts_ns, it.members["Text"]) for it in messages]


def test_each_message_has_the_time_of_its_first_byte() -> None:
    """Also of those that come at once, and of one whose rest came later."""
    talk = FramedConversation(Counted)
    assert told(talk.feed(TX, b"\x01a\x02b", 7)) == [(7, b"a")]
    assert talk.held == 2
    assert told(talk.feed(TX, b"c\x01d\x01", 8)) == [(7, b"bc"), (8, b"d")]
    assert told(talk.feed(TX, b"", 9)) == []
    assert told(talk.feed(TX, b"e", 10)) == [(8, b"e")]
    assert talk.held == 0


def test_what_is_still_to_come_of_a_told_message_is_passed_over() -> None:
    """In as many pieces as it comes."""
    talk = FramedConversation(Counted)
    assert told(talk.feed(RX, b"\x08abcd", 1)) == [(1, b"abcd")]
    assert talk.held == 0
    assert talk.feed(RX, b"ef", 2) == []
    assert told(talk.feed(RX, b"gh\x01i", 3)) == [(3, b"i")]


def test_directions_know_nothing_of_each_other() -> None:
    """What one has begun the other does not end."""
    talk = FramedConversation(Counted)
    assert talk.feed(TX, b"\x02a", 1) == []
    assert told(talk.feed(RX, b"\x01b", 2)) == [(2, b"b")]
    (left,) = talk.end(TX)
    assert left.members == {"Left": b"\x02a"}
    assert talk.gap(RX, 1, 3) == talk.end(RX) == []


@given(st.lists(st.binary(max_size=9), max_size=9), st.data())
def test_cuts_change_nothing(texts: list[bytes], data: st.DataObject) -> None:
    """Wherever the stream is cut."""
    stream = b"".join(bytes([len(it)]) + it for it in texts)
    talk = FramedConversation(Counted)
    found, at = [], 0
    while at < len(stream):
        after = data.draw(st.integers(at + 1, len(stream)))
        found += talk.feed(TX, stream[at:after], 1)
        at = after
    assert [text for _, text in told(found)] == [it[:MOST] for it in texts]
