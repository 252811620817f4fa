# SPDX-License-Identifier: Apache-2.0
"""Who is left out as kflowd itself is: the processes of its plugins, and the consumer."""

import threading
from collections.abc import Callable, Iterable

from kflowd.downstream.finding import Identity


class LeftOut:
    """Joins both, as programs have one table of them. For any thread.

    Args:
        leave_out: Takes all who are left out, in place of those before.
    """

    def __init__(self, leave_out: Callable[[Iterable[Identity]], None]) -> None:
        self._leave_out = leave_out
        self._lock = threading.Lock()
        self._plugins: list[Identity] = []
        self._consumer: list[Identity] = []

    def plugins(self, found: Iterable[Identity]) -> None:
        """Take the processes of plugins; they come first where there is no room for all."""
        with self._lock:
            self._plugins = list(found)
            self._leave_out([*self._plugins, *self._consumer])

    def consumer(self, found: Iterable[Identity]) -> None:
        """Take who reads the output."""
        with self._lock:
            self._consumer = list(found)
            self._leave_out([*self._plugins, *self._consumer])
