# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols import DEV_LOG, SYSLOG
from kflowd.protocols.base import Conversation, Direction, Limits, Message
from kflowd.protocols.syslog.application import Syslog

RX = Direction.RX
# line feeds and counts in turn, as a receiver gets them that is sent both
MIXED = (
    b"51 <13>Oct 11 22:14:15 mymachine su: 'su root' failed ",
    b"<14>Oct 11 22:14:16 mymachine su: 'su root' failed\n",
    b"50 <15>Oct 11 22:14:17 mymachine su: 'su bob' failed ",
    b"<16>Oct 11 22:14:18 mymachine su: 'su bob' failed\n",
)


def begun(*, joined: bool = False) -> Conversation:
    """Return a decoder for a connection."""
    return SYSLOG.conversation(joined=joined)


def counted(text: bytes) -> bytes:
    """Return a message behind its count."""
    return b"%d %s" % (len(text), text)


def texts(messages: list[Message]) -> list[object]:
    """Return the text of each message."""
    return [it.members.get("Message", it.members.get("_Message")) for it in messages]


def test_both_framings_are_read_in_one_stream() -> None:
    """What is counted keeps its last blank."""
    talk = begun()
    found = [it for data in MIXED for it in talk.feed(RX, data, 1)]
    assert texts(found) == [
        "'su root' failed ",
        "'su root' failed",
        "'su bob' failed ",
        "'su bob' failed",
    ]
    assert [it.members["Priority"] for it in found] == [13, 14, 15, 16]
    assert all(it.notes == [] and it.members["Hostname"] == "mymachine" for it in found)
    assert talk.held == 0
    assert talk.end(RX) == []


@given(st.lists(st.integers(1, 60), max_size=20))
def test_how_a_stream_is_split_says_nothing(sizes: list[int]) -> None:
    """The messages are the same."""
    data, at, found = b"".join(MIXED), 0, []
    talk = begun()
    for size in [*sizes, len(data)]:
        found += talk.feed(RX, data[at : at + size], 0)
        at += size
    assert found == begun().feed(RX, data, 0)


def test_the_time_of_a_message_is_that_of_its_first_byte() -> None:
    """Byte by byte, in each framing."""
    talk = begun()
    data = b"<13>a: x\n" + counted(b"<13>b: y") + b"<13>c: z\0"
    found = [it for at in range(len(data)) for it in talk.feed(RX, data[at : at + 1], at)]
    assert [(it.ts_ns, it.members["Message"]) for it in found] == [(0, "x"), (9, "y"), (19, "z")]


def test_lines_end_in_several_ways() -> None:
    """Empty ones are none; a zero byte ends one, as senders to /dev/log have it."""
    talk = DEV_LOG.conversation(joined=False)
    found = talk.feed(
        RX, b"<13>a: x\r\n\r\n<13>b: y\0\0\n" + counted(b"<13>c: two\nlines\n") + b"\n", 1
    )
    assert texts(found) == ["x", "y", "two\nlines"]


def test_what_only_begins_as_a_count_is_a_line() -> None:
    """A count is followed by a priority."""
    data = b"12 monkeys\n2024 was a year\n0 <13>x\n12345678 <13>x\n"
    assert texts(begun().feed(RX, data, 1)) == [
        "12 monkeys", "2024 was a year", "0 <13>x", "12345678 <13>x",
    ]  # fmt: skip


def test_a_line_beyond_the_limit_is_cut() -> None:
    """Its length is told; no more of it is kept."""
    talk = Syslog(Limits(message_bytes=50)).conversation(joined=False)
    found = []
    data = (
        b"<13>a: " + b"x" * 200 + b"\n<13>b: y\n" + counted(b"<13>c: " + b"z" * 100) + b"<13>d: w\n"
    )
    for at in range(len(data)):
        found += talk.feed(RX, data[at : at + 1], at)
        assert talk.held <= 60
    assert texts(found) == ["x" * 43, "y", "z" * 43, "w"]
    assert [it.notes for it in found] == [["CUT"], [], ["CUT"], []]
    assert [it.length for it in found] == [207, 0, 107, 0]
    whole = Syslog(Limits(message_bytes=50)).conversation(joined=False).feed(RX, data, 1)
    assert texts(whole) == texts(found)
    assert [it.length for it in whole] == [207, 0, 107, 0]


