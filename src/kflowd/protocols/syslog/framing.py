# SPDX-License-Identifier: Apache-2.0
"""Syslog over a connection: counted, or ended by a line feed or a zero byte (RFC 6587 3.4).

Both may be mixed in one stream: what begins with a count and a message is counted.
"""

import re

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.framed import FramedSide
from kflowd.protocols.syslog.members import undecodable
from kflowd.protocols.syslog.message import decode

# A count, a blank, and the priority that a message begins with.
COUNTED = re.compile(rb"([1-9][0-9]{0,6}) <")
# What may become that, when more bytes come.
MAY_BE_COUNTED = re.compile(rb"[1-9][0-9]{0,6}(?: |\Z)\Z")
END = re.compile(rb"[\n\0]")
BLANK = re.compile(rb"[\r\n\0]*+")
# A beginning inside a stream: after an end, or a count and a priority that there is.
BEGINNING = re.compile(
    rb"[\n\0]|(?<![0-9])(?=[1-9][0-9]{0,6} <(?:1[0-8][0-9]|19[01]|[1-9]?[0-9])>)"
)
PRIORITY = re.compile(rb"(?:[1-9][0-9]{0,6} )?<(?:1[0-8][0-9]|19[01]|[1-9]?[0-9])>")
LONGEST = 14  # of a count, a blank, a priority


class Side(FramedSide):
    """One direction of a connection.

    Args:
        limits: Of messages.
        joined: It may begin inside a message.
        local: It is for this host's /dev/log.
    """

    def __init__(self, direction: Direction, limits: Limits, *, joined: bool, local: bool) -> None:
        super().__init__()
        self._direction = direction
        self._limits = limits
        self._local = local
        self._scanned = 0  # bytes of what is kept that have no end in them
        self._passed = 0  # bytes of a line beyond the limit, which are not kept
        self._reason = "PARTIAL" if joined else ""  # why a beginning is looked for
        self._first = joined  # and no byte has come yet
        self._notes: list[str] = []  # for the next message

    def _take(self, at: int, messages: list[Message]) -> int:
        if self._reason:
            at = self._begin(at, messages)
            self._step(at)
        return at if self._reason else self._next(at, messages)

    def gap(self, size: int, ts_ns: int) -> list[Message]:
        """Return what was begun, and find out where the next message is."""
        messages: list[Message] = []
        missing = self._missing
        if self._reason:
            self._remainder(messages, len(self.kept))
        elif self.kept:
            counted = COUNTED.match(self.kept)
            if counted:
                missing = counted.end() - 1 + int(counted[1]) - len(self.kept)
            messages.append(self._rest("GAP"))
        self.kept.clear()
        self._scanned = self._passed = 0
        inside = 0 < size <= missing
        self._missing = missing - size if inside else 0
        self._reason = "" if inside else "GAP"
        self._first = not inside
        self._ts_ns = ts_ns
        return messages

    def end(self) -> list[Message]:
        """Return what was begun: a last line may have no end."""
        messages: list[Message] = []
        if self._reason:
            self._remainder(messages, len(self.kept))
        elif self.kept:
            messages.append(self._rest("UNFINISHED"))
        self.kept.clear()
        return messages

    def _next(self, at: int, messages: list[Message]) -> int:
        """Take the message at an offset, and return where the next one is: here, if it is short."""
        blank = BLANK.match(self.kept, at)
        if blank and blank.end() > at:
            return blank.end()
        counted = COUNTED.match(self.kept, at)
        if counted:
            return self._counted(counted, messages)
        if MAY_BE_COUNTED.match(self.kept, at):
            return at
        return self._line(at, messages)

    def _counted(self, counted: re.Match[bytes], messages: list[Message]) -> int:
        begin, size = counted.end() - 1, int(counted[1])
        most = self._limits.message_bytes
        if len(self.kept) - begin < min(size, most):
            return counted.start()
        messages.append(self._message(bytes(self.kept[begin : begin + min(size, most)]), size))
        return begin + size

    def _line(self, at: int, messages: list[Message]) -> int:
        """Take a line; of one beyond the limit its first bytes are kept until it ends."""
        most = self._limits.message_bytes
        ended = END.search(self.kept, at + self._scanned)
        stop = ended.start() if ended else len(self.kept)
        size = stop - at + self._passed
        if not ended:
            if stop - at > most:
                self._passed += stop - at - most
                del self.kept[at + most :]
            self._scanned = len(self.kept) - at
            return at
        raw = bytes(self.kept[at : min(stop, at + most)])
        self._scanned = self._passed = 0
        messages.append(self._message(raw, size))
        return stop + 1

    def _begin(self, at: int, messages: list[Message]) -> int:
        """Look for the next beginning, and return where it is: here, if none has come."""
        if self._first:
            if PRIORITY.match(self.kept, at):
                return self._found(at, 0, messages)
            if len(self.kept) - at < LONGEST and not END.search(self.kept, at):
                return at
        self._first = False
        found = BEGINNING.search(self.kept, max(at, at + self._scanned - LONGEST))
        if not found:
            # of a long remainder the first bytes are kept, and the last, in which a count may be
            most = self._limits.message_bytes
            extra = len(self.kept) - at - most
            if extra > 0:
                tail = at + most - LONGEST
                self._passed += extra
                del self.kept[tail : tail + extra]
            self._scanned = len(self.kept) - at
            return at
        return self._found(found.end(), found.start() - at, messages)

    def _found(self, at: int, skipped: int, messages: list[Message]) -> int:
        self._remainder(messages, skipped)
        self._notes = [self._reason] if not skipped and self._reason == "GAP" else []
        self._reason, self._first, self._scanned = "", False, 0
        return at

    def _remainder(self, messages: list[Message], size: int) -> None:
        """Tell what is ahead of a beginning: the end of a message that was not seen whole."""
        raw = bytes(self.kept[:size])
        if not raw:
            return
        members, cut = undecodable(raw, self._limits)
        cut = cut or self._passed > 0
        length = size + self._passed if cut else 0
        self._passed = 0
        notes = [self._reason, "CUT"] if cut else [self._reason]
        messages.append(Message(self._ts_ns, self._direction, members, notes, length))

    def _rest(self, reason: str) -> Message:
        """Return the message that was begun, and has no end."""
        counted = COUNTED.match(self.kept)
        begin = counted.end() - 1 if counted else 0
        raw = bytes(self.kept[begin:])
        message = self._message(raw, len(raw) + self._passed)
        self._scanned = self._passed = 0
        if reason not in message.notes:
            message.notes.append(reason)
        if counted:
            message.length = int(counted[1])
        return message

    def _message(self, raw: bytes, size: int) -> Message:
        members, notes = decode(raw, self._limits, local=self._local)
        if len(raw) < size and "CUT" not in notes:
            notes.append("CUT")
        length = size if "CUT" in notes else 0
        notes += [note for note in self._notes if note not in notes]
        self._notes = []
        return Message(self._ts_ns, self._direction, members, notes, length)
