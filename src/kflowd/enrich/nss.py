# SPDX-License-Identifier: Apache-2.0
"""Asks NSS for names of users and groups, in threads that nobody waits for.

A module of NSS may ask a directory across the network, and keep its caller for minutes. Then the
thread is left behind and another one goes on with what others have asked; what the first one finds
at last is news as well.
"""

import grp
import os
import pwd
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import IntEnum
from queue import Empty, SimpleQueue
from typing import NamedTuple

from kflowd.enrich.turns import Turns

# Questions that wait for a thread. Others choose which numbers occur.
MAX_ASKED = 1024
# A call that takes longer keeps nobody else waiting.
SLOW_S = 0.25
# Threads that are left behind, of one sharer and of all.
MAX_SLOW_OF_SHARER = 4
MAX_SLOW = 16
# Who serves the calls has two thirds of the time for others: so many times as long as a call took,
# it pauses.
PAUSES = 2
MAX_PAUSE_S = 0.02
NICE = 10
# Answers between two batches.
MAX_NEWS = 256
# Of a name; a longer one is none, and part of it would be another's.
MAX_NAME = 1024


class Kind(IntEnum):
    """What a number is of."""

    USER = 0
    GROUP = 1


class AskedName(NamedTuple):
    """A number whose name is asked for."""

    kind: int
    number: int


class Named(NamedTuple):
    """An answer: "" if nobody has named the number, None if that was not known in time."""

    asked: AskedName
    sharer: int
    name: str | None


def look_up(asked: AskedName) -> str:
    """Return the name that NSS has for a number, "" if none; takes as long as it likes."""
    try:
        if asked.kind == Kind.USER:
            name = pwd.getpwuid(asked.number).pw_name
        else:
            name = grp.getgrgid(asked.number).gr_name
    except (KeyError, OSError, OverflowError, ValueError):
        return ""
    # JSON takes it whatever its bytes are
    name = name.encode("utf-8", "replace").decode()
    return name if len(name) <= MAX_NAME else ""


class Worker:
    """A thread.

    Attributes:
        question: What it asks, with its sharer; None: it waits for one, or pauses.
        since: When the call began.
        left: Another has taken its place: it ends when it comes back.
    """

    def __init__(
        self,
        asked: Turns[tuple[AskedName, int]],
        answer: Callable[[Named], None],
        look: Callable[[AskedName], str],
        clock: Callable[[], float],
    ) -> None:
        self.question: tuple[AskedName, int] | None = None
        self.since = 0.0
        self.left = False
        self._asked = asked
        self._answer = answer
        self._look = look
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="names", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs, or hangs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while not self.left:
            asked, sharer = question = self._asked.get()
            began = self.since = self._clock()
            self.question = question
            try:
                name: str | None = self._look(asked)
            except Exception:  # noqa: BLE001 - no memory: asked again later
                name = None
            # in this order: who sees no question finds the answer
            self._answer(Named(asked, sharer, name))
            self.question = None
            if not self.left:
                time.sleep(min(MAX_PAUSE_S, PAUSES * (self._clock() - began)))


class NameService:
    """Answers questions for names.

    Args:
        patience_s: A question whose call takes longer is answered with None, and again later.
        look: Returns a name; takes as long as it likes.
        clock: Returns seconds.
    """

    def __init__(
        self,
        patience_s: float,
        look: Callable[[AskedName], str] = look_up,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience_s = patience_s
        self._look = look
        self._clock = clock
        self._asked: Turns[tuple[AskedName, int]] = Turns(MAX_ASKED)
        self._worker: Worker | None = None
        self._slow: list[Worker] = []
        # those whose call goes on beyond the patience
        self._overdue: set[AskedName] = set()
        self._pending: set[AskedName] = set()
        self._answers: SimpleQueue[Named] = SimpleQueue()

    @property
    def lost(self) -> int:
        """How many questions found no room, or gave theirs up."""
        return self._asked.lost

    def ask(self, asked: AskedName, sharer: int) -> None:
        """Ask for a name; returns at once.

        Args:
            asked: The number.
            sharer: Whose question it is: sharers take turns.
        """
        if asked in self._pending:
            return
        self._pending.add(asked)
        if asked in self._overdue or self._is_hopeless(sharer):
            self._answers.put(Named(asked, sharer, None))
            return
        lost = self._asked.put(sharer, (asked, sharer))
        if lost is not None:
            self._answers.put(Named(*lost, None))
        self._start()

    def news(self) -> list[Named]:
        """Return the answers since the last call; looks after the threads."""
        if not self._pending and not self._slow and self._answers.empty():
            return []
        self._tend()
        found: list[Named] = []
        while len(found) < MAX_NEWS:
            try:
                found.append(self._answers.get_nowait())
            except Empty:
                break
        self._pending.difference_update(answer.asked for answer in found)
        return found

    def _tend(self) -> None:
        """Leave a thread behind that takes long, and go on with another."""
        now = self._clock()
        worker = self._worker
        if worker is not None and worker.question is not None and now - worker.since > SLOW_S:
            worker.left = True
            self._slow.append(worker)
            self._worker = None
        self._slow = [each for each in self._slow if each.alive]
        calls = {it: each.since for each in self._slow if (it := each.question) is not None}
        self._overdue &= {asked for asked, _ in calls}
        for (asked, sharer), since in calls.items():
            if now - since > self._patience_s and asked not in self._overdue:
                self._overdue.add(asked)
                self._answers.put(Named(asked, sharer, None))
        if worker is not None and self._worker is None:
            self._give_up_hopeless(calls)
        self._start()

    def _give_up_hopeless(self, calls: Mapping[tuple[AskedName, int], float]) -> None:
        """Answer what waits behind too many calls; the others keep their order."""
        if not calls:
            return
        waiting = []
        while (each := self._asked.poll()) is not None:
            waiting.append(each)
        for sharer, (asked, _) in waiting:
            if self._is_hopeless(sharer):
                self._answers.put(Named(asked, sharer, None))
            else:
                self._asked.put(sharer, (asked, sharer))

    def _is_hopeless(self, sharer: int) -> bool:
        """Say whether too many calls take long, of the sharer or of all."""
        slow = [it[1] for each in self._slow if (it := each.question) is not None]
        return len(slow) >= MAX_SLOW or Counter(slow)[sharer] >= MAX_SLOW_OF_SHARER

    def _start(self) -> None:
        if self._worker is None and len(self._slow) < MAX_SLOW:
            # without room for a thread the next question tries again; records wait no longer for it
            with suppress(RuntimeError):
                self._worker = Worker(self._asked, self._answers.put, self._look, self._clock)
