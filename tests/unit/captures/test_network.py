# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.captures.network import (
    MAX_PIECES,
    MAX_WAITING,
    MAX_WAITING_BYTES,
    WAIT_NS,
    Network,
    Packet,
)
from tests.unit.captures.make import CLIENT, CLIENT6, SERVER, SERVER6, ipv4, ipv6, number

MORE = 0x2000
DATA = bytes(range(200)) + b"end"


def add(network: Network, raw: bytes, ts_ns: int = 0) -> Packet | None:
    return network.add(ts_ns, raw, len(raw))


def fragment6(offset: int, data: bytes, *, more: bool, name: int = 9) -> bytes:
    return ipv6(44, bytes([17, 0]) + number(offset | more, 2) + number(name, 4) + data)


def pieces(name: int = 7) -> list[bytes]:
    """Return the fragments of a packet with DATA."""
    return [
        ipv4(17, DATA[:80], place=MORE, name=name),
        ipv4(17, DATA[80:160], place=MORE | 10, name=name),
        ipv4(17, DATA[160:], place=20, name=name),
    ]


def test_whole_packets() -> None:
    """IPv4 with options, IPv6; what the link put behind them is no part of them."""
    packet = add(Network(), ipv4(6, b"data", options=bytes(8)) + b"padding")
    assert packet == Packet(2, CLIENT + bytes(12), SERVER + bytes(12), 64, 6, 4, b"data")
    packet = add(Network(), ipv6(6, b"data") + b"padding")
    assert packet == Packet(10, CLIENT6, SERVER6, 61, 6, 4, b"data")


def test_what_was_not_captured_is_known() -> None:
    """The header says how much there was; 0 is as much as came."""
    network = Network()
    packet = network.add(0, ipv4(6, b"data", total=1020)[:24], 1020)
    assert packet
    assert (packet.size, packet.data) == (1000, b"data")
    packet = network.add(0, ipv4(6, b"data", total=0), 1020)
    assert packet
    assert packet.size == 1000


def test_extension_headers() -> None:
    """They are passed over, to an end; authentication counts its length in another way."""
    hop, routing = bytes([43, 0]) + bytes(6), bytes([51, 1]) + bytes(14)
    authentication, options = bytes([60, 4]) + bytes(22), bytes([17, 0]) + bytes(6)
    packet = add(Network(), ipv6(0, hop + routing + authentication + options + b"data"))
    assert packet
    assert (packet.protocol, packet.data) == (17, b"data")
    assert add(Network(), ipv6(0, bytes([0, 255]) + bytes(6))) is None
    packet = add(Network(), ipv6(0, (bytes([0, 0]) + bytes(6)) * 60))
    assert packet
    assert packet.protocol == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 1, 2, 2, 0)])
def test_fragments_are_joined(order: tuple[int, ...]) -> None:
    """In any order, and twice."""
    network = Network()
    found = [add(network, pieces()[each]) for each in order]
    assert found[:-1] == [None] * (len(order) - 1)
    assert found[-1]
    assert (found[-1].data, found[-1].size, found[-1].fragments) == (DATA, len(DATA), 3)
    assert (network._bytes, network.fragments_lost) == (0, 0)


def test_fragments_of_ipv6() -> None:
    """Theirs have a header of their own; one that is alone is a whole packet."""
    network = Network()
    assert add(network, fragment6(80, DATA[80:], more=False)) is None
    packet = add(network, fragment6(0, DATA[:80], more=True))
    assert packet
    assert (packet.protocol, packet.data) == (17, DATA)
    alone = add(network, fragment6(0, b"data", more=False))
    assert alone
    assert (alone.data, alone.fragments) == (b"data", 1)


def test_the_first_bytes_of_fragments_count() -> None:
    """Others for the same place, and an end that moves, change nothing."""
    network = Network()
    one, two, three = pieces()
    add(network, one)
    add(network, ipv4(17, bytes(80), place=MORE))
    add(network, three)
    add(network, ipv4(17, bytes(8), place=1000))
    packet = add(network, two)
    assert packet
    assert packet.data == DATA
    network = Network()
    add(network, ipv4(17, DATA[:160], place=MORE))
    packet = add(network, ipv4(17, bytes(16) + DATA[160:], place=18))
    assert packet
    assert packet.data == DATA


def test_a_fragment_that_was_cut_ends_what_is_known() -> None:
    """Its true length is known nevertheless."""
    network = Network()
    one, two, three = pieces()
    network.add(0, one[:60], len(one))
    add(network, two)
    packet = add(network, three)
    assert packet
    assert (packet.data, packet.size) == (DATA[:40], len(DATA))


def test_other_packets_have_other_fragments() -> None:
    """By number, protocol and ends."""
    network = Network()
    add(network, pieces(1)[0])
    add(network, pieces(2)[1])
    add(network, ipv4(6, DATA[80:160], place=MORE | 10, name=1))
    assert add(network, ipv4(17, DATA[160:], SERVER, CLIENT, place=20, name=1)) is None
    network.close()
    assert network.fragments_lost == 4
    assert network._bytes == 0


def test_fragments_that_wait_are_bounded() -> None:
    """In time, in number, in bytes, and for one packet."""
    network = Network()
    add(network, pieces(1)[0])
    assert add(network, pieces(1)[1], WAIT_NS + 1) is None
    assert network.fragments_lost == 1
    network = Network()
    for name in range(MAX_WAITING + 5):
        add(network, pieces(name)[0])
    assert network.fragments_lost == 5
    network = Network()
    big = bytes(60000)
    for name in range(MAX_WAITING_BYTES // len(big) + 3):
        add(network, ipv4(17, big, place=MORE, name=name))
        assert network._bytes <= MAX_WAITING_BYTES
    network = Network()
    for each in range(MAX_PIECES + 1):
        add(network, ipv4(17, bytes(8), place=MORE | (2 * each + 1)))
    assert network.fragments_lost == 1


def test_a_packet_in_a_packet() -> None:
    """IPIP and 6in4, some deep."""
    packet = add(Network(), ipv4(41, ipv6(4, ipv4(17, b"data"))))
    assert packet
    assert packet.data == b"data"
    raw = ipv4(17, b"data")
    for _ in range(4):
        raw = ipv4(4, raw)
    assert add(Network(), raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"\x45" + bytes(10),
        b"\x44" + bytes(30),
        b"\x60" + bytes(38),
        ipv4(6, b"", total=19),
        ipv4(6, bytes(9), place=MORE),
        ipv4(6, bytes(16), place=0x1FFF),
        ipv4(6, b"", place=5),
        ipv4(4, b""),
        b"",
        b"\x99" * 40,
    ],
)
def test_what_makes_no_sense_is_counted(raw: bytes) -> None:
    """And is no packet."""
    network = Network()
    assert add(network, raw) is None
    assert network.malformed == 1


@given(
    st.lists(st.binary(max_size=80) | st.sampled_from([*pieces(), fragment6(0, DATA, more=True)]))
)
def test_any_bytes(packets: list[bytes]) -> None:
    """Nothing is raised, and the account is exact."""
    network = Network()
    for raw in packets:
        for first in (b"", b"\x45", b"\x60"):
            add(network, first + raw)
    assert network._bytes == sum(it.taken for it in network._waiting.values())
