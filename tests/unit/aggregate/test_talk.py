# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.aggregate.talk import MESSAGE_BYTES, TALK_BYTES, Talk
from kflowd.model import Segment
from kflowd.protocols import HTTP, Direction
from tests.unit.lines import Lines
from tests.unit.make import payload

FIN, SYN = Segment.FIN, Segment.SYN
TX, RX = Direction.TX, Direction.RX


def talk(*segments: tuple[Any, ...], shown: int = 4) -> Talk:
    """Return a talk after (direction, seq, data[, flags[, size]]), a nanosecond apart."""
    it = Talk(Lines(), 1000, shown)
    for ts_ns, (direction, seq, data, *rest) in enumerate(segments, 1):
        flags = rest[0] if rest else 0
        size = rest[1] if len(rest) > 1 else len(data)
        it.segment(
            payload(ts_ns=ts_ns, direction=direction, seq=seq, data=data, flags=flags, size=size)
        )
    return it


def said(it: Talk, shown: int = 4) -> list[tuple[Any, ...]]:
    """Return texts and notes of a talk's messages."""
    messages = it.said(shown)
    assert messages is not None
    return [(one.members["Text"], *one.notes) for one in messages.messages]


def test_messages_are_in_the_order_of_their_first_bytes() -> None:
    """Not in that of their last: whoever begins first is told first."""
    it = talk(
        (TX, 9, b"", SYN), (RX, 9, b"", SYN), (TX, 10, b"ques"), (RX, 10, b"early\n"),
        (TX, 14, b"tion\nmore\n"),
    )  # fmt: skip
    assert said(it) == [("question",), ("early",), ("more",)]
    assert it.said(4) is None


def test_a_packet_gives_the_messages_that_it_completes() -> None:
    """Also those that are not shown, and each once; one that is not heard gives none."""
    it = Talk(Lines(), 1000, 1)
    segments = ((1, b"a\nb\nc"), (6, b"\n"), (7, b"d"))
    texts = [
        [one.members["Text"] for one in it.segment(payload(seq=seq, data=data))]
        for seq, data in segments
    ]
    assert texts == [["a", "b"], ["c"], []]
    it.give_up()
    assert it.segment(payload(seq=8, data=b"e\n")) == []
    datagrams = Talk(Lines(), 1000, 1)
    packet = payload(data=b"a")
    assert [len(datagrams.datagram(packet)) for _ in range(2)] == [1, 1]
    datagrams.give_up()
    assert datagrams.datagram(packet) == []


def test_more_messages_than_are_shown_are_counted() -> None:
    """The first are shown; what is taken does not grow with the rest."""
    it = talk((TX, 9, b"", SYN), (TX, 10, b"a\nb\nc\n"), (TX, 16, b"d\n" * 50), shown=2)
    assert it.messages == 53
    assert it.held < TALK_BYTES + 3 * MESSAGE_BYTES
    messages = it.said(2)
    assert messages is not None
    assert [one.members["Text"] for one in messages.messages] == ["a", "b"]
    assert messages.more == 51
    assert (messages.app, messages.key, messages.stamped) == ("LINE", "Line", True)


def test_what_is_left_at_the_end_is_told() -> None:
    """Also if it began ahead of those that would be shown; its decoder says if it is unfinished."""
    it = talk((TX, 9, b"", SYN), (RX, 9, b"", SYN), (RX, 10, b"lon"), (TX, 10, b"a\nb\n"), shown=2)
    it.finish(99)
    assert said(it, 2) == [("lon", "UNFINISHED"), ("a",)]
    for flags in (0, FIN):
        it = talk((TX, 9, b"", SYN), (TX, 10, b".whole", flags))
        it.finish(99)
        assert said(it) == [(".whole",)]
    it = talk((TX, 9, b"", SYN), (TX, 12, b"c\nd", FIN))
    it.finish(99)
    assert said(it) == [("c", "GAP"), ("d", "UNFINISHED")]
    it = talk((TX, 9, b"", SYN), (TX, 10, b"ab"), (TX, 10, b"aX"))
    it.finish(99)
    assert said(it) == [("ab", "UNFINISHED", "OVERLAP")]


def http(*segments: tuple[Direction, int, bytes]) -> list[tuple[Any, ...]]:
    """Return status or target of the messages of an HTTP talk that ends, and their notes."""
    it = Talk(HTTP, 1000, 4)
    for ts_ns, (direction, seq, data) in enumerate(segments, 1):
        flags = 0 if data else SYN
        it.segment(payload(ts_ns=ts_ns, direction=direction, seq=seq, data=data, flags=flags))
    it.finish(99)
    messages = it.said(4)
    assert messages is not None
    members = [one.members for one in messages.messages]
    return [
        (of.get("_Status") or of["_Url"], *one.notes)
        for of, one in zip(members, messages.messages, strict=True)
    ]


