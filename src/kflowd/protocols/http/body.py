# SPDX-License-Identifier: Apache-2.0
"""The first bytes of a body, and whether they are text."""

import re
import zlib
from codecs import utf_8_decode

# Never text, whatever their bytes look like; an image in SVG is.
BINARY_TYPES = ("audio/", "font/", "image/", "video/")
TEXT_TYPE = re.compile(
    r"text/|[a-z]+/(?:[\w.-]+\+)?(?:json|xml)\b|application/(?:x-)?(?:javascript|ecmascript|ndjson"
    r"|www-form-urlencoded|yaml|toml|graphql|sql|sh)\b",
    re.ASCII,
)
ONE_BYTE = re.compile(r"charset\s*=\s*\"?(?:iso-8859-1|latin1|windows-1252)\b", re.ASCII)
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
AUTOMATIC = zlib.MAX_WBITS | 32  # gzip or zlib, as its head says
LINE_ENDS = "\r\n"


class Body:
    """What is kept of a body.

    Args:
        limit: Bytes that are kept, and bytes that are shown.

    Attributes:
        size: Bytes that it has, framing removed.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._kept = bytearray()
        self._open = True

    @property
    def held(self) -> int:
        """Bytes kept."""
        return len(self._kept)

    def add(self, data: bytes, pos: int, end: int) -> None:
        """Add a part of `data`."""
        self.size += end - pos
        room = self._limit - len(self._kept)
        if room > 0 and self._open:
            self._kept += data[pos : min(end, pos + room)]

    def stop(self, missing: int = 0) -> None:
        """Keep nothing that comes from here on: what is missing would be joined over."""
        self.size += missing
        self._open = False

    def shown(self, content_type: str, coding: str) -> tuple[str, bool]:
        """Return the text to show, and whether that is all of the body.

        Args:
            content_type: Value of Content-Type, "": there is none.
            coding: Value of Content-Encoding, "": there is none.
        """
        data, whole = bytes(self._kept), len(self._kept) == self.size
        if not data:
            return "", whole
        if coding and coding.lower() != "identity":
            if coding.lower() not in PACKED:
                return "", False
            data, ended = unpacked(data, self._limit)
            whole = whole and ended
        text = text_of(data, content_type.lower(), whole=whole)
        if text is None:
            return "", False
        # as the contract's sample has it
        return text.rstrip(LINE_ENDS), whole


def unpacked(data: bytes, limit: int) -> tuple[bytes, bool]:
    """Return at most `limit` bytes of what is packed by gzip or deflate, and whether those are
    all of what is given.

    Some servers send deflate without the head of zlib.
    """
    for bits in (AUTOMATIC, -zlib.MAX_WBITS):
        unpacker = zlib.decompressobj(bits)
        try:
            text = unpacker.decompress(data, limit)
        except zlib.error:
            continue
        return text, unpacker.eof or len(text) < limit
    return b"", False


def text_of(data: bytes, content_type: str, *, whole: bool) -> str | None:
    """Return bytes as text, None: they are none, by their type or by themselves.

    Args:
        data: First bytes of the body.
        content_type: In lower case.
        whole: There are no more bytes; else an incomplete last letter is left out.
    """
    if content_type.startswith(BINARY_TYPES) and not TEXT_TYPE.match(content_type):
        return None
    if CONTROL.search(data):
        return None
    if ONE_BYTE.search(content_type):
        return data.decode("cp1252", errors="replace")
    try:
        return utf_8_decode(data, "strict", whole)[0]
    except UnicodeDecodeError:
        if TEXT_TYPE.match(content_type):
            return utf_8_decode(data, "replace", whole)[0]
        return None
