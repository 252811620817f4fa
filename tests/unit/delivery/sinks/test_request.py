# SPDX-License-Identifier: Apache-2.0
import select
import socket
from collections.abc import Iterator
from unittest import mock

import pytest

from kflowd.delivery.sinks.request import _MOST_PIECES, MOST_BODY_BYTES, Request, Talk

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    yield ours, theirs
    ours.close()
    theirs.close()


def begun(channel: socket.socket, body: bytes = b"x") -> tuple[Talk, Request]:
    talk = Talk(channel)
    return talk, again(talk, body)


def again(talk: Talk, body: bytes = b"x") -> Request:
    return talk.begin("/in?a", [("Host", "h"), ("Content-Length", str(len(body)))], body)


def test_requests_follow_each_other(ends: tuple[socket.socket, socket.socket]) -> None:
    """Over one connection, when the answer is whole."""
    ours, theirs = ends
    talk, request = begun(ours)
    for _ in range(3):
        assert not request.go_on()
        assert request.events == select.POLLIN
        assert theirs.recv(1000) == b"POST /in?a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
        theirs.send(OK[:-1])
        assert not request.go_on()
        theirs.send(OK[-1:])
        assert request.go_on()
        assert (request.status, request.reusable, request.retry_after) == (200, True, "")
        request = again(talk)


def test_it_waits_for_room_and_for_an_answer(ends: tuple[socket.socket, socket.socket]) -> None:
    """Both at once: a server may answer before it has read all."""
    ours, theirs = ends
    _, request = begun(ours, b"x" * 10_000_000)
    assert not request.go_on()
    assert request.events == select.POLLIN | select.POLLOUT
    theirs.send(b"HTTP/1.1 413 x\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")
    assert request.go_on()
    assert (request.status, request.reusable, request.retry_after) == (413, False, "7")


def test_what_was_said_before_the_end_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    """Though nothing can be sent any more."""
    ours, theirs = ends
    _, request = begun(ours)
    theirs.send(b"HTTP/1.1 503 x\r\nContent-Length: 5\r\n\r\n")
    theirs.close()
    assert request.go_on()
    assert (request.status, request.reusable) == (503, False)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", b"no\r\n\r\n"])
def test_an_end_without_an_answer(said: bytes, ends: tuple[socket.socket, socket.socket]) -> None:
    """Is an error."""
    ours, theirs = ends
    _, request = begun(ours)
    assert not request.go_on()
    theirs.send(said)
    theirs.close()
    with pytest.raises(OSError, match=r"answer|Connection reset"):
        request.go_on()
    assert request.status == 0


def test_a_body_that_never_ends(ends: tuple[socket.socket, socket.socket]) -> None:
    """It is left where it is: what it says was known by its head."""
    ours, theirs = ends
    _, request = begun(ours)
    assert not request.go_on()
    theirs.send(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(MOST_BODY_BYTES // 1000 + 1):
        theirs.send(b"x" * 1000)
        if request.go_on():
            break
    assert (request.status, request.reusable) == (200, False)


def test_a_flood_gives_others_a_turn(ends: tuple[socket.socket, socket.socket]) -> None:
    """Answers that are none yet are read some at a time; a poll comes back at once then."""
    ours, theirs = ends
    _, request = begun(ours)
    assert not request.go_on()
    for _ in range(_MOST_PIECES + 2):
        theirs.send(b"HTTP/1.1 103 x\r\n\r\n")
    ours_read = ours.recv
    slow = mock.Mock(wraps=ours, recv=lambda _size: ours_read(18))
    request._channel = slow
    assert not request.go_on()
    assert request.events == select.POLLOUT
    assert not request.go_on()
    assert request.events == select.POLLIN
