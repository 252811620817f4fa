# SPDX-License-Identifier: Apache-2.0
"""Goes over the bytes of a handshake message: numbers, and vectors behind their lengths."""

import struct


class UnreadableError(ValueError):
    """Bytes are not as TLS has them; the text says how."""


class EndsError(UnreadableError):
    """The bytes end too early."""


class Reader:
    """A place in bytes.

    Attributes:
        at: Where it is.

    Args:
        data: The bytes.
        title: What they are, for what is said of them.
    """

    def __init__(self, data: bytes, title: str) -> None:
        self.at = 0
        self._data = data
        self._end = len(data)
        self._title = title

    @property
    def left(self) -> int:
        """Bytes behind the place."""
        return self._end - self.at

    def number(self, width: int) -> int:
        """Return a number of so many bytes.

        Raises:
            EndsError: There are fewer.
        """
        return int.from_bytes(self.take(width))

    def take(self, size: int) -> bytes:
        """Return so many bytes.

        Raises:
            EndsError: There are fewer.
        """
        at = self.at
        after = at + size
        if after > self._end:
            raise EndsError(f"early end of {self._title}")
        self.at = after
        return self._data[at:after]

    def vector(self, width: int) -> bytes:
        """Return what is behind its length, of so many bytes.

        Raises:
            EndsError: It is not all there.
        """
        return self.take(self.number(width))

    def numbers(self, width: int) -> list[int]:
        """Return the numbers of two bytes of a vector.

        Raises:
            UnreadableError: It is not all there, or has half a number.
        """
        data = self.vector(width)
        if len(data) % 2:
            raise UnreadableError(f"half a number in {self._title}")
        return list(struct.unpack(f">{len(data) // 2}H", data))
