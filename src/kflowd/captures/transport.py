# SPDX-License-Identifier: Apache-2.0
"""TCP segments and UDP datagrams (RFC 9293, 768) in IP packets. Pure."""

from typing import NamedTuple

from kflowd.captures.network import Packet
from kflowd.constants import IPPROTO_TCP, IPPROTO_UDP

TCP_HEAD, UDP_HEAD = 20, 8


class Segment(NamedTuple):
    """A segment or a datagram.

    Attributes:
        source_port, target_port: Of both ends.
        flags: TCP, as in its header: FIN 1 SYN 2 RST 4 PSH 8 ACK 16 URG 32.
        seq: TCP, of the first byte.
        size: Bytes of payload on the link.
        data: Those that were captured.
    """

    source_port: int
    target_port: int
    flags: int
    seq: int
    size: int
    data: bytes


def segment_of(packet: Packet) -> Segment | None:
    """Return what a packet of TCP or UDP carries; None: it is of another protocol, or malformed."""
    data = packet.data
    ports = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    if packet.protocol == IPPROTO_UDP and len(data) >= UDP_HEAD:
        # 0: a jumbogram, or one that the network card was to cut
        said = int.from_bytes(data[4:6], "big") or packet.size
        if not UDP_HEAD <= said <= packet.size:
            return None
        return Segment(*ports, 0, 0, said - UDP_HEAD, data[UDP_HEAD:said])
    if packet.protocol == IPPROTO_TCP and len(data) >= TCP_HEAD:
        head = (data[12] >> 4) * 4
        if not TCP_HEAD <= head <= packet.size:
            return None
        seq = int.from_bytes(data[4:8], "big")
        return Segment(*ports, data[13] & 63, seq, packet.size - head, data[head:])
    return None
