# SPDX-License-Identifier: Apache-2.0
"""Looks for the consumer again and again, in a thread: a host can have very many processes.

A pass takes a hundredth of one core at most, however many there are: the pause behind it is as long
as that needs.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from kflowd.closeable import Closeable
from kflowd.downstream.finding import Identity, Process

# A pipeline that is being made is whole then; later somebody comes seldom.
FIRST_PAUSE_S = 0.5
PAUSE_S = 3.0
# By so much a pause is longer than the pass before it.
IDLE_TIMES = 100
BREATH_S = 0.001
# How long a start waits for the first pass, and an end for the last.
PATIENCE_S = 1.0
# A loop that starts programs with its own standard input has another consumer each time.
TOLD_MOST = 32

Found = Sequence[Process]


class Stopped(Exception):  # noqa: N818 - no error: how a pass ends at once
    """Nobody wants to know any more."""


class Watch(Closeable):
    """Who is the consumer, from now on until the end. A context manager that begins on entry.

    Args:
        find: Returns the consumer; calls its argument again and again.
        changed: Is given the whole consumer when it has changed, in the thread.
        tell: Is given those who are new in it, the first 32 of a run.
        pauses_s: Before the second pass, and before each later one.
    """

    def __init__(
        self,
        find: Callable[[Callable[[], None]], Found],
        changed: Callable[[Found], None],
        tell: Callable[[Found], None] = lambda _new: None,
        pauses_s: tuple[float, float] = (FIRST_PAUSE_S, PAUSE_S),
    ) -> None:
        self._find = find
        self._changed = changed
        self._tell = tell
        self._pauses_s = pauses_s
        self._found: set[Identity] = set()
        self._told: set[Identity] = set()
        self._first = threading.Event()
        self._stop = threading.Event()
        self._handing = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="downstream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._first.wait(PATIENCE_S)
        return self

    def close(self) -> None:
        """End it. `changed` is not called any more, even if the thread hangs."""
        with self._handing:
            self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_S)

    def _watch(self) -> None:
        first_s, later_s = self._pauses_s
        pause_s = first_s
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                self._take(self._find(self._breathe))
                self._first.set()
                took = time.monotonic() - began
                self._stop.wait(max(pause_s, IDLE_TIMES * took))
                pause_s = later_s
        except Stopped:
            pass
        finally:
            self._first.set()

    def _breathe(self) -> None:
        if self._stop.wait(BREATH_S):
            raise Stopped

    def _take(self, found: Found) -> None:
        with self._handing:
            identities = {it.identity for it in found}
            if self._stop.is_set() or identities == self._found:
                return
            self._found = identities
            self._changed(found)
            new = [it for it in found if it.identity not in self._told]
            if new := new[: TOLD_MOST - len(self._told)]:
                self._told |= {it.identity for it in new}
                self._tell(new)