def test_a_message_that_waited_for_the_other_direction_is_whole() -> None:
    """A response whose request was not seen, and one whose request comes late."""
    syn = (TX, 9, b""), (RX, 9, b"")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    ask = b"GET /a HTTP/1.1\r\n\r\n"
    assert http(*syn, (RX, 10, answer)) == [(200,)]
    assert http(*syn, (RX, 10, answer[:-1])) == [(200, "UNFINISHED")]
    # what came differently is noted on the message of its own direction
    early, late = (RX, 10, answer), (TX, 10, ask)
    other = (TX, 10, ask[:5] + b"b" + ask[6:])
    half = (TX, 10, ask[:9])
    assert http(*syn, early, half, other) == [(200,), ("/a", "OVERLAP")]
    assert http(*syn, early, late, (RX, 10, answer[:-1] + b"X")) == [(200, "OVERLAP"), ("/a",)]
    assert http(*syn, early, late, other) == [(200,), ("/a", "OVERLAP")]


def test_a_beginning_that_nobody_saw_is_said() -> None:
    """By either direction."""
    assert said(talk((TX, 10, b"a\n"), (RX, 5, b"b\n"))) == [("a", "PARTIAL"), ("b", "PARTIAL")]
    assert said(talk((TX, 9, b"", SYN), (TX, 10, b"a\n"), (RX, 5, b"b\n"))) == [("a",), ("b",)]


def test_other_bytes_are_noted_on_the_message_that_has_them() -> None:
    """If it is complete already, if it becomes so later, and on no other."""
    start = (TX, 9, b"", SYN)
    assert said(talk(start, (TX, 10, b"ab\n"), (TX, 13, b"cd\n"), (TX, 13, b"Xd\n"))) == [
        *(("ab",), ("cd", "OVERLAP"))
    ]
    assert said(talk(start, (TX, 10, b"ab"), (TX, 10, b"aX"), (TX, 12, b"\nc\n"))) == [
        *(("ab", "OVERLAP"), ("c", "OVERLAP"))  # they were complete with the same byte
    ]
    assert said(talk(start, (TX, 10, b".b"), (TX, 10, b".X", FIN))) == [(".b", "OVERLAP")]
    it = talk(start, (TX, 10, b"ab\n"), (TX, 14, b"d\n"), (TX, 14, b"X\n"), (TX, 13, b"c"))
    assert said(it) == [("ab",), ("cd", "OVERLAP")]
    it = talk(start, (TX, 10, b"ab\n"), shown=1)
    assert said(it) == [("ab",)]
    it.segment(payload(seq=10, data=b"XX\n"))
    it.segment(payload(seq=13, data=b"cd\n"))
    assert said(it) == [("cd",)]


def test_gaps_reach_the_decoder() -> None:
    """Those of what was not captured, in their place."""
    assert said(talk((TX, 9, b"", SYN), (TX, 10, b"ab", 0, 9), (TX, 19, b"c\n"))) == [
        *(("ab",), ("c", "GAP"))
    ]


def test_datagrams_are_messages() -> None:
    """Each for itself; padding is no part of them."""
    it = Talk(Lines(), 1000, 4)
    it.datagram(payload(data=b"abXX", size=2))
    it.datagram(payload(data=b"cd", size=9))
    assert said(it) == [("ab",), ("cd", "CUT")]


def test_it_weighs_what_it_holds() -> None:
    """What waits, what is not complete, what was not told; and nothing after that."""
    it = talk((TX, 9, b"", SYN), (TX, 10, b"x" * 500), (RX, 0, b"y"), (RX, 9, b"z" * 300))
    assert it.held > TALK_BYTES + 800
    before = it.held
    it.segment(payload(seq=510, data=b"\n"))
    assert it.held > before
    it.said(4)
    assert it.held < before


def test_who_has_given_up_keeps_what_was_said() -> None:
    """And takes no more."""
    it = talk((TX, 9, b"", SYN), (TX, 10, b"a\nbo"))
    with pytest.raises(ZeroDivisionError):
        it.segment(payload(seq=14, data=b"om\n"))
    it.give_up()
    it.segment(payload(seq=17, data=b"c\n"))
    it.datagram(payload(data=b"d"))
    it.finish(9)
    assert said(it) == [("a",)]
