# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.captures import flows as module
from kflowd.captures.flows import CLOSE, IDLE_NS, IDLE_OPEN_NS, Flows, Value
from kflowd.captures.reader import Frame
from kflowd.model import Payload, Role, SocketAggregate
from kflowd.protocols import Direction
from tests.unit.captures.make import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    RST,
    SERVER,
    SYN,
    ethernet,
    ipv4,
    ipv6,
    tcp,
    udp,
)  # fmt: skip

PORTS = {(6, 80), (17, 53)}
SECOND = 1_000_000_000


def frame(ts_ns: int, packet: bytes, link: int = 1) -> Frame:
    raw = ethernet(packet)
    return Frame(ts_ns, link, len(raw), raw)


def sent(seq: int, flags: int, data: bytes = b"", port: int = 40000) -> bytes:
    return ipv4(6, tcp(port, 80, seq, flags, data))


def got(seq: int, flags: int, data: bytes = b"", port: int = 40000) -> bytes:
    return ipv4(6, tcp(80, port, seq, flags, data), SERVER, CLIENT)


def run(*packets: bytes | tuple[int, bytes], flows: Flows | None = None) -> list[Value]:
    """Return what packets give, each a nanosecond after the other unless they have a time."""
    flows = flows or Flows(PORTS)
    values: list[Value] = []
    for at, each in enumerate(packets, 1):
        ts_ns, packet = each if isinstance(each, tuple) else (at, each)
        values += flows.add(frame(ts_ns, packet))
    return [*values, *flows.close()]


def sockets(values: list[Value]) -> list[SocketAggregate]:
    return [it for it in values if isinstance(it, SocketAggregate)]


CONNECTION = (
    sent(9, SYN), got(99, SYN | ACK), sent(10, ACK), sent(10, PSH | ACK, b"GET"),
    got(100, PSH | ACK, b"OK"), sent(13, FIN | ACK), got(102, FIN | ACK), sent(14, ACK),
)  # fmt: skip


def test_a_connection_is_a_socket_of_who_began() -> None:
    """With its payload ahead of it, in order."""
    *payload, socket = run(*CONNECTION)
    assert isinstance(socket, SocketAggregate)
    assert all(isinstance(it, Payload) and it.key == socket.key for it in payload)
    said = [(it.direction, it.data) for it in payload if isinstance(it, Payload) and it.data]
    assert said == [(Direction.TX, b"GET"), (Direction.RX, b"OK")]
    assert (socket.role, socket.state) == (Role.CLIENT, CLOSE)
    assert (socket.flow.local_port, socket.flow.remote_port) == (40000, 80)
    assert socket.flow.local_addr[:4] == CLIENT
    assert (socket.tx.packets, socket.rx.packets) == (5, 3)
    assert (socket.first_ns, socket.ts_ns) == (1, 8)
    assert (socket.isn_local, socket.isn_remote) == (9, 99)


@pytest.mark.parametrize(
    ("packets", "ports", "state"),
    [
        ((sent(9, SYN),), (40000, 80), 2),
        ((sent(9, SYN), got(5, RST | ACK)), (40000, 80), 7),
        ((got(99, SYN | ACK), sent(10, ACK)), (40000, 80), 1),
        ((got(100, ACK, b"x"),), (40000, 80), 1),
        ((sent(9, SYN), got(99, SYN | ACK), sent(10, FIN)), (40000, 80), 4),
        ((sent(9, SYN), got(99, SYN | ACK), got(100, FIN)), (40000, 80), 8),
        ((ipv4(6, tcp(7000, 9000, 1, ACK)),), (9000, 7000), 1),  # the lower port serves
        ((ipv4(6, tcp(9000, 7000, 1, ACK)),), (9000, 7000), 1),
        ((ipv4(17, udp(53, 40000, b"x")),), (40000, 53), 1),
        ((ipv4(17, udp(1000, 40000, b"x")),), (1000, 40000), 1),
        ((ipv6(17, udp(1000, 40000, b"x")),), (1000, 40000), 1),
    ],
)
def test_who_began_and_how_far_it_came(
    packets: tuple[bytes, ...], ports: tuple[int, int], state: int
) -> None:
    """By the SYN, else by the ports that are read, else by what is usual."""
    (socket,) = sockets(run(*packets))
    assert (socket.flow.local_port, socket.flow.remote_port) == ports
    assert socket.state == state


