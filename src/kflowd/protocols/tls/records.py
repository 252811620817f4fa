# SPDX-License-Identifier: Apache-2.0
"""Cuts a stream into records (RFC 8446 5.1); of one that is not whole nothing is kept but a header.

What is in a record is given as it comes, in as many fragments as there are.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from kflowd.protocols.tls.codes import SSL3_MAJOR

HEADER_BYTES = 5
LONGEST = (1 << 14) + 2048  # of what is encrypted (RFC 5246 6.2.3)


class Content(IntEnum):
    """What a record has."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    HEARTBEAT = 24


class Fragment(NamedTuple):
    """Bytes of a record; they are its first where `begins` is set."""

    content: Content
    data: bytes
    begins: bool


class NoRecordError(ValueError):
    """A stream goes on with what is no record."""


class Records:
    """The records of one direction.

    Attributes:
        header: The header that is not whole.
    """

    def __init__(self) -> None:
        self.header = bytearray()
        self._content = Content.HANDSHAKE
        self._left = 0  # bytes of the record still to come
        self._begins = False

    @property
    def inside(self) -> bool:
        """Whether a record has begun, and has not ended."""
        return bool(self.header or self._left)

    def feed(self, data: bytes) -> Iterator[Fragment]:
        """Yield what is in the next bytes.

        Raises:
            NoRecordError: They are no record; nothing behind them can be read.
        """
        at = 0
        while at < len(data):
            if not self._left:
                more = data[at : at + HEADER_BYTES - len(self.header)]
                at += len(more)
                self.header += more
                if self._begin():
                    # it has nothing in it, which is told all the same
                    yield Fragment(self._content, b"", begins=True)
                continue
            fragment = data[at : at + self._left]
            at += len(fragment)
            self._left -= len(fragment)
            begins, self._begins = self._begins, False
            yield Fragment(self._content, fragment, begins=begins)

    def _begin(self) -> bool:
        """Read the header, as much of it as there is, and return whether the record is empty."""
        header = self.header
        # Content has all numbers between these two
        content = Content.CHANGE_CIPHER_SPEC <= header[0] <= Content.HEARTBEAT
        if not content or (len(header) > 1 and header[1] != SSL3_MAJOR):
            raise NoRecordError
        if len(header) < HEADER_BYTES:
            return False
        self._left = header[3] << 8 | header[4]
        self._content = Content(header[0])
        empty = not self._left
        if self._left > LONGEST or (empty and self._content != Content.APPLICATION_DATA):
            raise NoRecordError
        self._begins = True
        header.clear()
        return empty
