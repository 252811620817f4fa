# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.captures.network import Packet
from kflowd.captures.transport import Segment, segment_of
from kflowd.constants import IPPROTO_TCP, IPPROTO_UDP
from tests.unit.captures.make import PSH, tcp, udp


def packet(protocol: int, data: bytes, size: int | None = None) -> Packet:
    return Packet(2, bytes(16), bytes(16), 64, protocol, len(data) if size is None else size, data)


def test_datagrams() -> None:
    """Their own length counts; 0 is as much as there is."""
    raw = udp(53, 40000, b"data")
    assert segment_of(packet(IPPROTO_UDP, raw + b"more")) == Segment(53, 40000, 0, 0, 4, b"data")
    cut = segment_of(packet(IPPROTO_UDP, udp(1, 2, b"data", 508), 508))
    assert cut
    assert (cut.size, cut.data) == (500, b"data")
    jumbo = segment_of(packet(IPPROTO_UDP, udp(1, 2, b"data", 0)))
    assert jumbo
    assert jumbo.size == 4


def test_segments() -> None:
    """With options, and cut."""
    raw = tcp(80, 40000, 7, PSH, b"data", head=8)
    assert segment_of(packet(IPPROTO_TCP, raw, len(raw) + 9)) == Segment(
        80, 40000, PSH, 7, 13, b"data"
    )
    inside = segment_of(packet(IPPROTO_TCP, raw[:24], len(raw)))
    assert inside
    assert (inside.size, inside.data) == (4, b"")


@pytest.mark.parametrize(
    ("protocol", "data"),
    [
        (IPPROTO_UDP, udp(1, 2, b"")[:7]),
        (IPPROTO_UDP, udp(1, 2, b"", 7)),
        (IPPROTO_UDP, udp(1, 2, b"", 9)),
        (IPPROTO_TCP, tcp(1, 2, 0, 0)[:19]),
        (IPPROTO_TCP, tcp(1, 2, 0, 0, head=4)),
        (IPPROTO_TCP, tcp(1, 2, 0, 0, head=6)[:20]),
        (1, tcp(1, 2, 0, 0)),
    ],
)
def test_what_is_none(protocol: int, data: bytes) -> None:
    """Headers that end early or say what cannot be, and other protocols."""
    assert segment_of(packet(protocol, data)) is None


@given(st.sampled_from([IPPROTO_TCP, IPPROTO_UDP]), st.binary(max_size=70), st.integers(0, 70))
def test_any_bytes(protocol: int, data: bytes, more: int) -> None:
    """No more is captured than there was."""
    found = segment_of(packet(protocol, data, len(data) + more))
    assert found is None or len(found.data) <= found.size
