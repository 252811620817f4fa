# SPDX-License-Identifier: Apache-2.0
"""Stage 6, sinks: finished texts leave the program."""

from collections.abc import Iterable
from typing import Protocol


class Sink(Protocol):
    """A destination of records."""

    def write(self, texts: Iterable[bytes]) -> bool:
        """Write records; False if the destination is gone and will take no more."""
