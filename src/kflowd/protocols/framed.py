# SPDX-License-Identifier: Apache-2.0
"""Connections whose directions know nothing of each other: messages in frames, in a row."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from kflowd.protocols.base import Conversation, Direction, Message


class FramedSide(ABC):
    """One direction: keeps what is no whole message yet, and knows when it came.

    Attributes:
        kept: The bytes of it.
    """

    def __init__(self) -> None:
        self.kept = bytearray()
        self._ts_ns = 0  # of the first byte that is kept
        self._fresh = 0  # where in what is kept the newest bytes begin
        self._now_ns = 0  # theirs
        self._missing = 0  # bytes of a message that is told already, still to come

    def feed(self, data: bytes, ts_ns: int) -> list[Message]:
        """Return the messages that the next bytes complete."""
        if self._missing:
            missed = min(self._missing, len(data))
            self._missing -= missed
            data = data[missed:]
        if not data:
            return []
        self._fresh, self._now_ns = len(self.kept), ts_ns
        self._step(0)
        self.kept += data
        messages: list[Message] = []
        at, after = -1, 0
        while at < after < len(self.kept):
            at = after
            after = self._take(at, messages)
            self._step(after)
        self._missing = max(after - len(self.kept), 0)
        del self.kept[:after]
        return messages

    @abstractmethod
    def _take(self, at: int, messages: list[Message]) -> int:
        """Take what is at an offset of `kept`; return how far that goes.

        The offset itself: more bytes have to come. Beyond the end: those to come are part of a
        message that is told.
        """

    @abstractmethod
    def gap(self, size: int, ts_ns: int) -> list[Message]:
        """Return what was begun, and find out where the next message is."""

    @abstractmethod
    def end(self) -> list[Message]:
        """Return what was begun."""

    def _step(self, at: int) -> None:
        """Note that what is ahead of an offset is done with."""
        if at >= self._fresh:
            self._ts_ns = self._now_ns


class FramedConversation(Conversation):
    """A connection of two such sides.

    Args:
        side: Makes the one of a direction.
    """

    def __init__(self, side: Callable[[Direction], FramedSide]) -> None:
        self._sides = [side(direction) for direction in Direction]

    @property
    def held(self) -> int:
        """Bytes kept for messages that are not complete."""
        return sum(len(side.kept) for side in self._sides)

    def feed(self, direction: Direction, data: bytes, ts_ns: int) -> list[Message]:
        """Return the messages that the next bytes of a direction complete."""
        return self._sides[direction].feed(data, ts_ns)

    def gap(self, direction: Direction, size: int, ts_ns: int) -> list[Message]:
        """Return the message that bytes are missing of, and look for the next one."""
        return self._sides[direction].gap(size, ts_ns)

    def end(self, direction: Direction) -> list[Message]:
        """Return the message that a direction ended in."""
        return self._sides[direction].end()
