# SPDX-License-Identifier: Apache-2.0
import itertools

from hypothesis import given
from hypothesis import strategies as st

from kflowd.captures.network import Packet
from kflowd.captures.sides import MAX_HOLES, Side
from kflowd.captures.transport import Segment
from tests.unit.captures.make import ACK, FIN, PSH, RST, SYN

PACKET = Packet(2, bytes(16), bytes(16), 60, 6, 0, b"")


def side(*segments: tuple[int, int, int], tcp: bool = True, fragments: int = 1) -> Side:
    """Return a side after (seq, flags, size), a nanosecond apart."""
    it = Side()
    packet = PACKET._replace(fragments=fragments)
    for ts_ns, (seq, flags, size) in enumerate(segments, 5):
        it.add(ts_ns, packet, Segment(1, 2, flags, seq & 0xFFFFFFFF, size, b""), tcp=tcp)
    return it


def test_what_is_counted() -> None:
    """Packets by flags, in the order of first appearance, and the mean of TTLs."""
    it = side((9, SYN, 0), (10, ACK, 0), (10, PSH | ACK, 5), (15, ACK, 0), (15, FIN | ACK, 0))
    found = it.counted()
    assert (found.packets, found.data_packets, found.payload_bytes) == (5, 1, 5)
    assert (found.first_ns, found.last_ns, found.ttl_sum) == (5, 9, 300)
    assert list(zip(found.flag_bits, found.flag_counts, strict=True)) == [
        *((SYN, 1), (ACK, 2), (PSH | ACK, 1), (FIN | ACK, 1))
    ]
    assert (it.isn, it.ended) == (9, True)


def test_bytes_that_come_again_count_once() -> None:
    """Late ones that fill a hole are new; the text of a reset is no part of the stream."""
    assert side((9, SYN, 0), (10, ACK, 5), (10, ACK, 5)).counted().payload_bytes == 5
    assert (
        side((10, ACK, 5), (20, ACK, 5), (15, ACK, 5), (12, ACK, 20)).counted().payload_bytes == 22
    )
    assert side((-3, ACK, 5), (2, ACK, 5), (0, ACK, 2)).counted().payload_bytes == 10
    assert side((10, ACK, 5), (15, RST, 7)).counted().payload_bytes == 5


def test_datagrams_count_as_they_are() -> None:
    """With those that came in fragments."""
    found = side((0, 0, 5), (0, 0, 5), tcp=False, fragments=3).counted()
    assert (found.payload_bytes, found.packets, found.frags) == (10, 2, 2)


@given(st.permutations(range(20)), st.integers(0, 0xFFFFFFFF))
def test_bytes_in_any_order_are_counted(order: list[int], first: int) -> None:
    """Behind a SYN it does not matter which come first, or how often."""
    segments = [(first + 1 + 10 * each, ACK, 10) for each in order]
    twice = itertools.chain.from_iterable((it, it) for it in segments)
    assert side((first, SYN, 0), *twice).counted().payload_bytes == 200


def test_holes_are_bounded() -> None:
    """Whoever leaves many of them is counted less exactly."""
    it = side(*((20 * each, ACK, 1) for each in range(3 * MAX_HOLES)))
    assert len(it._holes) <= MAX_HOLES
    assert it.counted().payload_bytes == 3 * MAX_HOLES
