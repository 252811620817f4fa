# SPDX-License-Identifier: Apache-2.0
"""A message that is being read."""

from typing import Any

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.http import words
from kflowd.protocols.http.body import Body
from kflowd.protocols.http.fields import CONTROL, Fields, clip
from kflowd.protocols.http.startline import StartLine, text_of


class Draft:
    """One message until its end is known.

    Args:
        direction: Whose it is.
        ts_ns: Of its first byte.
        limits: Of what is shown.

    Attributes:
        body: What is kept of its body.
        fields: Its headers and trailers.
        hidden: Something of it is not shown, because it could not be read.
        length: Bytes on the wire until now.
        notes: Words of NOTES, each once.
    """

    def __init__(self, direction: Direction, ts_ns: int, limits: Limits) -> None:
        self.body = Body(limits.body_bytes)
        self.fields = Fields(limits)
        self.hidden = False
        self.length = 0
        self.notes: list[str] = []
        self._direction = direction
        self._ts_ns = ts_ns
        self._limits = limits
        self._start: dict[str, Any] = {}
        self._content = ("", "")
        self._head_bytes = 0

    @property
    def held(self) -> int:
        """Bytes of what is kept of it."""
        return self._head_bytes + self.body.held

    def begin(self, line: StartLine) -> None:
        """Take the first line."""
        for name, value in line.members.items():
            if isinstance(value, str):
                clipped = clip(value, self._limits.text_bytes)
                self.fields.cut = self.fields.cut or len(clipped) < len(value)
                self._start[name] = clipped
            else:
                self._start[name] = value
        for complaint in line.complaints:
            self.fields.complain(complaint)

    def head(self, block: bytes) -> None:
        """Take the header lines, with their line ends."""
        fields = self.fields
        self._head_bytes = len(block)
        lines = text_of(block).split("\n")
        while lines and lines[-1] in {"", "\r"}:
            lines.pop()
        fields.add(lines)
        if CONTROL.search(block):
            fields.complain(words.BAD_VALUE)
        self.typed()

    def typed(self) -> None:
        """Note that the headers are complete: they say how the body is read."""
        fields = self.fields
        self._content = fields.get("content-type"), fields.get("content-encoding")

    def note(self, word: str) -> None:
        """Add a note."""
        if word not in self.notes:
            self.notes.append(word)

    def message(self) -> Message:
        """Return the message as far as it came."""
        text, whole = self.body.shown(*self._content)
        if self.fields.cut or (text and not whole and "GAP" not in self.notes):
            self.note("CUT")
        members = self._start | self.fields.shown
        if text:
            members["_Body"] = text
        complaints, nothing = self.fields.complaints, not members
        if complaints or nothing:
            members["_Exception"] = "; ".join(complaints) or words.UNREADABLE
        # what is not there is no fault of its sender
        if complaints or (nothing and not self.notes):
            self.note("MALFORMED")
        hidden = self.hidden or self.fields.cut or not whole or nothing
        length = self.length if hidden else 0
        return Message(self._ts_ns, self._direction, members, self.notes, length)
