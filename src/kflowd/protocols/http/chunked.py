# SPDX-License-Identifier: Apache-2.0
"""The chunked transfer coding without its framing: RFC 9112 section 7.1."""

import re
from collections.abc import Callable

from kflowd.protocols.http import words
from kflowd.protocols.http.body import Body
from kflowd.protocols.http.fields import CONTROL, Fields
from kflowd.protocols.http.gather import LINE_END, Gather
from kflowd.protocols.http.startline import text_of

# the usual chunk line as a whole
USUAL = re.compile(rb"([0-9A-Fa-f]{1,15})\r?\n")
SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;[^\n]*)?\r?\n")
# where a strict parser has blanks: ahead of an extension alone
STRICT = re.compile(rb"[0-9A-Fa-f]+(?:[ \t]*;[^\n]*)?\r?\n")
LINE_BYTES = 4096  # of a chunk size with its extensions; those of servers have some ten
HUGE = 1 << 64
LINE_FEED, RETURN = 10, 13


class Chunked:
    """One chunked body, up to the empty line behind its trailers: a Reader.

    Args:
        body: Where its data go.
        fields: Where its trailers go.
        trailer_bytes: Of trailers that are shown.
    """

    endless = False

    def __init__(self, body: Body, fields: Fields, trailer_bytes: int) -> None:
        self.done = False
        self.lost = ""
        self._body = body
        self._fields = fields
        self._left = 0
        self._returned = False  # of the end of a chunk
        self._overlong = False  # this trailer is
        self._line = Gather(LINE_BYTES)
        self._trailer_limit = trailer_bytes
        self._trailer_bytes = 0
        self._take: Callable[[bytes, int], int] = self._size

    @property
    def held(self) -> int:
        """Bytes kept of trailers, and of a line that is not complete."""
        return self._line.held + self._trailer_bytes

    def skip(self, size: int) -> bool:
        """Step over bytes that are missing; False: they are not all of one chunk's data."""
        if self._take != self._data or not 0 < size <= self._left:
            return False
        self._left -= size
        if not self._left:
            self._take = self._data_end
        return True

    def feed(self, data: bytes, pos: int) -> int:
        """Take what belongs to the body, and return the place behind it."""
        size = len(data)
        while pos < size and not self.done and not self.lost:
            pos = self._take(data, pos)
        return pos

    def _size(self, data: bytes, pos: int) -> int:
        if not self._line.held and (usual := USUAL.match(data, pos)):
            return self._sized(usual[1], usual.end())
        line, end = self._line.until(LINE_END, data, pos)
        if line is None:
            if self._line.full:
                self.lost = words.LONG_CHUNK_LINE
            return end
        if found := SIZE.fullmatch(line):
            if not STRICT.fullmatch(line) or CONTROL.search(line):
                self._fields.complain(words.ODD_CHUNK_LINE)
            return self._sized(found[1], end)
        self.lost = words.BAD_CHUNK_SIZE
        return end

    def _sized(self, digits: bytes, end: int) -> int:
        self._left = int(digits, 16)
        if self._left >= HUGE:
            self.lost = words.HUGE_CHUNK
        self._take = self._data if self._left else self._trailer
        return end

    def _data(self, data: bytes, pos: int) -> int:
        end = min(pos + self._left, len(data))
        self._body.add(data, pos, end)
        self._left -= end - pos
        if not self._left:
            if data.startswith(b"\r\n", end):
                self._take = self._size
                return end + 2
            self._take = self._data_end
        return end

    def _data_end(self, data: bytes, pos: int) -> int:
        byte = data[pos]
        if byte == LINE_FEED:
            self._take = self._size
        elif byte != RETURN or self._returned:
            self.lost = words.BAD_CHUNK_END
            return pos
        self._returned = byte == RETURN
        return pos + 1

    def _trailer(self, data: bytes, pos: int) -> int:
        line, end = self._line.until(LINE_END, data, pos)
        if line is None:
            if self._line.full:
                self._line.drop()
                self._overlong = self._fields.cut = True
        elif self._overlong:
            self._overlong = False
        elif line in {b"\r\n", b"\n"}:
            self.done = True
        elif self._trailer_bytes + len(line) <= self._trailer_limit:
            self._trailer_bytes += len(line)
            if CONTROL.search(line):
                self._fields.complain(words.BAD_VALUE)
            self._fields.add((text_of(line).rstrip("\r\n"),))
        else:
            self._fields.cut = True
        return end
