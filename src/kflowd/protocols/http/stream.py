# SPDX-License-Identifier: Apache-2.0
"""One direction of a connection: where its messages begin and end."""

import re
from collections.abc import Callable
from functools import partial

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.http import startline
from kflowd.protocols.http.bodies import Counted, Reader, Rest
from kflowd.protocols.http.chunked import Chunked
from kflowd.protocols.http.draft import Draft
from kflowd.protocols.http.exchange import Exchange, Waits
from kflowd.protocols.http.frames import plausible
from kflowd.protocols.http.framing import Asked, Kind, framing
from kflowd.protocols.http.gather import BLOCK_END, LINE_END, Gather
from kflowd.protocols.http.held import Held
from kflowd.protocols.http.http2 import Http2
from kflowd.protocols.http.search import Search
from kflowd.protocols.http.startline import StartLine

ANSWER = b"HTTP/"
EMPTY_LINES = re.compile(rb"[\r\n]*")
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f-\xff]")


class Stream:
    """The messages of one direction.

    Args:
        direction: Which it is.
        limits: Of what is kept and shown.
        exchange: Of both directions.
        out: Where messages go.
        joined: It may begin inside a message.

    Attributes:
        ended: No more will come.
        tunnel: A message says that both directions speak another protocol from here on.
        waits: What it waits for.
    """

    def __init__(
        self,
        direction: Direction,
        limits: Limits,
        exchange: Exchange,
        out: list[Message],
        *,
        joined: bool,
    ) -> None:
        self.ended = False
        self.tunnel = False
        self.waits = Waits.NOTHING
        self._direction = direction
        self._limits = limits
        self._exchange = exchange
        self._out = out
        self._joined = joined  # what is skipped belongs to a message older than the stream
        self._missing = False  # a gap is ahead of the next message
        self._waited = False  # for this message
        self._held = Held(limits.message_bytes)
        self._gather = Gather(limits.message_bytes)
        self._search = Search(limits.message_bytes)
        self._first = b""  # too few bytes to tell what begins
        self._now_ns = 0
        self._since_ns = 0  # time of the first byte of what begins
        self._draft: Draft | None = None
        self._line = startline.SIMPLE_ANSWER  # first line of the draft
        self._asked: Asked | None = None  # the draft, if a request
        self._unasked = False  # the draft is a response whose request was not seen
        self._http2: Http2 | None = None
        self._reader: Reader | None = None  # of the body of the draft
        self._take: Callable[[bytes, int], int] = self._skip if joined else self._begin

    @property
    def held(self) -> int:
        """Bytes kept."""
        held = self._held.size + self._gather.held + self._search.held + len(self._first)
        held += self._draft.held if self._draft else 0
        held += self._http2.held if self._http2 else 0
        return held + (self._reader.held if self._reader else 0)

    @property
    def waiting(self) -> bool:
        """Whether it waits for the other direction."""
        return self.waits is not Waits.NOTHING

    def feed(self, data: bytes, ts_ns: int) -> None:
        """Read the next bytes."""
        if self.waiting:
            self._held.add(data, ts_ns)
            return
        if self._first:
            data = self._first + data
        self._now_ns = ts_ns
        pos, size = 0, len(data)
        while pos < size and not self.waiting:
            pos = self._take(data, pos)
        if pos < size:
            # of a message that began, or of what comes behind one
            self._held.add(data[pos:], ts_ns if self.waits is Waits.ANSWER else self._since_ns)

    def may_go(self, other: "Stream") -> bool:
        """Say whether what it waits for came, or will not come."""
        if self.ended or other.ended or self._held.full:
            return True
        if self.waits is Waits.ANSWER:
            return self._asked is None or self._asked.answered
        return self._exchange.tells(self.waits) or other.waits is Waits.ROLE

    def go(self) -> None:
        """Read what was held."""
        if self.waits is Waits.REQUEST and not self._exchange.next:
            self._exchange.loose = True
        asked, self._asked = self._asked, None
        pieces = self._held.take()
        http = bool(pieces) and startline.BEGINS.match(pieces[0].data)
        if asked and not asked.answered and asked.method == "CONNECT" and not http:
            # nobody saw the answer: what came tells by itself
            self.discard()
        self.waits = Waits.NOTHING
        self._waited = True
        for piece in pieces:
            if piece.missing < 0:
                self.feed(piece.data, piece.ts_ns)
            else:
                self.gap(piece.missing, piece.ts_ns)

    def discard(self) -> None:
        """Leave out all that comes from here on, and what waits."""
        if self._draft:
            self._draft.note("UNFINISHED")
            self._finish()
        self._held.take()
        self._gather.drop()
        self._search.drop()
        self._first = b""
        self.waits = Waits.NOTHING
        self._take = self._discarded

    def gap(self, size: int, ts_ns: int) -> None:
        """Step over bytes that are missing, `size` of them; 0: not known."""
        if self.waiting:
            self._held.gap(size, ts_ns)
            return
        if self._http2:
            self._http2.gap(size)
        elif self._take != self._discarded and not self._stepped_over(size):
            self._lose_in_gap(size)

    def _lose_in_gap(self, size: int) -> None:
        self._close_head("GAP")
        if self._draft:
            self._draft.note("GAP")
            self._draft.length += size
            self._draft.body.stop()
        self._missing = True
        self._lose()
        if self._exchange.client != self._direction:
            self._exchange.forget()

    def _stepped_over(self, size: int) -> bool:
        """Say whether it is still known where the message ends."""
        draft, reader = self._draft, self._reader
        if not draft or not reader or not reader.skip(size):
            return False
        draft.note("GAP")
        draft.length += size
        draft.body.stop(size)
        if reader.done:
            self._finish()
        return True

    def end(self) -> None:
        """Put out what is left."""
        if self._http2:
            self._http2.end()
        if self._http2 or self._take == self._discarded:
            return
        self._close_head("UNFINISHED")
        draft = self._draft
        if draft is None:
            return
        if self._reader and not self._reader.endless:
            draft.note("UNFINISHED")
        self._finish()

    def _close_head(self, word: str) -> None:
        """Take what came of a head that will not be complete, and note why."""
        kept = self._gather.drop() or self._search.drop() or self._first
        self._first = b""
        if self._take == self._skip:
            self._skipped(kept, self._search.since_ns)
        elif self._draft and not self._reader:
            self._draft.head(kept[1 : kept.rfind(b"\n") + 1])
            self._draft.length += len(kept) - 1
            self._draft.hidden = True
            self._draft.note(word)
            if self._line.method:
                self._exchange.ask(Asked(self._line.method))
        elif kept:
            self._draft = Draft(self._direction, self._since_ns, self._limits)
            self._draft.length = len(kept)
            self._draft.note(word)
            if found := startline.unfinished(kept):
                self._draft.begin(found)

    # What takes bytes: each returns the place behind those it took.

    def _begin(self, data: bytes, pos: int) -> int:
        """Tell what begins."""
        if not self._first:
            self._since_ns = self._now_ns
        self._first = b""
        start = EMPTY_LINES.match(data, pos).end()  # type: ignore[union-attr] # it matches nothing, too
        first = data[start : start + len(ANSWER)]
        if len(first) < len(ANSWER) and b"\n" not in first:
            self._first = first
            return len(data)
        answer = first == ANSWER
        if not self._waited:
            request = not answer and bool(startline.PLAUSIBLE.match(data, start))
            self.waits = self._exchange.waits(
                server=self._exchange.serves(self._direction) or answer, request=request
            )
            if self.waiting:
                return start
        if self._exchange.http2 and self._exchange.serves(self._direction) and not answer:
            self._speak_http2(client=False)
            return start
        asked = self._exchange.next
        if asked and asked.simple and self._exchange.serves(self._direction) and not answer:
            self._exchange.answer()
            self._draft = Draft(self._direction, self._since_ns, self._limits)
            self._draft.begin(startline.SIMPLE_ANSWER)
            self._read(self._draft, Rest(self._draft.body))
            return pos
        self._take = self._first_line
        return start

    def _first_line(self, data: bytes, pos: int) -> int:
        if not self._gather.held and BINARY.match(data, pos):
            self._lose()
            return pos
        line, end = self._gather.until(LINE_END, data, pos)
        if line and (found := startline.read(line)):
            return self._started(found, line, end)
        if line or self._gather.full:
            self._lose()
            self._skipped(line or self._gather.drop(), self._since_ns)
        return end

    def _started(self, found: StartLine, line: bytes, end: int) -> int:
        exchange = self._exchange
        if exchange.client is None:
            exchange.client = self._direction if found.method else Direction(1 - self._direction)
        draft = self._draft = Draft(self._direction, self._since_ns, self._limits)
        if self._missing:
            draft.note("GAP")
            self._missing = False
        self._joined = False
        self._line = found
        draft.length = len(line)
        if found.method == "PRI" and found.version == "HTTP/2.0":
            self._draft = None
            exchange.http2 = exchange.loose = True
            self._speak_http2(client=True)
            return end
        draft.begin(found)
        if found.version == startline.SIMPLE:
            exchange.ask(Asked(found.method, simple=True))
            self._finish()
            return end
        self._take = partial(self._headers, draft)
        return end - 1  # the line feed is part of the mark of an empty block

    def _headers(self, draft: Draft, data: bytes, pos: int) -> int:
        block, end = self._gather.until(BLOCK_END, data, pos)
        if block is not None:
            draft.length += len(block) - 1
            draft.head(block[1:])
            self._framed(draft)
        elif self._gather.full:
            self._close_head("CUT")
            draft.body.stop()
            self._lose()
        return end

    def _framed(self, draft: Draft) -> None:
        """Find out what comes behind a head, and pair it."""
        line, exchange = self._line, self._exchange
        asked = exchange.next if line.status else None
        kind, length = framing(line, draft.fields, asked)
        self._unasked = bool(line.status) and asked is None
        if not line.status:
            upgrade = bool(draft.fields.get("upgrade"))
            self._asked = Asked(line.method, upgrade=upgrade)
            exchange.ask(self._asked)
        elif line.status == 101 or line.status >= 200:
            exchange.answer()
        if kind is Kind.TUNNEL:
            self._tunnel(draft.fields.get("upgrade"))
        elif kind is Kind.NONE:
            self._finish()
        elif kind is Kind.LOST:
            self._lose()
        elif kind is Kind.CHUNKED:
            self._read(draft, Chunked(draft.body, draft.fields, self._limits.message_bytes))
        elif kind is Kind.LENGTH:
            self._read(draft, Counted(draft.body, length))
        else:
            self._read(draft, Rest(draft.body))

    def _read(self, draft: Draft, reader: Reader) -> None:
        self._reader = reader
        self._take = partial(self._body, draft, reader)

    def _speak_http2(self, *, client: bool | None) -> None:
        http2 = self._http2 = Http2(self._direction, self._limits, self._out, client=client)
        self._take = lambda data, pos: http2.feed(data, pos, self._now_ns)

    def _tunnel(self, protocol: str) -> None:
        self._finish()
        if protocol.lower() == "h2c":
            self._exchange.http2 = self._exchange.loose = True
            self._speak_http2(client=False)
        else:
            self.tunnel = True
            self._take = self._discarded

    def _finish(self) -> None:
        """Put the message out; the next one may begin."""
        if self._draft:
            self._out.append(self._draft.message())
        self._draft = self._reader = None
        self._waited = False
        self._take = self._begin
        asked = self._asked
        if asked and not asked.answered and (asked.upgrade or asked.method == "CONNECT"):
            self.waits = Waits.ANSWER
        else:
            self._asked = None

    def _body(self, draft: Draft, reader: Reader, data: bytes, pos: int) -> int:
        if self._unasked and not draft.body.size and data.startswith(b"HTTP/1.", pos):
            self._finish()  # the request that was not seen was HEAD
            return pos
        end = reader.feed(data, pos)
        draft.length += end - pos
        if reader.done:
            self._finish()
        elif reader.lost:
            draft.fields.complain(reader.lost)
            draft.body.stop()
            self._lose()
        return end

    def _discarded(self, data: bytes, _pos: int) -> int:
        return len(data)

    # What is done when it is not known where the next message begins.

    def _lose(self) -> None:
        self._exchange.loose = True
        self._reader = self._asked = None
        self._take = self._skip

    def _skip(self, data: bytes, pos: int) -> int:
        """Look for the next plausible start."""
        if self._joined and not pos and plausible(data):
            self._skipped(self._search.drop(), self._search.since_ns)
            self._finish()
            self._speak_http2(client=None)
            return pos
        search = self._search
        older_ns = search.since_ns if search.held else self._now_ns
        wanted = self._exchange.wanted(self._direction)
        skipped, line, end = search.feed(wanted, data, pos, self._now_ns)
        self._skipped(skipped, older_ns)
        if line and (found := startline.read(line)):
            self._finish()
            self._since_ns = search.since_ns
            return self._started(found, line, end)
        self._skipped(line or b"", older_ns)
        return end

    def _skipped(self, data: bytes, ts_ns: int) -> None:
        """Add what belongs to no message to the one before, or to one of its own."""
        if not data:
            return
        if not self._draft:
            self._draft = Draft(self._direction, ts_ns, self._limits)
            self._draft.body.stop()
            if self._joined:
                self._draft.note("PARTIAL")
            if self._missing:
                self._draft.note("GAP")
        self._draft.body.add(data, 0, len(data))
        self._draft.length += len(data)
