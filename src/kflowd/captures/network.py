# SPDX-License-Identifier: Apache-2.0
"""IP packets: headers read (RFC 791, 8200), fragments joined. Pure; time is that of the packets.

Of bytes that come twice those that came first count. What waits for the rest of a packet is bounded
in bytes, number and time, so that a flood of fragments costs their own kind alone.
"""

from typing import NamedTuple

from kflowd.constants import AF_INET, AF_INET6, SECOND_NS

MAX_WAITING = 1024
MAX_WAITING_BYTES = 1 << 24
MAX_PIECES = 256
WAIT_NS = 30 * SECOND_NS  # RFC 1122 says 60 to 120, Linux has 30
MAX_PACKET = 65535
# a packet in a packet, in a packet
MAX_NESTED = 3
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, OPTIONS = 0, 43, 44, 51, 60
MOBILITY, HIP, SHIM = 135, 139, 140
EXTENSIONS = frozenset([HOP_BY_HOP, ROUTING, AUTHENTICATION, OPTIONS, MOBILITY, HIP, SHIM])
MAX_EXTENSIONS = 16
IN_IP = frozenset([4, 41])


class Packet(NamedTuple):
    """What a whole packet carries.

    Attributes:
        family: AF_INET, AF_INET6.
        source, target: Addresses in 16 bytes, IPv4 in the first four of them.
        ttl: TTL or hop limit.
        protocol: Of what it carries.
        size: Bytes of that on the link.
        data: Those that were captured.
        fragments: How many it came in; 1: it came whole.
    """

    family: int
    source: bytes
    target: bytes
    ttl: int
    protocol: int
    size: int
    data: bytes
    fragments: int = 1


class _Part(NamedTuple):
    """A packet, or a fragment: where it is, whether more follow, whose it is."""

    packet: Packet
    offset: int
    more: bool
    name: int


class _Waiting:
    """Fragments of one packet, by offset, as (size, data)."""

    __slots__ = ("first", "pieces", "since_ns", "taken", "total")

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.pieces: dict[int, tuple[int, bytes]] = {}
        self.taken = 0
        self.total = 0
        self.first: Packet | None = None


class Network:
    """Makes whole packets.

    Attributes:
        malformed: Packets whose headers make no sense.
        fragments_lost: Packets of which not all fragments came.
    """

    def __init__(self) -> None:
        self.malformed = 0
        self.fragments_lost = 0
        self._waiting: dict[tuple[bytes, bytes, int, int], _Waiting] = {}
        self._bytes = 0

    def add(self, ts_ns: int, data: bytes, size: int) -> Packet | None:
        """Return the packet that begins with these bytes, or that they complete.

        Args:
            ts_ns: When they came.
            data: From an IP header on.
            size: That on the link.
        """
        for _ in range(MAX_NESTED):
            part = _ipv4(data, size) if data[:1] and data[0] >> 4 == 4 else _ipv6(data, size)
            if part is None:
                self.malformed += 1
                return None
            packet = part.packet
            if part.offset or part.more:
                joined = self._join(ts_ns, part)
                if joined is None:
                    return None
                packet = joined
            if packet.protocol not in IN_IP:
                return packet
            data, size = packet.data, packet.size
        return None

    def _join(self, ts_ns: int, part: _Part) -> Packet | None:
        packet = part.packet
        end = part.offset + packet.size
        if end > MAX_PACKET or (part.more and packet.size % 8) or not packet.size:
            self.malformed += 1
            return None
        self._expire(ts_ns)
        # by RFC 791 the protocol is part of the name, by RFC 8200 it is that of the first one
        kind = packet.protocol if packet.family == AF_INET else -1
        name = (packet.source, packet.target, kind, part.name)
        waiting = self._waiting.setdefault(name, _Waiting(ts_ns))
        if part.offset not in waiting.pieces:
            waiting.pieces[part.offset] = (packet.size, packet.data)
            waiting.taken += len(packet.data)
            self._bytes += len(packet.data)
        if not part.more and not waiting.total:
            waiting.total = end
        if not part.offset and waiting.first is None:
            waiting.first = packet
        whole = _whole(waiting)
        if whole is not None:
            self._forget(name)
        elif len(waiting.pieces) > MAX_PIECES:
            self._lose(name)
        while len(self._waiting) > MAX_WAITING or self._bytes > MAX_WAITING_BYTES:
            self._lose(next(iter(self._waiting)))
        return whole

    def _expire(self, ts_ns: int) -> None:
        while self._waiting:
            name, oldest = next(iter(self._waiting.items()))
            if ts_ns - oldest.since_ns <= WAIT_NS:
                return
            self._lose(name)

    def _lose(self, name: tuple[bytes, bytes, int, int]) -> None:
        self.fragments_lost += 1
        self._forget(name)

    def _forget(self, name: tuple[bytes, bytes, int, int]) -> None:
        self._bytes -= self._waiting.pop(name).taken

    def close(self) -> None:
        """Count what waits in vain."""
        self.fragments_lost += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0


