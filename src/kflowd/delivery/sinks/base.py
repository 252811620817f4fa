# SPDX-License-Identifier: Apache-2.0
"""What a sink is."""

from collections.abc import Sequence
from typing import ClassVar, Protocol


class SinkGoneError(Exception):
    """Nobody is there to take texts, and nobody will be: a closed pipe."""


class RefusedError(Exception):
    """The destination refuses a text, and has taken those before it.

    Attributes:
        written: How many it has taken.
        error: Why.
        forever: Whether it would not take this text later either.
    """

    def __init__(self, written: int, error: OSError, *, forever: bool) -> None:
        super().__init__(written, error, forever)
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
