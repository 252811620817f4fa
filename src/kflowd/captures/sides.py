# SPDX-License-Identifier: Apache-2.0
"""What one end of a flow has sent, counted as records have it. Pure."""

from kflowd.captures.network import Packet
from kflowd.captures.transport import Segment
from kflowd.model import Segment as Flag
from kflowd.model import SocketDirection

# Places of a stream where bytes are missing yet, to tell what comes late from what comes again.
MAX_HOLES = 64
MAX_COMBINATIONS = 64  # six bits have no more
_U32 = 0xFFFFFFFF
_U32_HALF = 1 << 31


class Side:
    """One direction of a flow.

    Attributes:
        isn: Initial sequence number, of a TCP end whose SYN was seen.
        ended: A FIN was seen.
    """

    def __init__(self) -> None:
        self.isn: int | None = None
        self.ended = False
        self.packets = 0
        self._first_ns = self._last_ns = 0
        self._bytes = 0
        self._ttl_sum = 0
        self._data_packets = 0
        self._fragmented = 0
        self._flags: dict[int, int] = {}
        self._next: int | None = None
        self._holes: list[tuple[int, int]] = []

    def add(self, ts_ns: int, packet: Packet, segment: Segment, *, tcp: bool) -> None:
        """Count a packet."""
        if not self.packets:
            self._first_ns = ts_ns
        self._last_ns = max(self._last_ns, ts_ns)
        self.packets += 1
        self._ttl_sum += packet.ttl
        self._fragmented += packet.fragments > 1
        self._data_packets += segment.size > 0
        if not tcp:
            self._bytes += segment.size
            return
        self._flags[segment.flags] = self._flags.get(segment.flags, 0) + 1
        seq = segment.seq
        if segment.flags & Flag.SYN:
            self.isn, seq = seq, seq + 1
        self.ended = self.ended or bool(segment.flags & Flag.FIN)
        if not segment.flags & Flag.RST:  # what comes with it is a text, and no part of the stream
            self._bytes += self._new(seq, segment.size)

    def counted(self) -> SocketDirection:
        """Return what was counted."""
        return SocketDirection(
            first_ns=self._first_ns,
            last_ns=self._last_ns,
            payload_bytes=self._bytes,
            ttl_sum=self._ttl_sum,
            packets=self.packets,
            packets_seen=self.packets,
            data_packets=self._data_packets,
            ifindex=0,
            frags=self._fragmented,
            flag_bits=bytes(self._flags),
            flag_counts=tuple(self._flags.values()),
        )

    def _new(self, seq: int, size: int) -> int:
        """Return how many bytes of a segment did not come before."""
        if self._next is None:
            self._next = seq
        start = self._next + ((seq - self._next + _U32_HALF) & _U32) - _U32_HALF
        end = start + size
        new = max(end - max(start, self._next), 0)
        if not size:
            return 0
        if start > self._next and len(self._holes) < MAX_HOLES:
            self._holes.append((self._next, start))
        elif start < self._next:
            new += self._fill(start, end)
        self._next = max(self._next, end)
        return new

    def _fill(self, start: int, end: int) -> int:
        """Return how many bytes of a segment lie in holes, which they fill."""
        filled = 0
        left: list[tuple[int, int]] = []
        for first, last in self._holes:
            begin, stop = max(first, start), min(last, end)
            if begin >= stop:
                left.append((first, last))
                continue
            filled += stop - begin
            left += [it for it in ((first, begin), (stop, last)) if it[0] < it[1]]
        self._holes = left[:MAX_HOLES]
        return filled
