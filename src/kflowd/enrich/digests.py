# SPDX-License-Identifier: Apache-2.0
"""Reads files and sums them up, in threads that nobody waits for.

There are two lanes, so that large files do not keep small ones waiting; in each, users take turns.
A thread that a file system does not let go is left behind, its device is left alone until it comes
back, and another one goes on.
"""

import hashlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from kflowd.enrich.opening import Asked, Outcome, Question, RefusedError, open_verified, state_of
from kflowd.enrich.turns import Turns

# What is larger goes into the lane of large files: an eighth of a second at the usual rate.
SMALL_BYTES = 4 << 20
CHUNK_BYTES = 1 << 18
# Questions of a lane: as many as records wait.
MAX_ASKED = 4096
# A call that takes longer hangs. A disk that spins up takes longer: its next file has a sum.
STUCK_S = 3.0
# Threads that are left behind, of one user and of all.
MAX_STUCK_OF_USER = 2
MAX_STUCK = 8
# Two changes within one tick of the kernel's clock leave the same times: a file is read only when
# its last change is two ticks old, at 100 ticks a second.
SETTLED_NS = 20_000_000
NICE = 10
# Answers between two batches: 200 bytes each.
MAX_NEWS = 4096


class Answer(NamedTuple):
    """What became of a question; without sums ("") unless it is DONE."""

    asked: Asked
    outcome: Outcome
    md5: str = ""
    sha256: str = ""


class Pace:
    """Keeps to a number of bytes in a second; time that was not used is not made up for.

    Args:
        rate: Bytes in a second.
        clock: Returns seconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free = 0.0

    def took(self, number: int) -> None:
        """Wait as long as bytes that were read are to take."""
        now = self._clock()
        self._free = max(self._free, now) + number / self._rate
        if self._free > now:
            self._sleep(self._free - now)


class Worker:
    """A thread of a lane.

    Attributes:
        question: What it reads, None: it waits for one.
        since: When the call began that it is in (clock), None: in none that may hang.
        left: It was left behind; it ends when it comes back, and its answer counts no more.
    """

    def __init__(
        self,
        asked: Turns[Question],
        answer: Callable[[Answer], None],
        pace: Pace,
        clock: Callable[[], float],
        opened: Callable[[Question], int],
    ) -> None:
        self.question: Question | None = None
        self.since: float | None = None
        self.left = False
        self._asked = asked
        self._answer = answer
        self._pace = pace
        self._clock = clock
        self._open = opened
        self._buffer = bytearray(CHUNK_BYTES)
        self._thread = threading.Thread(target=self._run, name="checksums", daemon=True)
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
            self.question = question = self._asked.get()
            try:
                answer = self._digest(question)
            except RefusedError as error:
                answer = Answer(question.asked, error.outcome)
            except Exception:  # noqa: BLE001 - EIO, no memory: it has no sum
                answer = Answer(question.asked, Outcome.UNREADABLE)
            self.question = self.since = None
            if not self.left:
                self._answer(answer)

    def _digest(self, question: Question) -> Answer:
        young_ns = question.key.ctime_ns + SETTLED_NS - time.time_ns()
        if 0 < young_ns <= SETTLED_NS:
            time.sleep(young_ns / 1e9)
        self.since = self._clock()
        descriptor = self._open(question)
        try:
            if state_of(descriptor) != question.key:
                return Answer(question.asked, Outcome.CHANGED)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            sums = self._read(descriptor, question.key.size)
            self.since = self._clock()
            if sums is None or state_of(descriptor) != question.key:
                return Answer(question.asked, Outcome.CHANGED)
            return Answer(question.asked, Outcome.DONE, *sums)
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, size: int) -> tuple[str, str] | None:
        """Return the sums of a file, None if it is not as long as it should be."""
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        view = memoryview(self._buffer)
        total = 0
        while total <= size and not self.left:
            self.since = self._clock()
            number = os.readv(descriptor, [view])
            self.since = None
            if not number:
                break
            total += number
            md5.update(view[:number])
            sha256.update(view[:number])
            self._pace.took(number)
        return (md5.hexdigest(), sha256.hexdigest()) if total == size else None


class Digests:
    """Answers questions for sums.

    Args:
        rate: Bytes that are read in a second at most.
        clock: Returns seconds.
        opened: Opens a file; raises RefusedError or OSError.
    """

    def __init__(
        self,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        opened: Callable[[Question], int] = open_verified,
    ) -> None:
        self._clock = clock
        self._open = opened
        # each lane its own half: the large would use up what the small need
        self._paces = (Pace(max(1, rate // 2)), Pace(max(1, rate // 2)))
        self._asked: tuple[Turns[Question], ...] = (Turns(MAX_ASKED), Turns(MAX_ASKED))
        self._workers: list[Worker | None] = [None, None]
        self._stuck: list[tuple[Worker, Question]] = []
        self._pending: set[Asked] = set()
        self._answers: SimpleQueue[Answer] = SimpleQueue()

    def ask(self, question: Question) -> None:
        """Ask for the sums of a file; returns at once."""
        if question.asked in self._pending:
            return
        self._pending.add(question.asked)
        if self._hangs(question):
            self._answers.put(Answer(question.asked, Outcome.BUSY))
            return
        lane = int(question.key.size > SMALL_BYTES)
        lost = self._asked[lane].put(question.user, question)
        if lost is not None:
            self._answers.put(Answer(lost.asked, Outcome.BUSY))
        self._start(lane)

    def news(self) -> list[Answer]:
        """Return the answers since the last call; looks after the threads."""
        if not self._pending:
            return []
        self._tend()
        found: list[Answer] = []
        while len(found) < MAX_NEWS:
            try:
                found.append(self._answers.get_nowait())
            except Empty:
                break
        self._pending.difference_update(answer.asked for answer in found)
        return found

    def _tend(self) -> None:
        """Leave threads behind that hang, and go on with others."""
        now = self._clock()
        self._stuck = [each for each in self._stuck if each[0].alive]
        for lane, worker in enumerate(self._workers):
            if worker is not None:
                question, since = worker.question, worker.since
                if question is not None and since is not None and now - since > STUCK_S:
                    worker.left = True
                    self._stuck.append((worker, question))
                    self._answers.put(Answer(question.asked, Outcome.BUSY))
                    self._workers[lane] = None
            if self._workers[lane] is None and worker is not None:
                for each in range(len(self._asked)):
                    self._give_up_hanging(each)
                self._start(lane)

    def _give_up_hanging(self, lane: int) -> None:
        """Answer what waits for what hangs; the others keep their order."""
        waiting: list[tuple[int, Question]] = []
        while (each := self._asked[lane].poll()) is not None:
            waiting.append(each)
        for user, question in waiting:
            if self._hangs(question):
                self._answers.put(Answer(question.asked, Outcome.BUSY))
            else:
                self._asked[lane].put(user, question)

    def _hangs(self, question: Question) -> bool:
        """Say whether a thread would hang on the same device, or too many do of the same user."""
        stuck = [it for worker, it in self._stuck if worker.alive]
        if not stuck:
            return False
        of_user = Counter(it.user for it in stuck)
        return (
            len(stuck) >= MAX_STUCK
            or of_user[question.user] >= MAX_STUCK_OF_USER
            or any(it.key.dev == question.key.dev for it in stuck)
        )

    def _start(self, lane: int) -> None:
        if self._workers[lane] is None:
            # without room for a thread the next question tries again; records wait no longer for it
            with suppress(RuntimeError):
                self._workers[lane] = Worker(
                    self._asked[lane], self._answers.put, self._paces[lane], self._clock, self._open
                )
