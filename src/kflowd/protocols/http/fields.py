# SPDX-License-Identifier: Apache-2.0
"""Headers and trailers: RFC 9112 section 5, and what others send in their place."""

import re
from collections.abc import Iterable

from kflowd.protocols.base import Limits
from kflowd.protocols.http import words

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# in header lines with their ends; a carriage return that ends no line is one, too
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
# What says how long a message is is read even where there are too many headers to show.
FRAMING = frozenset({
    "connection", "content-encoding", "content-length", "content-type", "transfer-encoding",
    "upgrade",
})  # fmt: skip


def clip(text: str, limit: int) -> str:
    """Return at most `limit` bytes of a text, whole letters of it."""
    if len(text) * 4 <= limit or (text.isascii() and len(text) <= limit):
        return text
    return text.encode(errors="replace")[:limit].decode(errors="ignore")


class Fields:
    """The headers of one message as they are shown: spelling and order kept, repeated ones joined.

    A name that begins with an underscore is shown with a colon ahead of it, and so is an empty one:
    members of the message itself begin with an underscore, and no header's name has a colon.

    Attributes:
        shown: Values by name, in order.
        complaints: Each once.
        cut: Something of it is not shown.
    """

    def __init__(self, limits: Limits) -> None:
        self.shown: dict[str, str] = {}
        self.complaints: list[str] = []
        self.cut = False
        self._limits = limits
        self._names: dict[str, str] = {}
        # the header that a folded line goes on with; None: it is not shown
        self._last: str | None = ""

    def get(self, name: str) -> str:
        """Return the value of a name in lower case, "": there is none."""
        return self.shown.get(self._names.get(name, ""), "")

    def has(self, name: str) -> bool:
        """Say whether there is a header of a name in lower case."""
        return name in self._names

    def complain(self, complaint: str) -> None:
        """Add a complaint."""
        if complaint not in self.complaints:
            self.complaints.append(complaint)

    def add(self, lines: Iterable[str]) -> None:
        """Add header lines, without their line feed."""
        names, shown = self._names, self.shown
        items, short = self._limits.items, self._limits.text_bytes >> 2
        for line in lines:
            name, _, value = line.partition(":")
            if len(name) == len(line) or not TOKEN.fullmatch(name):
                self._odd(line)
                continue
            key = name.lower()
            value = value.strip(" \t\r")
            # what nearly all headers are, without a call for each
            usual = key not in names and len(line) <= short and len(shown) < items
            if usual and name[0] != "_" and name not in shown:
                names[key] = self._last = name
                shown[name] = value
            else:
                self.put(name, value)

    def _odd(self, line: str) -> None:
        """Add a line that is no header by the letter."""
        name, colon, value = line.partition(":")
        if line[:1] in {" ", "\t"} and self._last != "":
            self.complain(words.FOLDED)
            if self._last:
                self._append(self._last, " " if self.shown[self._last] else "", line.strip(" \t\r"))
        elif not colon:
            self.complain(words.NO_COLON)
            self.put("", line.strip(" \t\r"))
        else:
            bare = name.strip(" \t\r")
            token = TOKEN.fullmatch(bare) and name.startswith(bare)
            self.complain(words.SPACE_BEFORE_COLON if token else words.BAD_NAME)
            self.put(bare, value.strip(" \t\r"))

    def put(self, name: str, value: str, *, pseudo: bool = False) -> None:
        """Add a header.

        Args:
            name: As it was sent.
            value: Without the white space around it.
            pseudo: It is one of HTTP/2 whose name begins with a colon by right.
        """
        key = name.lower()
        known = self._names.get(key)
        if known is None:
            if len(self.shown) >= self._limits.items and key not in FRAMING:
                self.cut = True
                self._last = None
                return
            known = self._clipped(name if pseudo or (name and name[0] not in "_:") else f":{name}")
            self._names[key] = known
        if known in self.shown:
            self._append(known, ", ", value)
        else:
            self.shown[known] = self._clipped(value)
        self._last = known

    def _append(self, name: str, between: str, value: str) -> None:
        before = self.shown[name]
        # once it is full nothing is joined any more: a hundred thousand lines cost as much each
        if len(before) >= self._limits.text_bytes:
            self.cut = True
        else:
            self.shown[name] = self._clipped(before + between + value)

    def _clipped(self, text: str) -> str:
        clipped = clip(text, self._limits.text_bytes)
        self.cut = self.cut or len(clipped) < len(text)
        return clipped
