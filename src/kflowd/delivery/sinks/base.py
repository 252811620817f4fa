# SPDX-License-Identifier: Apache-2.0
"""What a sink is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol


class SinkGoneError(Exception):
    """Nobody is there to take texts, and nobody will be: a closed pipe."""


class RefusedError(Exception):
    """The destination refuses a text, or some together, and has taken those before.

    Attributes:
        written: How many it has taken.
        error: Why.
        forever: Whether it would not take this text later either.
        number: How many it refuses.
    """

    def __init__(self, written: int, error: OSError, *, forever: bool, number: int = 1) -> None:
        super().__init__(written, error, forever, number)
        self.number = number
        self.written = written
        self.error = error
        self.forever = forever


class Sink(Protocol):
    """Takes texts to where they go. Used by one thread, after it was made by another.

    Attributes:
        REOPENS: Whether it begins anew, at its path or address, with what is written after `close`.
    """

    REOPENS: ClassVar[bool]

    def write(self, texts: Sequence[bytes], offset: int, /) -> tuple[int, int]:
        """Write what can be written without waiting.

        Args:
            texts: In order, at least one.
            offset: Bytes of the first, as it is framed, that were written before.

        Returns:
            How many texts are written whole, and how many bytes of the next one are.

        Raises:
            SinkGoneError: Nobody takes texts any more.
            RefusedError: It has taken some, or never takes one.
            OSError: The destination refuses them now and may take them later.
        """

    def fileno(self) -> int:
        """Return the descriptor to poll for writing when nothing could be written."""

    def close(self) -> None:
        """Free what the sink holds."""


class Wait(NamedTuple):
    """What a sink waits for.

    Attributes:
        descriptor: To poll, None: for the time alone.
        events: Of poll.
        most_ns: Not longer than this; None: as long as it takes.
    """

    descriptor: int | None
    events: int
    most_ns: int | None


class BatchingSink(ABC):
    """A `Sink` that sends many texts together and waits for an answer.

    Attributes:
        batch_bytes: What it sends at once, at most.
        held: How many of the texts it was offered are under way.
    """

    REOPENS: ClassVar[bool] = True
    batch_bytes: int
    held: int

    @abstractmethod
    def write(self, texts: Sequence[bytes], offset: int, /) -> tuple[int, int]:
        """As of `Sink`; what was taken is answered for."""

    @abstractmethod
    def waits(self) -> Wait:
        """Return what for, when `write` has taken nothing."""

    @abstractmethod
    def hurry(self) -> None:
        """Wait no more for texts to come, nor to ask again: this is the end."""

    @abstractmethod
    def fileno(self) -> int:
        """As of `Sink`."""

    @abstractmethod
    def close(self) -> None:
        """As of `Sink`."""