def _whole(waiting: _Waiting) -> Packet | None:
    """Return the packet of its fragments; None: some are missing."""
    if not waiting.total or waiting.first is None:
        return None
    covered, captured, data = 0, True, bytearray()
    for offset, (size, piece) in sorted(waiting.pieces.items()):
        if covered >= waiting.total:
            break  # the first end that was told counts
        if offset > covered:
            return None
        ahead = covered - offset
        if size <= ahead:
            continue
        # what was not captured in one fragment ends what is known of the packet
        if captured:
            data += piece[ahead:]
            captured = len(piece) == size
        covered = offset + size
    if covered < waiting.total:
        return None
    return waiting.first._replace(
        size=waiting.total, data=bytes(data[: waiting.total]), fragments=len(waiting.pieces)
    )


def _ipv4(data: bytes, size: int) -> _Part | None:
    head = (data[0] & 15) * 4 if data else 0
    if head < 20 or len(data) < head:
        return None
    total = int.from_bytes(data[2:4], "big") or size  # 0: the network card was to cut it
    if total < head:
        return None
    place = int.from_bytes(data[6:8], "big")
    packet = Packet(
        family=AF_INET,
        source=data[12:16] + bytes(12),
        target=data[16:20] + bytes(12),
        ttl=data[8],
        protocol=data[9],
        size=total - head,
        data=data[head:total],
    )
    more = bool(place & 0x2000)
    return _Part(packet, (place & 0x1FFF) * 8, more, int.from_bytes(data[4:6], "big"))


def _ipv6(data: bytes, size: int) -> _Part | None:
    if len(data) < 40 or data[0] >> 4 != 6:
        return None
    total = 40 + (int.from_bytes(data[4:6], "big") or size - 40)
    kind, at, offset, more, name = data[6], 40, 0, False, 0
    for _ in range(MAX_EXTENSIONS):
        if kind == FRAGMENT and len(data) >= at + 8:
            place = int.from_bytes(data[at + 2 : at + 4], "big")
            offset, more = place & 0xFFF8, bool(place & 1)
            name = int.from_bytes(data[at + 4 : at + 8], "big")
            kind, at = data[at], at + 8
            if offset:
                break  # what follows is no header
        elif kind in EXTENSIONS and len(data) >= at + 2:
            units = data[at + 1] + 2 if kind == AUTHENTICATION else 2 * (data[at + 1] + 1)
            kind, at = data[at], at + 4 * units
        else:
            break
    if at > total:
        return None
    packet = Packet(
        family=AF_INET6,
        source=data[8:24],
        target=data[24:40],
        ttl=data[7],
        protocol=kind,
        size=total - at,
        data=data[at:total],
    )
    return _Part(packet, offset, more, name)
