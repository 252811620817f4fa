# SPDX-License-Identifier: Apache-2.0
"""What a sink is."""

from collections.abc import Sequence
from typing import Protocol


class SinkGoneError(Exception):
    """Nobody is there to take texts, and nobody will be: a closed pipe."""


class Sink(Protocol):
    """Takes texts to where they go. Used by one thread, after it was made by another."""

    def write(self, texts: Sequence[bytes], offset: int, /) -> tuple[int, int]:
        """Write what can be written without waiting.

        Args:
            texts: In order, at least one.
            offset: Bytes of the first, as it is framed, that were written before.

        Returns:
            How many texts are written whole, and how many bytes of the next one are.

        Raises:
            SinkGoneError: Nobody takes texts any more.
            OSError: The destination refuses them now and may take them later.
        """

    def fileno(self) -> int:
        """Return the descriptor to poll for writing when nothing could be written."""

    def close(self) -> None:
        """Free what the sink holds."""
