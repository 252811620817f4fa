# SPDX-License-Identifier: Apache-2.0
"""What came of a direction that waits for the other one."""

from typing import NamedTuple

PIECES = 64  # with a time of their own; later ones are joined to the last


class Piece(NamedTuple):
    """Bytes that came at one time, or how many are missing."""

    data: bytes
    ts_ns: int
    missing: int = -1


class Held:
    """Pieces in order, bounded.

    Args:
        limit: Bytes at which it is full; what is added all the same is the caller's concern.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._pieces: list[Piece] = []
        self._rest = bytearray()
        self._rest_ns = 0

    @property
    def full(self) -> bool:
        """Whether no more should be added."""
        return self.size >= self._limit or len(self._pieces) > PIECES

    def add(self, data: bytes, ts_ns: int) -> None:
        """Add bytes."""
        self.size += len(data)
        if len(self._pieces) < PIECES:
            self._pieces.append(Piece(data, ts_ns))
            return
        if not self._rest:
            self._rest_ns = ts_ns
        self._rest += data

    def gap(self, missing: int, ts_ns: int) -> None:
        """Add that bytes are missing."""
        self._settle()
        self._pieces.append(Piece(b"", ts_ns, missing))

    def take(self) -> list[Piece]:
        """Return what was added, and begin anew."""
        self._settle()
        pieces, self._pieces, self.size = self._pieces, [], 0
        return pieces

    def _settle(self) -> None:
        if self._rest:
            self._pieces.append(Piece(bytes(self._rest), self._rest_ns))
            self._rest = bytearray()
