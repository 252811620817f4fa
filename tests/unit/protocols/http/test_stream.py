# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Callable

import pytest

from kflowd.protocols.base import Limits
from kflowd.protocols.http import Http
from tests.unit.protocols.http import mutate
from tests.unit.protocols.http.frames_made import PREFACE, SETTINGS, frame
from tests.unit.protocols.http.talk import (
    GET,
    OK,
    RX,
    TX,
    UNREADABLE,
    answered,
    asked,
    talk,
)


def test_damaged_conversations_do_no_harm() -> None:
    """Nothing is raised, bounds hold, and what comes out can be shown; tests.fuzz has a million."""
    for seed in range(1000):
        mutate.run(seed)


REFUSED = [
    (b"GET /a b HTTP/1.1\r\n\r\n", "space in the request target"),
    (b"G@T / HTTP/1.1\r\n\r\n", "method is no token"),
    (b"GET / HTTP/1.1\r\nA : 1\r\n\r\n", "space before colon"),
    (b"GET / HTTP/1.1\r\nA B: 1\r\n\r\n", "header name is no token"),
    (b"GET / HTTP/1.1\r\nA: 1\r\n 2\r\n\r\n", "folded header"),
    (
        b"PUT / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length beside Transfer-Encoding",
    ),
    (
        b"PUT / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "Content-Lengths differ",
    ),
    (b"PUT / HTTP/1.1\r\nContent-Length: -3\r\n\r\nabc\n", "Content-Length is no number"),
    (
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n",
        "chunk size of 2^64 or more",
    ),
]


@pytest.mark.parametrize(("data", "complaint"), REFUSED)
def test_refused_messages_are_shown_with_the_complaint(data: bytes, complaint: str) -> None:
    """A strict parser stops there; the message that follows is still found."""
    first, second = asked(data + GET)
    assert first.members["_Exception"] == complaint
    assert first.notes == ["MALFORMED"]
    assert "_Version" in first.members
    assert second.members == {
        "_Method": "GET", "_Url": "/", "_Version": "HTTP/1.1", "Host": "a",
    }  # fmt: skip


def test_a_chunk_size_of_2_64_hides_no_request() -> None:
    """A request that is smuggled behind it is shown (a capture of Zeek is this)."""
    first, second = asked(
        b"POST / HTTP/1.1\r\nHost: target\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"10000000000000000\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: target\r\n\r\n"
    )
    assert first.members["_Exception"] == "chunk size of 2^64 or more"
    assert second.members["_Url"] == "/smuggled"


def test_a_body_as_long_as_its_content_length() -> None:
    """What another coding says inside of it is of no interest (a capture of Zeek is this)."""
    packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\xff\x00\x00\xff"
    inner = b"MIME-Version: 1.0\r\nTransfer-Encoding: chunked\r\n\x00\r\nB0001!!!\nBoom?\n"
    head = b"POST /first HTTP/1.1\r\nContent-Length: 80\r\nContent-Encoding: gzip\r\n\r\n"
    first, second = asked(head, packed, inner, b"POST /second HTTP/1.1\r\n\r\n")
    assert "_Body" not in first.members
    assert first.length == len(head) + 80
    assert second.members["_Url"] == "/second"


def test_a_last_chunk_with_something_behind() -> None:
    """A line without colon ahead of the end is a trailer (a capture of Suricata is this)."""
    message = answered(
        b"HTTP/1.1 200 ok\r\nContent-type: application/octet-stream\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nX5O!P\r\n3\r\n+H*\r\n0\r\nfoobar\r\n"
    )
    assert message.members["_Body"] == "X5O!P+H*"
    assert message.members[":"] == "foobar"
    assert message.members["_Exception"] == "header without colon"
    assert message.notes == ["UNFINISHED", "MALFORMED"]


def test_a_request_to_head_with_a_body_to_come() -> None:
    """Chunked in an odd list is chunked, and said (a capture of Suricata is this)."""
    (message,) = asked(
        b"HEAD /a.ttf HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: ,\tchunked,\r\n\r\n"
    )
    assert message.members["_Exception"] == (
        "Content-Length beside Transfer-Encoding; unusual Transfer-Encoding"
    )
    assert message.notes == ["UNFINISHED", "MALFORMED"]


def test_a_head_over_many_pieces() -> None:
    """Lines of a head come one by one (a capture of nDPI is this)."""
    messages = talk(
        (TX, b"GET / HTTP/1.1\r\nHost: a:31337\r\n"),
        (TX, b"User-Agent: x\r\n\r\n"),
        (RX, b"HTTP/1.0 200 OK\r\n"),
        (RX, b"Content-type: text/html; charset=UTF-8\r\nContent-Length: 1476\r\n\r\n<html>"),
        (RX, b"x" * 1470),
    )
    assert [it.ts_ns for it in messages] == [1, 3]
    assert messages[1].members["_Body"] == "<html>" + "x" * 1018
    assert (messages[1].notes, messages[1].length) == (["CUT"], 1557)


