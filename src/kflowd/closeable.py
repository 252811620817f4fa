# SPDX-License-Identifier: Apache-2.0
"""What holds something of the system until it is closed."""

from abc import ABC, abstractmethod
from typing import Self


class Closeable(ABC):
    """A context manager that closes itself at the end of the block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Give back what is held. A second call does nothing."""
