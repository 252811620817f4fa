# SPDX-License-Identifier: Apache-2.0
"""Bytes as they come, cut into the texts of records."""

# longer than any record: thousands of arguments and ancestors are cut before
MOST_BYTES = 1 << 20
LINE, SEPARATOR = b"\n", b"\x1e"


class Splitter:
    """Cuts a stream at line ends and record separators (0x1E), which JSON has escaped in texts.

    What is longer than any record is dropped up to its end: it is no record.

    Attributes:
        too_long: How many were dropped.
    """

    def __init__(self) -> None:
        self.too_long = 0
        self._rest = b""
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the texts that are whole with these bytes, without empty ones."""
        *whole, rest = (self._rest + data).replace(SEPARATOR, LINE).split(LINE)
        if self._dropping and whole:
            del whole[0]
            self._dropping = False
        if self._dropping:
            rest = b""
        elif len(rest) > MOST_BYTES:
            self.too_long += 1
            self._dropping, rest = True, b""
        self._rest = rest
        return [text for text in whole if text and not text.isspace()]

    def end(self) -> list[bytes]:
        """Return the last text, which nothing has ended."""
        rest, self._rest = self._rest, b""
        return [rest] if rest and not rest.isspace() and not self._dropping else []
