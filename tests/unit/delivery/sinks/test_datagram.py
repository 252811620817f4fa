# SPDX-License-Identifier: Apache-2.0
import errno
import socket
from collections.abc import Iterator

import pytest

from kflowd.delivery.sinks import RefusedError, UdpSink
from kflowd.settings.servers import Server

ADDRESSES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture(params=ADDRESSES)
def receiver(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """Return a server of a family."""
    with socket.socket(request.param, socket.SOCK_DGRAM) as made:
        made.bind((ADDRESSES[request.param], 0))
        made.settimeout(10)
        yield made


def server_of(receiver: socket.socket) -> Server:
    return Server(*receiver.getsockname()[:2])


def test_a_text_is_a_datagram(receiver: socket.socket) -> None:
    """Nothing is added, and all come from one port."""
    sink = UdpSink(server_of(receiver))
    texts = [b"one", b"{\n}", b"x" * 60001]
    assert sink.write(texts[:2], 0) == (2, 0)
    assert sink.write(texts[2:], 0) == (1, 0)
    found = [receiver.recvfrom(1 << 17) for _ in texts]
    assert [text for text, _ in found] == texts
    assert len({sender for _, sender in found}) == 1
    sink.close()


def test_a_text_that_is_too_long_is_refused_for_good(receiver: socket.socket) -> None:
    """It is said behind how many; those after it can be sent."""
    sink = UdpSink(server_of(receiver))
    with pytest.raises(RefusedError) as refused:
        sink.write([b"a", b"x" * 65536, b"b"], 0)
    assert (refused.value.written, refused.value.forever) == (1, True)
    assert refused.value.error.errno == errno.EMSGSIZE
    assert sink.write([b"b"], 0) == (1, 0)
    assert [receiver.recv(9), receiver.recv(9)] == [b"a", b"b"]
    sink.close()


@pytest.mark.parametrize("beyond", [0, 1])
def test_the_largest_text_is_what_a_datagram_holds(receiver: socket.socket, beyond: int) -> None:
    """A length of 16 bits has the header of UDP, and that of IPv4 but not of IPv6."""
    sink = UdpSink(server_of(receiver))
    text = b"x" * ((65527 if receiver.family == socket.AF_INET6 else 65507) + beyond)
    if beyond:
        with pytest.raises(RefusedError) as refused:
            sink.write([text], 0)
        assert refused.value.forever
    else:
        assert sink.write([text], 0) == (1, 0)
        assert receiver.recv(1 << 17) == text
    sink.close()


@pytest.mark.parametrize(
    ("number", "same"), [(errno.ENOBUFS, True), (errno.ENOMEM, True), (errno.EPERM, False)]
)
def test_a_shortage_says_nothing_of_the_way(
    receiver: socket.socket, number: int, same: bool
) -> None:
    """The port stays the same; where the way is refused a new socket may find another one."""
    sink = UdpSink(server_of(receiver))
    sink.write([b"a"], 0)
    port = sink._connected().getsockname()[1]

    class Short:
        """A socket that cannot send now."""

        def send(self, _text: bytes) -> None:
            raise OSError(number, "short")

        def close(self) -> None:
            kept.close()

    kept, sink._socket = sink._connected(), Short()  # type: ignore[assignment]
    with pytest.raises(RefusedError) as refused:
        sink.write([b"b"], 0)
    assert (refused.value.written, refused.value.forever) == (0, False)
    assert (sink._socket is not None) is same
    if same:
        sink._socket = kept
        assert sink._connected().getsockname()[1] == port
    sink.close()


def test_that_nobody_listens_is_found_out(receiver: socket.socket) -> None:
    """By what is sent after the first; when somebody does again, all arrives."""
    server = server_of(receiver)
    sink = UdpSink(server)
    receiver.close()
    with pytest.raises(RefusedError) as refused:
        sink.write([b"lost", b"kept", b"kept too"], 0)
    assert (refused.value.written, refused.value.forever) == (1, False)
    assert refused.value.error.errno == errno.ECONNREFUSED
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as again:
        again.bind(tuple(server))
        again.settimeout(10)
        assert sink.write([b"kept", b"kept too"], 0) == (2, 0)
        assert [again.recv(9), again.recv(9)] == [b"kept", b"kept too"]
    sink.close()


def test_a_full_buffer_is_waited_for(receiver: socket.socket) -> None:
    """What did not fit is not taken; the descriptor is the one to poll."""
    sink = UdpSink(server_of(receiver))
    full = BlockingIOError(errno.EAGAIN, "full")
    assert sink.write([b"1"], 0) == (1, 0)
    channel = sink._connected()
    assert sink.fileno() == channel.fileno()

    class Full:
        """A socket that takes one datagram."""

        taken = 0

        def send(self, _text: bytes) -> None:
            if self.taken:
                raise full
            self.taken += 1

        def close(self) -> None:
            """Nothing is held."""

    sink._socket = Full()  # type: ignore[assignment]
    assert sink.write([b"2", b"3"], 0) == (1, 0)
    channel.close()


def test_without_a_way_it_is_an_error_that_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket is made again when there may be one."""
    sink = UdpSink(Server("203.0.113.1", 2056))

    def unreachable(_self: socket.socket, _where: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", unreachable)
        with pytest.raises(OSError, match="unreachable"):
            sink.write([b"x"], 0)
    assert sink._socket is None
    sink.close()
