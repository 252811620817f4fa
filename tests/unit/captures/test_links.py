# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.captures.links import KNOWN, MAX_TAGS, Found, packet_of
from tests.unit.captures.make import ethernet, ipv4, ipv6, number

FOUR, SIX = ipv4(17, b"data"), ipv6(17, b"data")
PPPOE = bytes(12) + b"\x88\x64" + bytes(6) + b"\x00\x21"


@pytest.mark.parametrize("packet", [FOUR, SIX])
@pytest.mark.parametrize(
    ("link", "ahead"),
    [
        (12, b""),
        (14, b""),
        (101, b""),
        (228, b""),
        (229, b""),
        (0, number(2, 4, "little")),
        (108, number(24, 4)),
        (113, bytes(14)),
        (276, None),
    ],
)
def test_links(link: int, ahead: bytes | None, packet: bytes) -> None:
    """Each has its own length of what stands ahead."""
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    if ahead is None:
        ahead = kind + bytes(18)
    elif link == 113:
        ahead += kind
    assert packet_of(link, ahead + packet, len(ahead + packet) + 9) == Found(
        packet, len(packet) + 9
    )


@pytest.mark.parametrize("packet", [FOUR, SIX])
@pytest.mark.parametrize("tags", [(), (0x8100,), (0x88A8, 0x8100), (0x9100, 0x8100, 0x8100)])
def test_ethernet_and_its_tags(tags: tuple[int, ...], packet: bytes) -> None:
    """VLAN, QinQ and more of them."""
    frame = ethernet(packet, *tags)
    assert packet_of(1, frame, len(frame)) == Found(packet, len(packet))


def test_pppoe() -> None:
    """Home lines have it."""
    assert packet_of(1, PPPOE + FOUR, len(PPPOE + FOUR)) == Found(FOUR, len(FOUR))


def test_what_has_no_ip_packet() -> None:
    """Other EtherTypes, other links, too many tags, frames that end early."""
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    assert packet_of(1, arp, len(arp)) is None
    assert packet_of(999, FOUR, len(FOUR)) is None
    assert packet_of(1, ethernet(FOUR, *[0x8100] * (MAX_TAGS + 1)), 99) is None
    for size in range(14):
        assert packet_of(1, ethernet(FOUR)[:size], 99) is None
    assert packet_of(1, ethernet(FOUR)[:14] + b"\x99", 99) is None


@given(st.sampled_from(sorted(KNOWN)), st.binary(max_size=60))
def test_any_bytes(link: int, data: bytes) -> None:
    """Nothing is raised."""
    found = packet_of(link, data, len(data))
    assert found is None or found.size == len(found.data)
