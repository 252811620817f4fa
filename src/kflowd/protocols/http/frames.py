# SPDX-License-Identifier: Apache-2.0
"""Frames of HTTP/2: RFC 9113 section 4.1."""

from typing import Protocol

import msgspec

HEAD_BYTES = 9
DATA, HEADERS, RESET, PROMISE, CONTINUATION = 0, 1, 3, 5, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
KEPT = frozenset({HEADERS, PROMISE, CONTINUATION})
# of each type: flags that it may have, whether it is of a stream (None: either), its only size
SHAPES: dict[int, tuple[int, bool | None, int | None]] = {
    DATA: (END_STREAM | PADDED, True, None),
    HEADERS: (END_STREAM | END_HEADERS | PADDED | PRIORITY, True, None),
    2: (0, True, 5),  # PRIORITY
    RESET: (0, True, 4),
    4: (1, False, None),  # SETTINGS
    PROMISE: (END_HEADERS | PADDED, True, None),
    6: (1, False, 8),  # PING
    7: (0, False, None),  # GOAWAY
    8: (0, None, 4),  # WINDOW_UPDATE
    CONTINUATION: (END_HEADERS, True, None),
}
LIKELY_BYTES = 65536  # of a frame; few peers agree on more than 16,384


class Frame(msgspec.Struct):
    """A frame whose head has come.

    Attributes:
        kind: Number of its type.
        flags: Bits.
        stream: Number of its stream.
        size: Bytes behind its head.
        ts_ns: When its first byte came.
        left: Bytes that did not come yet.
        pad: Bytes at its end that say nothing; -1: not known yet.
    """

    kind: int
    flags: int
    stream: int
    size: int
    ts_ns: int
    left: int
    pad: int = 0


class Reads(Protocol):
    """Takes frames."""

    def data(self, frame: Frame, data: bytes, pos: int, end: int) -> None:
        """Take a part of a DATA frame."""

    def block(self, frame: Frame, fragment: bytes | None) -> None:
        """Take what a frame has of a header block, None: it is larger than what is kept."""

    def done(self, frame: Frame) -> None:
        """Note the end of any frame."""


class Frames:
    """Splits the bytes of a direction.

    Args:
        reads: Who takes them.
        limit: Bytes of a frame that are kept until it is complete.
    """

    def __init__(self, reads: Reads, limit: int) -> None:
        self._reads = reads
        self._limit = limit
        self._head = bytearray()
        self._since_ns = 0
        self._frame: Frame | None = None
        self._kept = bytearray()

    @property
    def held(self) -> int:
        """Bytes kept."""
        return len(self._head) + len(self._kept)

    def feed(self, data: bytes, pos: int, ts_ns: int) -> None:
        """Take bytes, from a place on."""
        size = len(data)
        while pos < size:
            frame = self._frame
            if frame is None:
                if not self._head:
                    self._since_ns = ts_ns
                end = pos + HEAD_BYTES - len(self._head)
                self._head += data[pos:end]
                pos = min(end, size)
                self._begin()
            else:
                end = min(size, pos + frame.left)
                self._payload(frame, data, pos, end)
                frame.left -= end - pos
                pos = end
                if not frame.left:
                    self._end(frame)

    def inside(self, size: int) -> Frame | None:
        """Return the frame that so many missing bytes are in, None: where they end is not known."""
        frame = self._frame
        if not frame or frame.kind in KEPT or frame.pad < 0 or not 0 < size <= frame.left:
            return None
        return frame

    def skip(self, frame: Frame, size: int) -> None:
        """Step over missing bytes inside a frame."""
        frame.left -= size
        if not frame.left:
            self._end(frame)

    def _begin(self) -> None:
        head = bytes(self._head)
        if len(head) < HEAD_BYTES:
            return
        size = int.from_bytes(head[:3])
        stream = int.from_bytes(head[5:]) & 0x7FFFFFFF
        padded = -1 if head[4] & PADDED and head[3] == DATA and size else 0
        frame = Frame(head[3], head[4], stream, size, self._since_ns, size, padded)
        self._head = bytearray()
        self._frame = frame
        if not size:
            self._end(frame)

    def _payload(self, frame: Frame, data: bytes, pos: int, end: int) -> None:
        if frame.kind in KEPT:
            self._kept += data[pos : min(end, pos + self._limit - len(self._kept))]
        elif frame.kind == DATA:
            behind = frame.left - (end - pos)
            if frame.pad < 0:
                frame.pad = data[pos]
                pos += 1
            end = min(end, end + behind - frame.pad)
            if end > pos:
                self._reads.data(frame, data, pos, end)

    def _end(self, frame: Frame) -> None:
        self._frame = None
        if frame.kind in KEPT:
            kept = bytes(self._kept)
            self._kept = bytearray()
            whole = len(kept) == frame.size
            self._reads.block(frame, _fragment(frame, kept) if whole else None)
        self._reads.done(frame)


def plausible(data: bytes) -> bool:
    """Say whether bytes look like frames from their first one on: one that is complete at least."""
    pos, size = 0, len(data)
    while pos + HEAD_BYTES <= size:
        length, kind, flags = int.from_bytes(data[pos : pos + 3]), data[pos + 3], data[pos + 4]
        stream = int.from_bytes(data[pos + 5 : pos + 9])
        if length > LIKELY_BYTES or stream >> 31 or kind not in SHAPES:
            return False
        allowed, of_stream, only = SHAPES[kind]
        if flags & ~allowed or of_stream not in {None, stream > 0} or only not in {None, length}:
            return False
        if not pos and HEAD_BYTES + length > size:
            return False
        pos += HEAD_BYTES + length
    return pos > 0


def _fragment(frame: Frame, payload: bytes) -> bytes:
    """Return the header block in a frame, without padding, priority and promised stream."""
    start, end = 0, len(payload)
    if frame.kind != CONTINUATION and frame.flags & PADDED and payload:
        start, end = 1, end - payload[0]
    if frame.kind == HEADERS and frame.flags & PRIORITY:
        start += 5
    if frame.kind == PROMISE:
        start += 4
    return payload[start : max(start, end)]