def test_another_connection_between_the_same_ends_is_another_socket() -> None:
    """A SYN that is sent again is not; one with a number of its own is."""
    assert len(sockets(run(sent(9, SYN), sent(9, SYN), got(99, SYN | ACK)))) == 1
    assert len(sockets(run(sent(9, SYN), got(0, RST | ACK), sent(9, SYN), got(0, RST | ACK)))) == 1
    assert len(sockets(run(*CONNECTION, *CONNECTION))) == 2
    first, second = sockets(run(*CONNECTION, sent(5000, SYN), got(1, SYN | ACK)))
    assert first.key != second.key
    assert (second.isn_local, second.tx.packets) == (5000, 1)


def test_what_is_silent_for_long_ends() -> None:
    """Datagrams and closed connections after a minute, open ones after an hour."""
    question = ipv4(17, udp(40000, 53, b"x"))
    late = SECOND + IDLE_NS + 1
    assert len(sockets(run((SECOND, question), (late, question)))) == 2
    assert len(sockets(run((SECOND, question), (SECOND + IDLE_NS, question)))) == 1
    opened = [(SECOND, it) for it in CONNECTION[:4]]
    assert len(sockets(run(*opened, (late, sent(13, ACK))))) == 1
    assert len(sockets(run(*opened, (SECOND + IDLE_OPEN_NS + 1, sent(13, ACK))))) == 2


def test_flows_are_bounded() -> None:
    """The one that was silent longest ends, and is told."""
    flows = Flows(PORTS, max_flows=2)
    values = run(*(sent(9, SYN, port=40000 + each) for each in (0, 1, 0, 2)), flows=flows)
    assert [it.flow.local_port for it in sockets(values)] == [40001, 40000, 40002]
    assert (flows.stats.ended_early, flows.stats.flows) == (1, 3)


def test_what_is_none_is_counted() -> None:
    """Other links, other protocols, fragments without the rest."""
    flows = Flows(PORTS)
    flows.add(frame(1, ipv4(1, b"ping")))
    flows.add(frame(1, sent(9, SYN), link=147))
    flows.add(frame(1, ipv4(17, udp(1, 2, bytes(16)), place=0x2000)))
    assert flows.close() == []
    stats = flows.stats
    assert (stats.frames, stats.other, stats.unknown_links, stats.fragments_lost) == (3, 2, 1, 1)


def test_fragments_are_one_datagram() -> None:
    """And counted as such."""
    whole = udp(40000, 53, bytes(100))
    values = run(ipv4(17, whole[:56], place=0x2000), ipv4(17, whole[56:], place=7))
    payload, socket = values
    assert isinstance(payload, Payload)
    assert isinstance(socket, SocketAggregate)
    assert payload.data == bytes(100)
    assert (socket.tx.packets, socket.tx.frags) == (1, 1)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 7200),
            st.sampled_from([0, 1, 2]),
            st.booleans(),
            st.integers(0, 63),
            st.integers(0, 0xFFFFFFFF),
            st.integers(0, 5),
        ),
        max_size=40,
    )
)
def test_each_packet_is_of_one_socket(packets: list[tuple[int, int, bool, int, int, int]]) -> None:
    """Whatever comes in whatever order of time: all are counted, and payload has its socket."""
    flows = Flows(PORTS, max_flows=2)
    made = [
        (at * SECOND, (sent if ours else got)(seq, flags, bytes(size), port=40000 + port))
        for at, port, ours, flags, seq, size in packets
    ]
    values = run(*made, flows=flows)
    found = sockets(values)
    assert sum(it.tx.packets + it.rx.packets for it in found) == len(packets)
    keys = [it.key for it in found]
    assert len(set(keys)) == len(keys) == flows.stats.flows
    assert {it.key for it in values if isinstance(it, Payload)} == set(keys)
    assert module.MAX_FLOWS > 2
