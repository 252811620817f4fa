# SPDX-License-Identifier: Apache-2.0
"""The next plausible start of a message in bytes of which nobody knows where messages begin."""

import re

from kflowd.protocols.http.gather import LINE_END, Gather
from kflowd.protocols.http.startline import BEGINS


class Search:
    """Looks at each byte once.

    Args:
        limit: Bytes of a line that are kept until its end comes.

    Attributes:
        since_ns: When the line came that is looked at.
    """

    def __init__(self, limit: int) -> None:
        self.since_ns = 0
        self._gather = Gather(limit)

    @property
    def held(self) -> int:
        """Bytes kept of a line that is not complete."""
        return self._gather.held

    def drop(self) -> bytes:
        """Return what is kept, and begin anew."""
        return self._gather.drop()

    def feed(
        self, wanted: re.Pattern[bytes], data: bytes, pos: int, ts_ns: int
    ) -> tuple[bytes, bytes | None, int]:
        """Look at the next bytes.

        Args:
            wanted: One of startline: ANSWER, REQUEST, EITHER.
            data: The bytes.
            pos: Where to begin there.
            ts_ns: When they came.

        Returns:
            Bytes ahead of the start, as far as is known; the first line of a message, None: not
            found yet; and the place behind what was taken.
        """
        skipped = b""
        if self._gather.held:
            if pos or not BEGINS.match(data):
                return self._joined(wanted, data, pos)
            skipped = self._gather.drop()
        self.since_ns = ts_ns
        if found := wanted.search(data, pos):
            start = found.start()
            if newline := data.find(b"\n", start) + 1:
                return skipped + data[pos:start], data[start:newline], newline
        else:
            start = data.rfind(b"\n", pos) + 1 or pos
        _, end = self._gather.until(LINE_END, data, start)
        return skipped + data[pos:start], None, end

    def _joined(
        self, wanted: re.Pattern[bytes], data: bytes, pos: int
    ) -> tuple[bytes, bytes | None, int]:
        line, end = self._gather.until(LINE_END, data, pos)
        if line is None:
            return (self._gather.drop() if self._gather.full else b""), None, end
        if found := wanted.search(line):
            return line[: found.start()], line[found.start() :], end
        return line, None, end
