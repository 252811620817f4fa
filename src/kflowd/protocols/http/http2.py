# SPDX-License-Identifier: Apache-2.0
"""One direction of HTTP/2: the messages of its streams, RFC 9113."""

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.http import words
from kflowd.protocols.http.draft import Draft
from kflowd.protocols.http.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEAD_BYTES,
    HEADERS,
    PROMISE,
    RESET,
    Frame,
    Frames,
    plausible,
)
from kflowd.protocols.http.headerblock import Field, Headers, MalformedError
from kflowd.protocols.http.headerlist import OF_ANSWER, OF_REQUEST, add, first_line, known_names

PREFACE_REST = len(b"\r\nSM\r\n\r\n")  # behind its first line
LAST = 1 << 31  # beyond the number of any stream
OPEN = 64  # messages that are read at the same time; beyond it the oldest is put out as it is


class Http2:
    """Reads frames, and puts messages out when their stream ends.

    Args:
        direction: Whose they are.
        limits: Of what is kept and shown.
        out: Where messages go.
        client: They are requests; None: nobody knows, the stream was joined late.
    """

    def __init__(
        self, direction: Direction, limits: Limits, out: list[Message], *, client: bool | None
    ) -> None:
        self._direction = direction
        self._limits = limits
        self._out = out
        self._client = client
        self._frames = Frames(self, limits.message_bytes)
        self._headers = Headers(limits.message_bytes, whole=client is not None)
        self._block: bytearray | None = bytearray()  # None: a part of it is missing
        self._first: Frame | None = None  # of the block
        self._earlier = 0  # bytes of its frames that are complete
        self._ends = False  # the stream ends with the block
        self._open: dict[int, Draft] = {}
        self._sizes: dict[int, int] = {}  # of their headers
        self._kept = 0  # all of these
        self._bodies = 0  # bytes kept of bodies
        self._ahead = PREFACE_REST if client else 0
        self._lost = False  # it is not known where a frame begins
        self._missing = False  # a gap is ahead of the next message
        # the last stream of which a header block was seen; LAST: others may have been missed
        self._newest = LAST if client is None else 0

    @property
    def held(self) -> int:
        """Bytes kept."""
        kept = self._kept + self._bodies + len(self._block or b"")
        return kept + self._frames.held + self._headers.held

    def feed(self, data: bytes, pos: int, ts_ns: int) -> int:
        """Take all bytes from a place on, and return the place behind them."""
        if self._lost and not pos and plausible(data):
            self._lost = False
        ahead = min(self._ahead, len(data) - pos)
        self._ahead -= ahead
        if not self._lost:
            self._frames.feed(data, pos + ahead, ts_ns)
        return len(data)

    def gap(self, size: int) -> None:
        """Step over missing bytes; where a frame begins is then not known any more."""
        frame = self._frames.inside(size)
        for stream, draft in self._open.items():
            if frame is None or frame.stream == stream:
                draft.note("GAP")
                draft.body.stop()
                draft.hidden = True
        if frame is not None:
            self._frames.skip(frame, size)
        else:
            self._put_all()
            self._headers.forget()
            self._frames = Frames(self, self._limits.message_bytes)
            self._first = None
            self._newest = LAST
            self._lost = self._missing = True

    def end(self) -> None:
        """Put out what is not complete, and keep nothing."""
        for draft in self._open.values():
            draft.note("UNFINISHED")
        self._put_all()
        self._headers.forget()
        self._block = None
        self._frames = Frames(self, 0)

    # What the frames call.

    def data(self, frame: Frame, data: bytes, pos: int, end: int) -> None:
        """Take a part of a body."""
        if draft := self._open.get(frame.stream):
            before = draft.body.held
            draft.body.add(data, pos, end)
            self._bodies += draft.body.held - before

    def block(self, frame: Frame, fragment: bytes | None) -> None:
        """Take a part of a header block; it is read when it is complete."""
        if frame.kind in {HEADERS, PROMISE}:
            self._first, self._block, self._earlier = frame, bytearray(), 0
        first = self._first
        if first is None:
            return
        room = self._limits.message_bytes - len(self._block or b"")
        if fragment is None or self._block is None or len(fragment) > room:
            self._block = None
        else:
            self._block += fragment
        if frame.flags & END_HEADERS:
            self._first = None
            self._ends = bool(first.flags & END_STREAM) and first.kind == HEADERS
            self._read(first, self._block)
            self._block = bytearray()
        else:
            self._earlier += HEAD_BYTES + frame.size

    def done(self, frame: Frame) -> None:
        """Put a message out when its stream ends."""
        draft = self._open.get(frame.stream)
        if draft is None:
            return
        draft.length += HEAD_BYTES + frame.size
        # a block may go on in CONTINUATION, and END_STREAM stands in the first frame of it
        ends = self._ends or (frame.flags & END_STREAM and frame.kind == DATA)
        self._ends = False
        if frame.kind == RESET:
            draft.note("UNFINISHED")
            ends = True
        if ends:
            self._put(frame.stream)

    def _read(self, first: Frame, block: bytearray | None) -> None:
        fields: list[Field] = []
        whole, complaint = False, ""
        if block is None:
            self._headers.forget()
        else:
            try:
                fields, whole = self._headers.read(bytes(block), self._limits.message_bytes)
            except MalformedError:
                self._headers.forget()
                complaint = words.BAD_BLOCK
        if first.kind == PROMISE:
            return
        known = (whole or bool(fields)) and known_names(fields)
        draft = self._draft(first, fields, whole=whole, known=known)
        if draft is None:
            return
        draft.length += self._earlier
        draft.fields.cut = draft.fields.cut or not (whole or complaint)
        if complaint:
            draft.fields.complain(complaint)

    def _draft(
        self, first: Frame, fields: list[Field], *, whole: bool, known: bool
    ) -> Draft | None:
        """Return the message of a header block, None: they are trailers of one that was put out.

        Args:
            first: Its first frame.
            fields: What could be read of it.
            whole: That is all.
            known: It could be read, and no name of it is unknown.
        """
        stream = first.stream
        newest, self._newest = self._newest, max(self._newest, stream)
        if known and stream <= newest and not any(name[:1] == b":" for name, _ in fields):
            if draft := self._open.get(stream):
                add(draft.fields, fields)
            return draft
        self._put(stream)  # an interim response
        draft = Draft(self._direction, first.ts_ns, self._limits)
        answer = not self._client
        if self._client is None:
            answer = any(name == b":status" for name, _ in fields)
        draft.begin(first_line(fields, answer=answer, whole=whole and known))
        if self._missing:
            draft.note("GAP")
            self._missing = False
        add(draft.fields, fields, OF_ANSWER if answer else OF_REQUEST)
        draft.typed()
        while len(self._open) >= OPEN or self._kept > self._limits.message_bytes:
            oldest = next(iter(self._open))
            self._open[oldest].fields.cut = True
            self._put(oldest)
        self._open[stream] = draft
        self._sizes[stream] = sum(len(name) + len(value) for name, value in fields)
        self._kept += self._sizes[stream]
        return draft

    def _put(self, stream: int) -> None:
        if draft := self._open.pop(stream, None):
            self._kept -= self._sizes.pop(stream)
            self._bodies -= draft.body.held
            self._out.append(draft.message())

    def _put_all(self) -> None:
        for stream in list(self._open):
            self._put(stream)
