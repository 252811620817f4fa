# SPDX-License-Identifier: Apache-2.0
"""One direction of a TCP connection: segments in, as they were seen; bytes out, in order. Pure.

The bytes that came first are believed. What is missing is told as a gap: when too much waits behind
it, when the stream has not gone on for long, or when it was never captured. Whatever a packet
claims, what is held is bounded, and bytes that follow one another get through in the end.
"""

from bisect import bisect_right
from typing import NamedTuple

from kflowd.constants import SECOND_NS
from kflowd.model import Payload, Segment

# Behind a hole, where a retransmission may come yet: what Linux has in flight to a common peer.
MAX_WAITING_BYTES = 65536
# A search among them is then short, however small the segments are.
MAX_WAITING_SEGMENTS = 128
# After so long TCP has sent a segment several times: it was missed, and not lost.
HOLE_NS = 10 * SECOND_NS
# Few windows are larger. What is farther away is a jump, believed when a second segment follows it.
MAX_APART = 1 << 22
# Of what was given out, for the comparison with what comes again.
BEHIND_BYTES = 2048
_U32 = 0xFFFFFFFF
_U32_HALF = 1 << 31


class Data(NamedTuple):
    """Bytes that follow what came before; `end` is the position behind them in the stream."""

    end: int
    ts_ns: int
    data: bytes


class Gap(NamedTuple):
    """Bytes that are missing, `size` of them (0: not known how many)."""

    end: int
    ts_ns: int
    size: int


class Overlap(NamedTuple):
    """Other bytes came for a position than those that were given out, or will be."""

    position: int


class End(NamedTuple):
    """No more will come."""

    end: int
    ts_ns: int


Piece = Data | Gap | Overlap | End


class _Waiting(NamedTuple):
    """Bytes behind a hole; without data they were not captured."""

    start: int
    end: int
    ts_ns: int
    data: bytes


