# SPDX-License-Identifier: Apache-2.0
import socket
import time
from typing import Any

import pytest

from kflowd.delivery.sinks.framing import RECORD
from kflowd.delivery.sinks.stream import StreamSink
from tests.unit.delivery.sinks.servers import Lines, send_all


class Local(StreamSink):
    """Sends to a port of this host, by sockets that may have small buffers."""

    def __init__(self, port: int, **how: Any) -> None:
        super().__init__(**how)
        self.port = port
        self.made = 0

    def _make(self) -> tuple[socket.socket, Any]:
        self.made += 1
        channel = socket.socket()
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        return channel, ("127.0.0.1", self.port)


@pytest.fixture
def server() -> Any:
    """Return a server of TCP."""
    with Lines(socket.create_server(("127.0.0.1", 0))) as made:
        yield made


def test_one_connection_for_all(server: Lines) -> None:
    """Each record has what separates it behind it."""
    sink = Local(server.port, separator=RECORD)
    for text in (b"1", b"2"):
        send_all(sink, [text])
        assert server.read(4) == text + RECORD
    assert sink.made == 1
    sink.close()
    send_all(sink, [b"3"])
    server.hang_up()
    assert server.read(4) == b"3" + RECORD
    sink.close()


def test_a_reader_that_stands_still_is_waited_for(server: Lines) -> None:
    """What it has taken, in part as well, is not sent again."""
    sink = Local(server.port)
    send_all(sink, [b"first"])
    assert server.read(6) == b"first\n"
    texts = [bytes([number]) * 100_000 for number in (65, 66, 67)]
    offset, stalled = 0, 0
    left, found = list(texts), b""
    while left:
        whole, offset = sink.write(left, offset)
        left = left[whole:]
        if not whole:
            stalled += 1
            found += server.some()
    found += server.read(300_003 - len(found))
    assert found == b"".join(text + b"\n" for text in texts)
    assert stalled > 1
    sink.close()


def test_a_connection_that_was_ended_is_followed_by_another(server: Lines) -> None:
    """Before anything is lost in it, if it is known by then."""
    sink = Local(server.port)
    for text in (b"1", b"2", b"3"):
        send_all(sink, [text])
        assert server.read(2) == text + b"\n"
        server.hang_up()
    assert sink.made == 3
    sink.close()


def test_a_record_of_which_a_part_was_sent_is_sent_whole(server: Lines) -> None:
    """Over the next connection; those that were taken before are not."""
    sink = Local(server.port)
    texts = [b"1", b"x" * 1_000_000, b"3"]
    while not (written := sink.write(texts, 0))[0]:
        pass
    assert written[0] == 1
    assert written[1] > 0
    assert server.read(2) == b"1\n"
    server.hang_up()
    left, found, offset = texts[1:], b"", written[1]
    expected = b"x" * 1_000_000 + b"\n3\n"
    while sink.made == 1:
        try:
            offset = sink.write(left, offset)[1]
        except OSError:
            offset = 0
    while len(found) < len(expected):
        whole, offset = sink.write(left, offset) if left else (0, 0)
        left = left[whole:]
        found += server.some()
    assert found == expected
    sink.close()


def test_nobody_listens(server: Lines) -> None:
    """An error that may pass; nothing is kept of the attempt."""
    sink = Local(server.port)
    server.__exit__(None, None, None)
    with pytest.raises(ConnectionRefusedError):
        send_all(sink, [b"1"])
    assert sink.fileno() == -1


def test_what_a_peer_says_is_passed_over(server: Lines) -> None:
    """It is no end of the connection."""
    sink = Local(server.port)
    send_all(sink, [b"1"])
    assert server.read(2) == b"1\n"
    assert server._connection is not None
    server._connection.sendall(b"hello")
    send_all(sink, [b"2"])
    assert server.read(2) == b"2\n"
    assert sink.made == 1
    sink.close()


def test_what_a_peer_has_said_takes_nothing_from_it(server: Lines) -> None:
    """A connection that is closed with something unread is reset, and the peer loses what waits."""
    sink = Local(server.port)
    send_all(sink, [b"1"])
    assert server.read(2) == b"1\n"
    assert server._connection is not None
    text = b"x" * 500
    send_all(sink, [text])
    server._connection.sendall(b"thanks")
    sink.close()
    assert server.read(501) == text + b"\n"
    assert server.read(1) == b""


def test_a_peer_that_does_not_end_is_not_waited_for(server: Lines) -> None:
    """Longer than a moment."""
    sink = Local(server.port)
    send_all(sink, [b"1"])
    began = time.monotonic()
    sink.close()
    assert time.monotonic() - began < 2
    assert server.read(3) == b"1\n"
