# SPDX-License-Identifier: Apache-2.0
"""An application for tests of what is around a decoder: each line is a message."""

from kflowd.protocols import Direction, Message


class Lines:
    """A line ends in a newline; "boom" is more than this decoder can take.

    One that begins with "." needs no newline where its stream ends.
    """

    name = "LINE"
    key = "Line"

    def __init__(self, *, stamped: bool = True) -> None:
        self.stamped = stamped

    def datagram(
        self, direction: Direction, payload: bytes, size: int, ts_ns: int
    ) -> list[Message]:
        notes = ["CUT"] if len(payload) < size else []
        length = size if notes else 0
        return [Message(ts_ns, direction, {"Text": text(payload)}, notes, length)]

    def conversation(self, *, joined: bool) -> "LineConversation":
        return LineConversation(joined=joined)


class LineConversation:
    """Bytes of each direction that no newline has ended."""

    def __init__(self, *, joined: bool) -> None:
        self.rest = [b"", b""]
        self.since = [0, 0]
        self.notes = [["PARTIAL"], ["PARTIAL"]] if joined else [[], []]
        self.ends = [0, 0]

    @property
    def held(self) -> int:
        return len(self.rest[0]) + len(self.rest[1])

    def feed(self, direction: Direction, data: bytes, ts_ns: int) -> list[Message]:
        messages = []
        for part in data.splitlines(keepends=True):
            if not self.rest[direction]:
                self.since[direction] = ts_ns
            self.rest[direction] += part
            if part.endswith(b"\n"):
                messages += self._line(direction)
        return messages

    def gap(self, direction: Direction, size: int, ts_ns: int) -> list[Message]:
        assert size >= 0
        assert ts_ns > 0
        lost = self._line(direction)
        self.notes[direction] = ["GAP"]
        return lost

    def end(self, direction: Direction) -> list[Message]:
        self.ends[direction] += 1
        assert self.ends[direction] == 1, "called once at most"
        messages = self._line(direction)
        for message in messages:
            if not message.members["Text"].startswith("."):
                message.notes.append("UNFINISHED")
        return messages

    def _line(self, direction: Direction) -> list[Message]:
        line, self.rest[direction] = self.rest[direction], b""
        notes, self.notes[direction] = self.notes[direction], []
        if not line:
            return []
        return [Message(self.since[direction], direction, {"Text": text(line)}, notes)]


def text(line: bytes) -> str:
    if line == b"boom\n":
        raise ZeroDivisionError("boom")
    return line.decode().rstrip("\n")
