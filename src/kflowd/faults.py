# SPDX-License-Identifier: Apache-2.0
"""Internal errors that a run survives: counted, and the first one kept for its end.

A mistake in a stage, or a lack of memory, costs the record that met it and not the run.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_Value = TypeVar("_Value")


class Faults:
    """What went wrong in the stages of a run.

    Attributes:
        first: The first error.
        records: Records that an error cost.
        names: Records that an error left without some of their names.
    """

    def __init__(self) -> None:
        self.first: Exception | None = None
        self.records = 0
        self.names = 0

    def survive(self, work: Callable[[Iterator[_Value]], None], values: Iterable[_Value]) -> None:
        """Have all values worked on: one that fails is counted as a record, and the rest goes on.

        Args:
            work: Works on each of an iterator.
            values: What it works on.
        """
        rest = iter(values)
        while True:
            try:
                work(rest)
            except Exception as error:  # noqa: BLE001 - it costs one value; the run goes on
                self.record(error)
            else:
                return

    def record(self, error: Exception) -> None:
        """Count a record that is lost."""
        self.records += 1
        self._keep(error)

    def name(self, error: Exception) -> None:
        """Count a record that goes out with fewer names."""
        self.names += 1
        self._keep(error)

    def _keep(self, error: Exception) -> None:
        if self.first is None:
            self.first = error