def test_bytes_that_are_missing_inside_a_counted_message_cost_that_one() -> None:
    """Where the next one begins is known by its count."""
    talk = begun()
    data = counted(b"<13>a: " + b"x" * 93) + counted(b"<13>b: y")
    assert talk.feed(RX, data[:50], 1) == []
    (part,) = talk.gap(RX, 20, 2)
    assert (part.notes, part.length, part.members["Message"]) == (["GAP"], 100, "x" * 39)
    assert talk.held == 0
    (rest,) = talk.feed(RX, data[70:], 3)
    assert (rest.notes, rest.members["Message"]) == ([], "y")


@pytest.mark.parametrize("size", [0, 40])
def test_behind_a_gap_the_next_beginning_is_found(size: int) -> None:
    """What is left of a message is told as it is, and so is what came ahead of the gap."""
    talk = begun()
    assert talk.feed(RX, b"<13>a: begun", 1) == []
    (part,) = talk.gap(RX, size, 2)
    assert (part.notes, part.members["Message"]) == (["GAP"], "begun")
    found = talk.feed(RX, b"its end\n<13>b: y\n", 3)
    assert texts(found) == ["its end", "y"]
    assert found[0].members["_Exception"] == "SYSLOG Message Decoder"
    assert [it.notes for it in found] == [["GAP"], []]


def test_a_whole_message_that_is_missing_is_noted() -> None:
    """The next one says so."""
    talk = begun()
    assert talk.gap(RX, 10, 1) == []
    found = talk.feed(RX, MIXED[1] + MIXED[2], 2)
    assert [it.notes for it in found] == [["GAP"], []]
    assert talk.gap(RX, 10, 3) == []
    found = talk.feed(RX, b"of a counted one " + MIXED[0] + MIXED[1], 4)
    assert [it.notes for it in found] == [["GAP"], [], []]
    assert texts(found)[0] == "of a counted one "


def test_a_connection_that_was_joined_is_read_from_its_next_message_on() -> None:
    """What is ahead of it is older than what was seen."""
    talk = begun(joined=True)
    found = []
    data = b"end of a message\n" + b"".join(MIXED)
    for at in range(len(data)):
        found += talk.feed(RX, data[at : at + 1], at)
    assert [it.notes for it in found] == [["PARTIAL"], [], [], [], []]
    assert (found[0].members["_Message"], found[0].length) == ("end of a message", 0)
    assert [it.notes for it in begun(joined=True).feed(RX, MIXED[0], 1)] == [[]]
    talk = begun(joined=True)
    talk.feed(RX, b"short", 1)
    (last,) = talk.end(RX)
    assert (last.notes, last.members["_Message"]) == (["PARTIAL"], "short")


def test_a_joined_stream_without_a_message_is_bounded() -> None:
    """Its first bytes are told, and its length."""
    talk = Syslog(Limits(message_bytes=100)).conversation(joined=True)
    for _ in range(100):
        assert talk.feed(RX, b"x" * 1000, 1) == []
        assert talk.held <= 100
    (last,) = talk.end(RX)
    assert (last.notes, last.length) == (["PARTIAL", "CUT"], 100000)


def test_a_last_line_may_have_no_end() -> None:
    """It is told, and that it may go on."""
    talk = begun()
    talk.feed(RX, b"<13>a: x", 1)
    (last,) = talk.end(RX)
    assert (texts([last]), last.notes, last.length, talk.held) == (["x"], ["UNFINISHED"], 0, 0)
    talk = begun()
    talk.feed(RX, b"100 <13>a: x", 1)
    (last,) = talk.end(RX)
    assert (texts([last]), last.notes, last.length) == (["x"], ["UNFINISHED"], 100)


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("step", [1, 1448])
@pytest.mark.parametrize("block", [b"x", b"9", b"9 <", b"1 <13>", b"<13>", b"\n", b"\0", b"9 9"])
def test_cost_is_linear_on_hostile_streams(block: bytes, step: int, joined: bool) -> None:
    """Four times the bytes take no more than about four times as long."""
    costs = {}
    for size in (10000, 40000):
        talk = begun(joined=joined)
        data = (block * size)[:size]
        began = time.process_time()
        for at in range(0, len(data), step):
            talk.feed(RX, data[at : at + step], at)
        costs[size] = time.process_time() - began
    assert costs[40000] < max(0.1, 8 * costs[10000]), costs
