# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols import DNS
from kflowd.protocols.base import Conversation, Direction, Limits, Message
from kflowd.protocols.dns.application import Dns
from kflowd.protocols.dns.framing import begins_at
from tests.unit.protocols.dns.make import (
    QUERY,
    RESPONSE,
    framed,
    message,
    name,
    pointer,
    question,
    record,
)

TX, RX = Direction.TX, Direction.RX
QUERIES = [message(QUERY, [question(f"{at}.google.com")], ident=at) for at in range(20)]
ANSWERS = [
    message(RESPONSE, [question(f"{at}.google.com")], [record(pointer(12), ttl=at)] * 12, ident=at)
    for at in range(20)
]
NO_MESSAGE = {"_Exception": "DNS Message Decoder"}


def begun(*, joined: bool = False) -> Conversation:
    """Return a decoder for a connection."""
    return DNS.conversation(joined=joined)


def idents(messages: list[Message]) -> list[object]:
    """Return the transaction of each message, None of what is none."""
    return [it.members.get("TransactionId") for it in messages]


def test_a_segment_may_have_many_messages() -> None:
    """As clients that ask at once send them."""
    talk = begun()
    assert idents(talk.feed(TX, framed(*QUERIES), 1)) == list(range(20))
    assert idents(talk.feed(RX, framed(*ANSWERS), 2)) == list(range(20))
    assert talk.held == 0
    assert talk.end(TX) == talk.end(RX) == []


def test_a_message_may_have_many_segments() -> None:
    """Its time is that of its first byte; each direction is a stream of its own."""
    talk = begun()
    data = framed(*ANSWERS[:3])
    found = []
    for at in range(len(data)):
        found += talk.feed(RX, data[at : at + 1], at)
        assert talk.feed(TX, b"", at) == []
    size = len(data) // 3
    assert idents(found) == [0, 1, 2]
    assert [it.ts_ns for it in found] == [0, size, 2 * size]
    assert [len(it.members["ResourceRecords"]) for it in found] == [12, 12, 12]
    assert all(it.notes == [] for it in found)


@given(st.lists(st.integers(1, 400), max_size=30))
def test_how_a_stream_is_split_says_nothing(sizes: list[int]) -> None:
    """The messages are the same."""
    data, at, found = framed(*ANSWERS[:5]), 0, []
    talk = begun()
    for size in [*sizes, len(data)]:
        found += talk.feed(RX, data[at : at + size], 0)
        at += size
    whole = [DNS.datagram(RX, it, len(it), 0)[0] for it in ANSWERS[:5]]
    assert found == whole


def test_a_whole_message_that_is_missing_is_noted() -> None:
    """The next one is read, and says that bytes are missing ahead of it."""
    talk = begun()
    found = talk.feed(TX, framed(QUERIES[0]), 1)
    found += talk.gap(TX, len(framed(QUERIES[1])), 2)
    found += talk.feed(TX, framed(*QUERIES[2:4]), 3)
    assert idents(found) == [0, 2, 3]
    assert [it.notes for it in found] == [[], ["GAP"], []]


def test_bytes_that_are_missing_inside_a_message_cost_that_one() -> None:
    """What came of it is shown; where the next one begins is known by its length."""
    talk = begun()
    data = framed(*ANSWERS[:2])
    assert talk.feed(RX, data[:100], 1) == []
    (part,) = talk.gap(RX, 50, 2)
    assert (part.notes, part.length, part.ts_ns) == (["GAP"], len(ANSWERS[0]), 1)
    assert 0 < len(part.members["ResourceRecords"]) < 12
    assert talk.held == 0
    # 50 more of those that are still to come
    assert talk.gap(RX, 50, 3) == []
    (rest,) = talk.feed(RX, data[200:], 4)
    assert (rest.members["TransactionId"], rest.notes) == (1, [])


@pytest.mark.parametrize("size", [0, 200])
def test_the_next_plausible_beginning_is_found(size: int) -> None:
    """Where it cannot be known: the gap is longer than the message, or nobody knows how long."""
    talk = begun()
    data = framed(*ANSWERS[:4])
    each = len(data) // 4
    talk.feed(RX, data[:100], 1)
    (part,) = talk.gap(RX, size, 2)
    assert part.notes == ["GAP"]
    found = []
    for at in range(each + 40, len(data), 7):
        found += talk.feed(RX, data[at : at + 7], 3)
    assert idents(found) == [None, 2, 3]
    assert (found[0].members, found[0].notes, found[0].length) == (NO_MESSAGE, ["GAP"], each - 40)
    assert found[1].notes == found[2].notes == []