class Stream:
    """Puts the segments of one direction in order.

    Positions count bytes from the first that was seen, which is not at 0: a segment that comes late
    may lie ahead of it.

    Attributes:
        started: A segment was seen.
        joined: It began without a SYN: what was before is not known.
        ended: The end was given out; what comes after it is ignored.
    """

    def __init__(
        self,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        max_waiting_segments: int = MAX_WAITING_SEGMENTS,
    ) -> None:
        self.started = self.joined = self.ended = False
        self._max_bytes = max_waiting_bytes
        self._max_segments = max_waiting_segments
        self._next = 0
        self._next_ns = 0  # when the stream went on
        self._waiting: list[_Waiting] = []  # by position, without overlap
        self._waiting_bytes = 0
        self._behind = b""
        self._fin = 0  # position behind the last byte, 0 not known
        self._skipped = False  # what is missing ahead of the next bytes will not come
        self._jump = -1  # sequence number behind a segment that was too far away

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return self._waiting_bytes + len(self._behind)

    def add(self, segment: Payload) -> list[Piece]:
        """Return what a segment puts in order."""
        if self.ended:
            return []
        seq = segment.seq + 1 if segment.flags & Segment.SYN else segment.seq
        if not self.started:
            self._start(seq, segment)
        start = self._next + ((seq - self._next + _U32_HALF) & _U32) - _U32_HALF
        if segment.flags & Segment.RST:
            # text may come with it; elsewhere than at the next byte TCP does not believe it
            return self._finish(segment.ts_ns) if start == self._next else []
        pieces: list[Piece] = []
        ahead = start - self._next
        self._skipped |= bool(segment.flags & Segment.SKIPPED)
        if self._skipped and segment.size and ahead >= 0:
            # one that only comes again says nothing of what was left out behind it
            self._skipped = False
            self._give_up(start, segment.ts_ns, pieces)
        elif abs(ahead) > MAX_APART:
            if not self._jumped(start, segment, pieces):
                return pieces
            start = self._next
        self._take(start, segment, pieces)
        if segment.flags & Segment.FIN:
            self._fin = self._believed(start + segment.size)
        if self._fin == self._next:
            self.ended = True
            pieces.append(End(self._next, segment.ts_ns))
        return pieces

    def finish(self, ts_ns: int) -> list[Piece]:
        """Return what waits, when no more will come; the end itself only if it was seen."""
        if self.ended:
            return []
        pieces: list[Piece] = []
        while self._waiting:
            self._skip(pieces)
        if self.started and self._fin == self._next:
            self.ended = True
            pieces.append(End(self._next, ts_ns))
        return pieces

    def _start(self, seq: int, segment: Payload) -> None:
        self.started = True
        self.joined = not segment.flags & Segment.SYN
        self._next = seq + (1 << 32)  # never near 0, where a late segment would be negative
        self._next_ns = segment.ts_ns

    def _finish(self, ts_ns: int) -> list[Piece]:
        pieces = self.finish(ts_ns)
        if not self.ended:
            self.ended = True
            pieces.append(End(self._next, ts_ns))
        return pieces

    def _jumped(self, start: int, segment: Payload, pieces: list[Piece]) -> bool:
        """Follow a stream to a place far away; say whether it is there."""
        seq = start & _U32
        if seq != self._jump or not segment.size:
            if segment.size:
                self._jump = (seq + segment.size) & _U32
            return False
        while self._waiting:
            self._skip(pieces)
        position = self._next + ((seq - self._next) & _U32)  # forward, wherever it was
        self._advance(position, Gap(position, segment.ts_ns, 0), pieces)
        self._jump, self._fin = -1, 0
        return True

    def _give_up(self, start: int, ts_ns: int, pieces: list[Piece]) -> None:
        """Give up what is missing ahead of a position; what waits there is told."""
        while self._waiting and self._waiting[0].start < start:
            self._skip(pieces)
        if start > self._next:
            self._advance(start, Gap(start, ts_ns, start - self._next), pieces)

    def _believed(self, fin: int) -> int:
        """Return the position of a FIN unless there are bytes behind it: then it is none."""
        last = self._waiting[-1].end if self._waiting else self._next
        return fin if fin >= last else self._fin

    def _take(self, start: int, segment: Payload, pieces: list[Piece]) -> None:
        """Put the bytes of a segment where they belong, and what follows them."""
        size, data, ts_ns = segment.size, segment.data[: segment.size], segment.ts_ns
        if not size:
            return
        if self._fin and start + size > self._fin:
            self._fin = 0  # see _believed
        if start < self._next:
            again = self._next - start
            if not (again == 1 and size == 1):  # a keep-alive has a byte that means nothing
                self._compare_behind(start, data, pieces)
            if size <= again:
                return
            start, size, data = self._next, size - again, data[again:]
        if start == self._next and not self._waiting:
            self._give(size, data, ts_ns, pieces)
            return
        known = start + len(data)
        self._wait(_Waiting(start, known, ts_ns, data), pieces)
        self._wait(_Waiting(known, start + size, ts_ns, b""), pieces)
        if start != self._next and ts_ns - self._next_ns > HOLE_NS:
            self._skip(pieces)
        self._drain(pieces)
        while self._waiting_bytes > self._max_bytes or len(self._waiting) > self._max_segments:
            self._skip(pieces)

    def _give(self, size: int, data: bytes, ts_ns: int, pieces: list[Piece]) -> None:
        """Give out bytes at the next position, and the gap behind what was captured of them."""
        if data:
            end = self._next + len(data)
            self._behind = (self._behind + data)[-BEHIND_BYTES:]
            self._next, self._next_ns = end, ts_ns
            pieces.append(Data(end, ts_ns, data))
        missing = size - len(data)
        if missing:
            end = self._next + missing
            self._advance(end, Gap(end, ts_ns, missing), pieces)

    def _advance(self, position: int, gap: Gap, pieces: list[Piece]) -> None:
        self._next, self._next_ns = position, gap.ts_ns
        self._behind = b""
        pieces.append(gap)

    def _wait(self, new: _Waiting, pieces: list[Piece]) -> None:
        """Keep what of a segment is not waiting already."""
        waiting = self._waiting
        at = max(bisect_right(waiting, new.start, key=lambda it: it.start) - 1, 0)
        start = new.start
        while start < new.end:
            if at < len(waiting) and waiting[at].end <= start:
                at += 1
                continue
            other = waiting[at] if at < len(waiting) else None
            if other is not None and other.start <= start:
                theirs = new.data[start - new.start :]
                _compare(start, other.data[start - other.start :], theirs, pieces)
                start = other.end
                continue
            end = new.end if other is None else min(new.end, other.start)
            part = new.data[start - new.start : end - new.start]
            waiting.insert(at, _Waiting(start, end, new.ts_ns, part))
            self._waiting_bytes += len(part)
            start = end

    def _drain(self, pieces: list[Piece]) -> None:
        """Give out what waits at the next position."""
        done = 0
        for it in self._waiting:
            if it.start != self._next:
                break
            self._waiting_bytes -= len(it.data)
            self._give(it.end - it.start, it.data, it.ts_ns, pieces)
            done += 1
        del self._waiting[:done]

    def _skip(self, pieces: list[Piece]) -> None:
        """Give up the hole ahead of what waits."""
        first = self._waiting[0]
        missing = first.start - self._next
        if missing:
            self._advance(first.start, Gap(first.start, first.ts_ns, missing), pieces)
        self._drain(pieces)

    def _compare_behind(self, start: int, data: bytes, pieces: list[Piece]) -> None:
        """Note other bytes than those that were given out, as far back as they are kept."""
        first = self._next - len(self._behind)
        common = max(start, first)
        _compare(common, self._behind[common - first :], data[common - start :], pieces)


def _compare(position: int, ours: bytes, theirs: bytes, pieces: list[Piece]) -> None:
    """Note where other bytes came, as far as both are known."""
    common = min(len(ours), len(theirs))
    if ours[:common] != theirs[:common]:
        differs = next(at for at in range(common) if ours[at] != theirs[at])
        pieces.append(Overlap(position + differs))
