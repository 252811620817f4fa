# SPDX-License-Identifier: Apache-2.0
"""Where in a frame its IP packet begins, by the kind of link. Pure.

Source: the registry of LINKTYPE_ values of tcpdump.org.
"""

from typing import NamedTuple

ETHERNET = 1
# what stands ahead of the packet: nothing, the address family in four bytes (NULL, LOOP)
RAW = frozenset([12, 14, 101, 228, 229])
NULL = frozenset([0, 108])
SLL, SLL2 = 113, 276
KNOWN = frozenset([ETHERNET, SLL, SLL2, *RAW, *NULL])
IPV4, IPV6 = 0x0800, 0x86DD
TAGS = frozenset([0x8100, 0x88A8, 0x9100])  # 802.1Q, 802.1ad, and what was before that
PPPOE = 0x8864
PPP = {0x0021: IPV4, 0x0057: IPV6}
MAX_TAGS = 8


class Found(NamedTuple):
    """An IP packet in a frame.

    Attributes:
        data: From its first byte on, with what the link has put behind it.
        size: That on the link.
    """

    data: bytes
    size: int


def packet_of(link: int, data: bytes, size: int) -> Found | None:
    """Return the IP packet of a frame; None: it has none, or is of a link that is not known.

    Args:
        link: LINKTYPE_.
        data: What was captured.
        size: Length on the link.
    """
    if link in RAW:
        at = 0
    elif link in NULL:
        at = 4
    else:
        begin = {ETHERNET: (12, 14), SLL: (14, 16), SLL2: (0, 20)}.get(link)
        behind = begin and _behind_type(data, *begin)
        if not behind:
            return None
        at = behind
    # the version says which it is, whatever number a system has for an address family
    if len(data) <= at or data[at] >> 4 not in {4, 6}:
        return None
    return Found(data[at:], max(size, len(data)) - at)


def _behind_type(data: bytes, where: int, at: int) -> int | None:
    """Return where the IP packet begins behind an EtherType, and behind tags."""
    kind = int.from_bytes(data[where : where + 2], "big")
    for _ in range(MAX_TAGS):
        if kind not in TAGS:
            break
        kind = int.from_bytes(data[at + 2 : at + 4], "big")
        at += 4
    if kind == PPPOE:
        kind = PPP.get(int.from_bytes(data[at + 6 : at + 8], "big"), 0)
        at += 8
    return at if kind in {IPV4, IPV6} else None
