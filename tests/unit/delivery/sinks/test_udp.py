# SPDX-License-Identifier: Apache-2.0
import socket

import pytest

from kflowd.delivery.sinks import UdpSink
from kflowd.settings.servers import Address, Server


@pytest.mark.parametrize("kind", [Server, Address])
def test_it_sends_to_a_number(kind: type) -> None:
    """From one port, which is another one after it was closed."""
    with socket.socket(type=socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        sink = UdpSink(kind(*receiver.getsockname()))
        senders = []
        for text in (b"1", b"2"):
            assert sink.write([text], 0) == (1, 0)
            found, sender = receiver.recvfrom(9)
            assert found == text
            senders.append(sender)
            assert sink.fileno() >= 0
        assert senders[0] == senders[1]
        sink.close()
        sink.write([b"3"], 0)
        assert receiver.recvfrom(9)[0] == b"3"
        sink.close()


def test_a_name_is_looked_up_for_each_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not known now may be later: an error that may pass."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, port: int, **how: int) -> object:
        asked.append(host)
        if len(asked) == 1:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real("127.0.0.1", port, **how)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with socket.socket(type=socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        sink = UdpSink(Address("logs.example", receiver.getsockname()[1]))
        with pytest.raises(OSError, match="Temporary"):
            sink.write([b"1"], 0)
        assert sink.write([b"1"], 0) == sink.write([b"2"], 0) == (1, 0)
        assert asked == ["logs.example"] * 2
        sink.close()
