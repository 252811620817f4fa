# SPDX-License-Identifier: Apache-2.0
"""Header blocks of HTTP/2 as far as they can be known: HPACK, RFC 7541.

An index counts from the newest entry back. What was added before the stream was seen is unknown for
good, what is added after is exact.
"""

from collections import deque

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

UNKNOWN = b"<unknown>"
Field = tuple[bytes, bytes]

STATIC: tuple[Field, ...] = tuple(HeaderTable.STATIC_TABLE)
STANDARD_BYTES = 4096  # of a table of which nothing was said
OVERHEAD_BYTES = 32  # that an entry counts beside its bytes
INTEGER_BYTES = 5  # behind its first one; none needs more


class MalformedError(Exception):
    """A header block that cannot be read on."""


class Headers:
    """The header blocks of one direction, in order.

    Args:
        most: Bytes of the table that are kept; peers may agree on more.
        whole: All of them were seen; else the table may have had more.

    Attributes:
        held: Bytes in the table.
    """

    def __init__(self, most: int, *, whole: bool) -> None:
        self.held = 0
        self._limit = most
        self._whole = whole and most >= STANDARD_BYTES
        self._most = STANDARD_BYTES if self._whole else most
        self._table: deque[Field] = deque()

    def forget(self) -> None:
        """Note that a block was not seen: what is in the table now has unknown places."""
        self._whole = False
        self._most = self._limit
        self._table.clear()
        self.held = 0

    def read(self, block: bytes, room: int) -> tuple[list[Field], bool]:
        """Return the headers of a block, in order.

        Args:
            block: The block.
            room: Bytes of headers to return at most: an index of a byte may stand for thousands.

        Returns:
            Headers, and whether these are all.

        Raises:
            MalformedError: It is no header block.
        """
        fields: list[Field] = []
        pos, whole = 0, True
        while pos < len(block):
            first = block[pos]
            if first & 0xE0 == 0x20:
                size, pos = _integer(block, pos, 5)
                self._resize(size)
                continue
            if first & 0x80:
                index, pos = _integer(block, pos, 7)
                name, value = self._at(index)
            else:
                index, pos = _integer(block, pos, 6 if first & 0x40 else 4)
                name = self._at(index)[0] if index else b""
                if not index:
                    name, pos = _string(block, pos)
                value, pos = _string(block, pos)
                if first & 0x40:
                    self._add(name, value)
            room -= len(name) + len(value)
            whole = whole and room >= 0
            if whole:
                fields.append((name, value))
        return fields, whole

    def _at(self, index: int) -> Field:
        if not index:
            raise MalformedError
        if index <= len(STATIC):
            return STATIC[index - 1]
        index -= len(STATIC) + 1
        if index < len(self._table):
            return self._table[index]
        if self._whole:
            raise MalformedError
        return UNKNOWN, UNKNOWN

    def _resize(self, size: int) -> None:
        # a table that is larger than what is kept of it has entries that are not known
        self._whole = self._whole and size <= self._limit
        self._most = min(size, self._limit)
        self._evict()

    def _add(self, name: bytes, value: bytes) -> None:
        self._table.appendleft((name, value))
        self.held += len(name) + len(value) + OVERHEAD_BYTES
        self._evict()

    def _evict(self) -> None:
        while self.held > self._most:
            name, value = self._table.pop()
            self.held -= len(name) + len(value) + OVERHEAD_BYTES


def _integer(block: bytes, pos: int, bits: int) -> tuple[int, int]:
    """Return an integer of so many bits of its first byte (RFC 7541 section 5.1), and its end."""
    most = (1 << bits) - 1
    value = block[pos] & most
    pos += 1
    if value < most:
        return value, pos
    for number, byte in enumerate(block[pos : pos + INTEGER_BYTES]):
        value += (byte & 0x7F) << 7 * number
        if byte < 0x80:
            return value, pos + number + 1
    raise MalformedError


def _string(block: bytes, pos: int) -> tuple[bytes, int]:
    """Return a string (RFC 7541 section 5.2), and its end."""
    if pos >= len(block):
        raise MalformedError
    size, start = _integer(block, pos, 7)
    end = start + size
    if end > len(block):
        raise MalformedError
    if not block[pos] & 0x80:
        return block[start:end], end
    try:
        return bytes(decode_huffman(block[start:end])), end
    except HPACKDecodingError as error:
        raise MalformedError from error
