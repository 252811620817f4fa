# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols.http.search import Search
from kflowd.protocols.http.startline import ANSWER, EITHER, REQUEST


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"tail of a bodyHTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"\x00\n\n<html>GET /a HTTP/1.0\r\n", b"GET /a HTTP/1.0\r\n"),
        (b"a\nBREW /pot HTTP/1.1\n", b"BREW /pot HTTP/1.1\n"),
        (b"HTTP/1.1 404\n", b"HTTP/1.1 404\n"),
    ],
)
def test_a_start_is_found_however_it_comes(data: bytes, line: bytes, size: int) -> None:
    """The first line of a message is found, and all ahead of it is skipped."""
    search, skipped = Search(100), b""
    for at in range(0, len(data), size):
        piece, pos = data[at : at + size], 0
        while pos < len(piece):
            more, found, pos = search.feed(EITHER, piece, pos, at)
            skipped += more
    assert found == line
    assert skipped == data[: -len(line)]


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\n",
        b"xBREW /pot HTTP/1.1\n",
        b"HTTP/1.1 abc\n",
        b"see HTTP/1.1 \n",
        b"GET  / HTTP/1.1\n",
    ],
)
def test_what_is_not_plausible_is_skipped(data: bytes) -> None:
    """Less than a whole first line is no start."""
    assert Search(100).feed(EITHER, data, 0, 1) == (data, None, len(data))


def test_each_side_looks_for_its_own() -> None:
    """A server's bytes are not searched for requests, nor a client's for responses."""
    request, answer = b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n"
    assert Search(100).feed(ANSWER, request + answer, 0, 1)[1] == answer
    assert Search(100).feed(REQUEST, answer + request, 0, 1)[1] == request


def test_a_piece_that_begins_a_message_begins_a_line() -> None:
    """What was kept ahead of it is skipped, so that the time is its own."""
    search = Search(100)
    assert search.feed(ANSWER, b"tail", 0, 1) == (b"", None, 4)
    assert search.held == 4
    assert search.feed(ANSWER, b"HTTP/1.1 200 OK\r\n", 0, 2)[:2] == (
        b"tail",
        b"HTTP/1.1 200 OK\r\n",
    )
    assert search.since_ns == 2


def test_a_long_line_is_dropped() -> None:
    """No more than the limit is kept of a line without an end."""
    search = Search(10)
    skipped = b""
    for _ in range(10):
        more, found, end = search.feed(ANSWER, b"x" * 7, 0, 1)
        assert found is None
        assert end > 0
        assert search.held <= 10
        skipped += more
    assert len(skipped) >= 40
