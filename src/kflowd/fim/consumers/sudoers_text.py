# SPDX-License-Identifier: Apache-2.0
"""Statements of sudoers(5): lines joined, comments gone, lists parted. All of it is linear."""

import re
from collections.abc import Iterator

QUOTED = rb"\"(?:[^\"\\\n]++|\\.)*+\""
# "#1000" and "#-1" are users; any other "#" begins a comment, at whose end nothing is joined
_PIECE = re.compile(
    rb"(?P<join>\\\r?\n)|(?P<comment>#(?!-?[0-9])[^\n]*)|(?P<end>\n)"
    rb"|" + QUOTED + rb"|\\.|[^\"\\#\n]++|.",
    re.DOTALL,
)
_INCLUDE = re.compile(rb"#include(?:dir)?[ \t]+\S")
_BLANKS = re.compile(rb"(" + QUOTED + rb"|\\.)|[ \t\r]+", re.DOTALL)


def statements(content: bytes) -> Iterator[bytes]:
    """Yield each statement in one line, with single blanks.

    `#include` and `#includedir`, which are no comments, are told by their "@".
    """
    parts: list[bytes] = []
    for found in _PIECE.finditer(content + b"\n"):
        match found.lastgroup:
            case "join":
                parts.append(b" ")
            case "comment":
                if _INCLUDE.match(found[0]) and not b"".join(parts).strip():
                    parts = [b"@", found[0][1:]]
            case "end":
                if line := single_blanks(b"".join(parts)):
                    yield line
                parts = []
            case _:
                parts.append(found[0])


def single_blanks(text: bytes) -> bytes:
    """Return a text with one blank for several, quotes and backslashes left alone."""
    return _BLANKS.sub(lambda found: found[1] or b" ", text).strip(b" ")


def split_at(text: bytes, apart: bytes) -> list[bytes]:
    """Return what a letter parts, where it is neither quoted nor behind a backslash.

    Args:
        text: A list.
        apart: The letter.
    """
    found: list[bytes] = []
    parts: list[bytes] = []
    for piece in _SPLIT[apart].findall(text):
        if piece == apart:
            found.append(b"".join(parts).strip(b" "))
            parts = []
        else:
            parts.append(piece)
    found.append(b"".join(parts).strip(b" "))
    return found


_SPLIT = {
    apart: re.compile(QUOTED + rb"|\\.|[^\"\\" + apart + rb"]++|.", re.DOTALL)
    for apart in (b",", b":", b"=")
}
