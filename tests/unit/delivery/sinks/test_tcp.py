# SPDX-License-Identifier: Apache-2.0
import socket

import pytest

from kflowd.delivery.sinks import TcpSink
from kflowd.delivery.sinks import tcp as module
from kflowd.settings.servers import Address
from tests.unit.delivery.sinks.servers import Lines, send_all


def test_records_over_tcp() -> None:
    """By name and by number, both families."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with Lines(socket.create_server((host, 0), family=family)) as server:
            sink = TcpSink(Address(host, server.port))
            send_all(sink, [b"1", b"22"])
            assert server.read(5) == b"1\n22\n"
            sink.close()


def test_each_try_takes_the_next_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose first address nobody can reach from here has another one."""
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _host, port, **_how: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.2", "127.0.0.1")
        ],
    )
    with Lines(socket.create_server(("127.0.0.1", 0))) as server:
        sink = TcpSink(Address("logs.example", server.port))
        with pytest.raises(ConnectionRefusedError):
            send_all(sink, [b"1"])
        send_all(sink, [b"1"])
        assert server.read(2) == b"1\n"
        sink.close()


def test_a_peer_that_is_silent_is_given_up() -> None:
    """Within a time that is ours, and not the quarter of an hour of the system."""
    with Lines(socket.create_server(("127.0.0.1", 0))) as server:
        sink = TcpSink(Address("127.0.0.1", server.port))
        send_all(sink, [b"1"])
        assert sink._socket is not None
        timeout = sink._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert timeout == module.TIMEOUT_MS
        sink.close()