def test_bare_line_feeds_end_lines() -> None:
    """RFC 9112 section 2.2 lets a recipient read them."""
    (message,) = asked(b"GET / HTTP/1.0\nHost: a\n\n")
    assert list(message.members.values()) == ["GET", "/", "HTTP/1.0", "a"]


def test_a_head_above_the_limit_is_cut() -> None:
    """What fits is shown, no secret of the rest; the next message is found."""
    head = b"GET / HTTP/1.1\r\nA: 1\r\n" + b"Cookie: x\r\n" * 100
    first, second = asked(head + b"\r\n" + GET, limits=Limits(message_bytes=200))
    assert list(first.members) == ["_Method", "_Url", "_Version", "A", "Cookie"]
    assert first.notes == ["CUT"]
    assert first.length == len(head) + 2
    assert second.members["Host"] == "a"


def test_a_first_line_above_the_limit_is_unreadable() -> None:
    """A line without an end is not kept for ever."""
    (message,) = asked(b"GET /" + b"x" * 1000, limits=Limits(message_bytes=200))
    assert (message.members, message.length) == (UNREADABLE, 1005)


def test_responses_keep_their_bodies_apart() -> None:
    """A body until the end of the connection takes all that comes."""
    message = answered(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + OK)
    assert message.members["_Body"] == OK.decode()


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the faster of two runs."""
    best = float("inf")
    for _ in range(2):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "headers": lambda n: b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (n // 5),
    "one header": lambda n: b"GET / HTTP/1.1\r\na:" + b" x" * (n // 2),
    "folded": lambda n: b"GET / HTTP/1.1\r\na: b\r\n" + b" c\r\n" * (n // 4),
    "names": lambda n: b"GET / HTTP/1.1\r\n" + b"".join(b"%d:\r\n" % it for it in range(n // 7)),
    "no line": lambda n: b"GET " * (n // 4),
    "empty lines": lambda n: b"\r\n" * (n // 2),
    "requests": lambda n: GET * (n // len(GET)),
    "old requests": lambda n: b"GET /\n" * (n // 6),
    "garbage": lambda n: b"\x16" + b"\n" * n,
    "nearly starts": lambda n: b"\x16" + b"GET HTTP/1.1 2" * (n // 14),
    "responses": lambda n: b"HTTP/1.1 200\n\n" * (n // 14),
    "chunks": lambda n: CHUNKED + b"1\r\na\r\n" * (n // 6),
    "chunk extension": lambda n: CHUNKED + b"1;" + b"a" * n,
    "frames": lambda n: PREFACE + SETTINGS * (n // 9),
    "streams": lambda n: (
        PREFACE + b"".join(frame(1, b"\x82", flags=4, stream=it) for it in range(1, n // 10))
    ),
    "indexes": lambda n: (
        PREFACE
        + frame(1, b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000, flags=5, stream=1)
        + frame(1, b"\xbe" * n, flags=5, stream=3)
    ),
    "continuation": lambda n: (
        PREFACE + frame(1, b"", stream=1) + frame(9, b"\x82", stream=1) * (n // 10)
    ),
    "trailers": lambda n: CHUNKED + b"0\r\n" + b"a:b\r\n" * (n // 5),
}


@pytest.mark.parametrize("size", [1, 1460, 1 << 20])
@pytest.mark.parametrize("shape", HOSTILE)
def test_hostile_input_costs_what_its_bytes_cost(shape: str, size: int) -> None:
    """Four times the bytes take some four times as long, in any pieces, and little is kept."""

    def work(data: bytes) -> None:
        direction = RX if data.startswith(b"HTTP/") else TX
        conversation = Http().conversation(joined=direction is RX)
        for at in range(0, len(data), size):
            conversation.feed(direction, data[at : at + size], 1)
            assert conversation.held <= 200_000
        conversation.end(direction)

    few = 4000 if size == 1 else 16_000
    small, large = HOSTILE[shape](few), HOSTILE[shape](4 * few)
    # 10: others share the machine; what is quadratic takes sixteen times as long
    assert seconds(lambda: work(large)) <= 10 * max(seconds(lambda: work(small)), 0.002)


def test_a_million_chunks_are_read() -> None:
    """A million chunks of a byte take some microseconds each."""
    conversation = Http().conversation(joined=False)
    conversation.feed(TX, GET, 1)
    conversation.feed(RX, CHUNKED, 2)
    began = time.process_time()
    for _ in range(1000):
        assert conversation.feed(RX, b"1\r\na\r\n" * 1000, 3) == []
    spent = time.process_time() - began
    (message,) = conversation.feed(RX, b"0\r\n\r\n", 4)
    assert message.length == len(CHUNKED) + 6_000_005
    assert message.members["_Body"] == "a" * 1024
    assert spent < 30
