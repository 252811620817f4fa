# SPDX-License-Identifier: Apache-2.0
"""Bytes up to a mark, over as many pieces as it takes, each looked at once."""

import re

LINE_END = re.compile(rb"\n")
BLOCK_END = re.compile(rb"\n\r?\n")
SEAM = 2  # a mark is at most this much longer than one byte


class Gather:
    """Keeps what came of a line or a block until its end comes.

    Args:
        limit: Bytes that are kept at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()

    @property
    def held(self) -> int:
        """Bytes kept."""
        return len(self._kept)

    @property
    def full(self) -> bool:
        """Whether the limit came before the mark."""
        return len(self._kept) >= self._limit

    def drop(self) -> bytes:
        """Return what was kept, and begin anew."""
        kept = bytes(self._kept)
        self._kept = bytearray()
        return kept

    def until(self, mark: re.Pattern[bytes], data: bytes, pos: int) -> tuple[bytes | None, int]:
        """Take bytes up to a mark and with it.

        Returns:
            What was gathered, None: the mark has not come; and the place behind what was taken of
            `data`.
        """
        kept = self._kept
        most = pos + self._limit - len(kept)
        end = 0
        if kept:
            tail = bytes(kept[-SEAM:])
            if found := mark.search(tail + data[pos : min(pos + SEAM, most)]):
                end = pos + found.end() - len(tail)
        if not end:
            if found := mark.search(data, pos, most):
                end = found.end()
            else:
                end = min(most, len(data))
                kept += data[pos:end]
                return None, end
        if not kept:
            return data[pos:end], end
        return self.drop() + data[pos:end], end