def test_a_second_gap_ahead_of_a_beginning_is_one() -> None:
    """Nothing is told twice."""
    talk = begun()
    assert talk.gap(TX, 10, 1) == []
    assert talk.gap(TX, 10, 2) == []
    (found,) = talk.feed(TX, framed(QUERIES[3]), 3)
    assert found.notes == ["GAP"]
    assert talk.gap(TX, 10, 4) == []
    assert talk.feed(TX, b"no beginning", 5) == []
    (lost,) = talk.gap(TX, 10, 6)
    assert (lost.members, lost.notes, lost.length, lost.ts_ns) == (NO_MESSAGE, ["GAP"], 12, 5)


def test_a_connection_that_was_joined_is_read_from_its_next_message_on() -> None:
    """What is ahead of it is older than what was seen."""
    talk = begun(joined=True)
    found = talk.feed(RX, framed(*ANSWERS[:2])[100:], 5)
    assert idents(found) == [None, 1]
    assert (found[0].members, found[0].notes) == (NO_MESSAGE, ["PARTIAL"])
    assert found[0].length == len(framed(ANSWERS[0])) - 100
    # the other direction began with a message
    (sent,) = talk.feed(TX, framed(QUERIES[0]), 6)
    assert (sent.members["TransactionId"], sent.notes) == (0, [])


def test_a_connection_that_was_joined_and_has_no_message_says_so() -> None:
    """Once, and holds next to nothing."""
    talk = begun(joined=True)
    for _ in range(100):
        assert talk.feed(RX, bytes(range(256)) * 4, 1) == []
        assert talk.held < 300
    (lost,) = talk.end(RX)
    assert (lost.members, lost.notes, lost.length) == (NO_MESSAGE, ["PARTIAL"], 102400)
    assert talk.held == 0


def test_a_stream_that_ends_inside_a_message_says_so() -> None:
    """What came of it is shown."""
    talk = begun()
    talk.feed(RX, framed(ANSWERS[0])[:-5], 1)
    (last,) = talk.end(RX)
    assert (last.notes, last.length) == (["UNFINISHED"], len(ANSWERS[0]))
    assert len(last.members["ResourceRecords"]) == 11
    talk.feed(TX, b"\0", 1)
    (last,) = talk.end(TX)
    assert (last.members, last.notes, last.length) == (NO_MESSAGE, ["UNFINISHED"], 0)


def test_a_length_of_no_message_is_told_once() -> None:
    """Then the next plausible beginning is looked for."""
    talk = begun()
    found = talk.feed(TX, bytes(5000) + framed(QUERIES[7]), 1)
    assert idents(found) == [None, 7]
    assert [it.notes for it in found] == [["MALFORMED"], []]


def test_no_more_than_the_limit_is_kept() -> None:
    """Of a longer message the first bytes are shown, and the rest is passed by."""
    talk = Dns(Limits(message_bytes=100)).conversation(joined=False)
    found = []
    data = framed(*ANSWERS[:2])
    for at in range(0, len(data), 10):
        found += talk.feed(RX, data[at : at + 10], at)
        assert talk.held <= 102
    assert idents(found) == [0, 1]
    assert all(it.notes == ["CUT"] and it.length == len(ANSWERS[0]) for it in found)
    assert all(0 < len(it.members["ResourceRecords"]) < 12 for it in found)


def test_what_a_beginning_is() -> None:
    """A length with room for what is counted, flags that there are, a question with a class."""
    good = framed(QUERIES[0])
    assert begins_at(good, 0)
    assert begins_at(b"x" + good, 1)
    assert begins_at(framed(message(0x8400, [], [record("a")])), 0)
    assert all(begins_at(good[:end], 0) is None for end in range(len(good)))
    for wrong in (
        framed(b"short"),
        framed(message(QUERY)),  # nothing in it
        framed(message(QUERY, [question("a")], counts=(9, 0, 0, 0))),
        framed(message(QUERY | 0x40, [question("a")])),
        framed(message(7 << 11, [question("a")])),
        framed(message(QUERY, [question("a", 1, 77)])),
        framed(message(QUERY, [question(pointer(12))])),
        framed(message(QUERY, [b"\x3f" + b"a" * 20])),
        framed(message(QUERY, [name("abcdef")])),
    ):
        assert begins_at(wrong, 0) is False


@pytest.mark.parametrize(
    "block",
    [
        bytes(64),
        b"\0\x0c" + bytes(62),
        b"\xff" * 64,
        framed(QUERIES[0])[:-1],
        b"\x10\0\0\0\0\0\0\1\0\0\0\0\0\0" + b"\1a" * 25,
    ],
    ids=["zeros", "headers", "ones", "queries", "names"],
)
@pytest.mark.parametrize("joined", [False, True])
def test_cost_is_linear_on_hostile_streams(block: bytes, joined: bool) -> None:
    """Four times the bytes take no more than about four times as long."""
    costs = {}
    for count in (2000, 8000):
        talk = begun(joined=joined)
        data = block * count
        began = time.process_time()
        for at in range(0, len(data), 1448):
            talk.feed(RX, data[at : at + 1448], at)
        costs[count] = time.process_time() - began
    assert costs[8000] < max(0.1, 8 * costs[2000]), costs
