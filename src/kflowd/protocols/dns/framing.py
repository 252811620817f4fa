# SPDX-License-Identifier: Apache-2.0
"""DNS over a connection: each message behind its length (RFC 7766 8)."""

import re

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.dns.message import HEADER, decode, plausible, undecodable
from kflowd.protocols.dns.names import EndsError, UnreadableError, skip_name
from kflowd.protocols.framed import FramedSide

PREFIX = 2
QUESTION_BYTES = 5  # at least: the root, type and class
RECORD_BYTES = 11
# what a message may begin with, if it is to be told from other bytes: header, name, type, class
SEARCHED = PREFIX + HEADER.size + 255 + 4
NAMED_CLASSES = frozenset([1, 3, 4, 254, 255])
# Length, identification, flags and counts that begins_at does not refuse at once.
LIKELY = re.compile(
    rb"(?s)(?:\0[\x0c-\xff]|[^\0].)..[\0-\x17\x20-\x37\x80-\x97\xa0-\xb7][\0-\x3f\x80-\xbf]"
    rb"(?:[\0-\x33].)(?:[\0-\x17].){3}"
)
LIKELY_BYTES = PREFIX + HEADER.size
UNICAST = 0x8000  # top bit of a class of multicast DNS


class Side(FramedSide):
    """One direction of a connection.

    Args:
        limits: Of messages.
        joined: It may begin inside a message.
    """

    def __init__(self, direction: Direction, limits: Limits, *, joined: bool) -> None:
        super().__init__()
        self._direction = direction
        self._limits = limits
        self._searching = joined
        self._reason = "PARTIAL"  # why it is searching
        self._skipped = 0  # bytes that searching went over
        self._skipped_ns = 0
        self._notes: list[str] = []  # for the next message

    def _take(self, at: int, messages: list[Message]) -> int:
        if self._searching:
            at = self._search(at, messages)
        return at if self._searching else self._next(at, messages)

    def _next(self, at: int, messages: list[Message]) -> int:
        """Take the message at an offset, and return where the next one is: here, if it is short."""
        have = len(self.kept) - at
        if have < PREFIX:
            return at
        size = self.kept[at] << 8 | self.kept[at + 1]
        if size < HEADER.size:  # no message: others may not follow where it says
            messages.append(self._message(undecodable(), ["MALFORMED"], size))
            self._lose("")
            return min(at + PREFIX + size, len(self.kept))
        if have < PREFIX + min(size, self._limits.message_bytes):
            return at
        messages.append(self._decoded(at, size))
        return at + PREFIX + size

    def gap(self, size: int, ts_ns: int) -> list[Message]:
        """Return what was begun, and find out where the next message is."""
        messages: list[Message] = []
        if self._searching:
            self._skip(len(self.kept), self._ts_ns)
            self._found(messages)
            self._lose("GAP")
        elif self._missing:
            self._pass_by(self._missing, size)
        elif self.kept:
            wanted = self._wanted()
            rest = wanted - len(self.kept)
            messages.append(self._rest("GAP"))
            if len(self.kept) < PREFIX:
                self._lose("GAP")
            else:
                self._pass_by(rest, size)
        else:
            self._lose("GAP")
        if self._searching:
            self._skipped_ns = ts_ns
        self.kept.clear()
        return messages

    def end(self) -> list[Message]:
        """Return what was begun."""
        messages: list[Message] = []
        if self._searching:
            self._skip(len(self.kept), self._ts_ns)
            self._found(messages)
        elif self.kept:
            messages.append(self._rest("UNFINISHED"))
        self.kept.clear()
        return messages

    def _pass_by(self, missing: int, size: int) -> None:
        """Note that `size` bytes are missing where `missing` of a message are still to come."""
        if 0 < size <= missing:
            self._missing = missing - size
        else:
            self._lose("GAP")

    def _lose(self, reason: str) -> None:
        self._searching, self._reason = True, reason
        self._missing = 0

    def _wanted(self) -> int:
        """Return the length of what was begun, with its prefix."""
        if len(self.kept) < PREFIX:
            return len(self.kept)
        return PREFIX + (self.kept[0] << 8 | self.kept[1])

    def _rest(self, reason: str) -> Message:
        """Return the message that was begun, and has no end."""
        wanted = self._wanted()
        data = bytes(self.kept[PREFIX : PREFIX + self._limits.message_bytes])
        members, notes = decode(data, self._limits, whole=False)
        return self._message(members, [*notes, reason], max(wanted - PREFIX, 0))

    def _decoded(self, at: int, size: int) -> Message:
        most = self._limits.message_bytes
        data = bytes(self.kept[at + PREFIX : at + PREFIX + min(size, most)])
        members, notes = decode(data, self._limits, whole=size <= most)
        if size > most and "CUT" not in notes:
            notes.append("CUT")
        return self._message(members, notes, size if notes else 0)

    def _message(self, members: dict[str, object], notes: list[str], length: int) -> Message:
        notes = [*notes, *(note for note in self._notes if note not in notes)]
        self._notes = []
        return Message(self._ts_ns, self._direction, members, notes, length)

    def _search(self, at: int, messages: list[Message]) -> int:
        """Return where the next message may begin; searching ends if it does."""
        while True:
            likely = LIKELY.search(self.kept, at)
            # a beginning may be in the last bytes, and is not known yet
            begin = likely.start() if likely else max(at, len(self.kept) - LIKELY_BYTES + 1)
            self._skip(begin - at, self._ts_ns)
            at = begin
            self._step(at)
            found = begins_at(self.kept, at) if likely else None
            if found is None:  # too little of it has come to know
                return at
            if found:
                self._searching = False
                self._found(messages)
                return at
            self._skip(1, self._ts_ns)
            at += 1

    def _skip(self, count: int, ts_ns: int) -> None:
        if count and not self._skipped:
            self._skipped_ns = ts_ns
        self._skipped += count

    def _found(self, messages: list[Message]) -> None:
        """Tell what was gone over, or else have the next message say what is ahead of it."""
        notes = [self._reason] if self._reason else []
        if not self._skipped:
            self._notes = notes if self._reason == "GAP" else []
        elif self._reason:
            messages.append(
                Message(self._skipped_ns, self._direction, undecodable(), notes, self._skipped)
            )
        self._skipped = 0


def begins_at(data: bytes | bytearray, at: int) -> bool | None:
    """Say whether a message and its length begin at an offset, None if too few bytes have come.

    That is a length in which the counted entries have room, flags that a message has, and, if it
    has a question, a name with a class behind it.
    """
    have = len(data) - at
    size = data[at] << 8 | data[at + 1] if have >= PREFIX else HEADER.size
    if size < HEADER.size:
        return False
    if have < PREFIX + HEADER.size:
        return None
    _, bits, questions, *records = HEADER.unpack_from(data, at + PREFIX)
    room = HEADER.size + questions * QUESTION_BYTES + sum(records) * RECORD_BYTES
    if not plausible(bits) or room > size or not questions + sum(records):
        return False
    return not questions or _asks(bytes(data[at + PREFIX : at + SEARCHED]), size)


def _asks(message: bytes, size: int) -> bool | None:
    """Say the same of a message's first question."""
    end = min(len(message), size)
    try:
        after = skip_name(message, HEADER.size, end)
    except EndsError:
        after = end
    except UnreadableError:
        return False
    if after + 4 > end:
        return None if end < size and len(message) < SEARCHED - PREFIX else False
    group = message[after + 2] << 8 | message[after + 3]
    return group & ~UNICAST in NAMED_CLASSES
