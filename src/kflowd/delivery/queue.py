# SPDX-License-Identifier: Apache-2.0
"""Texts that wait for one sink: bounded by bytes, counted to the record.

The run loop fills it, the sink's thread empties it from the front. At all times

    put = written + queued + sum of lost
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

# What Python needs for a text beside its bytes: the object and its place in the queue.
OVERHEAD_BYTES = 48
# Texts that came within this time have one age: a note for each one would take as much as some do.
SAME_AGE_NS = 10_000_000


class Reason(StrEnum):
    """Why a record did not leave by an output."""

    FULL = "queue full"
    LATE = "too old"
    REFUSED = "refused"
    GONE = "sink gone"
    END = "left at the end"


class Counts(NamedTuple):
    """What became of the texts of a queue.

    Attributes:
        replaced: Those of the lost that a newer notice stands for; nothing is unknown for them.
    """

    put: int
    written: int
    queued: int
    lost: Mapping[Reason, int]
    replaced: int

    def summary(self, name: str) -> str:
        """Return a line on what was lost, with the reasons; "" if nothing was."""
        lost = sum(self.lost.values())
        reasons = ", ".join(f"{n} {reason}" for reason, n in self.lost.items() if n)
        return f"{name}: {self.written} written, {lost} lost ({reasons})" if lost else ""


class Waiting(NamedTuple):
    """What waits in a queue.

    Attributes:
        bytes: Of memory.
        size: Bytes that there is room for.
        age_ns: How long the oldest text has waited, 0 without any; one that came within 10 ms of
            another has its age.
    """

    bytes: int
    size: int
    age_ns: int


class Queue:
    """A queue of texts for one thread that fills it and one that empties it.

    A notice is a text that makes those of its kind before it superfluous: a health record. The
    newest one that finds no room is kept beside the queue and enters when there is room, before all
    later texts: who reads on after a stall is told what is missing.

    Args:
        size: Bytes of texts that it may hold, with what Python needs for them. One text always has
            room in an empty queue.
        wake: Called when texts have come and the emptying side has found none before.
        age_ns: Texts that have waited longer are lost; None: they wait as long as there is room.

    Attributes:
        refusing: The sink refuses texts at the moment: what is lost meanwhile is lost for that.
    """

    def __init__(self, size: int, wake: Callable[[], None], age_ns: int | None = None) -> None:
        self.refusing = False
        self._size = size
        self._wake = wake
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._texts: deque[bytes] = deque()
        # the text that is partly out, and how much of it: it must be finished and cannot be lost
        self._begun: bytes | None = None
        self._begun_ns = 0  # when it came
        self._offset = 0
        self._notice: bytes | None = None
        self._bytes = 0
        self._age_ns = age_ns
        # when texts came, and how many of those are still there
        self._came: deque[list[int]] = deque()
        self._held = 0  # texts at the front that a sink has in its hands
        self._idle = False
        self._abandoned: Reason | None = None
        self._put = self._written = self._replaced = 0
        self._lost = dict.fromkeys(Reason, 0)

    def put(self, texts: Sequence[bytes], notices: Sequence[int] = ()) -> None:
        """Take what there is room for; the rest is lost. Never waits.

        Args:
            texts: In order.
            notices: Places in `texts` of those that are notices, in order.
        """
        with self._lock:
            self._put += len(texts)
            self._expire()
            taken = 0 if self._abandoned else self._admit(texts)
            if taken < len(texts):
                self._overflow(texts, taken, notices)
            wake = self._is_awaited()
        if wake:
            self._wake()

    def put_all(self, texts: Sequence[bytes]) -> None:
        """Take all, and wait for room: for who must lose nothing and can be made to wait."""
        with self._room:
            self._put += len(texts)
            while texts and self._abandoned is None:
                texts = texts[self._admit(texts) :]
                if self._is_awaited():
                    self._wake()
                if texts:
                    self._room.wait()
            if self._abandoned is not None:
                self._lost[self._abandoned] += len(texts)

    def front(self, most_bytes: int, held: int = 0) -> tuple[list[bytes], int]:
        """Return texts from the front, and how many bytes of the first are out already.

        They stay in the queue until `advance`, whatever their age, unless `hold` lets them go.
        Without any the next `put` wakes.

        Args:
            most_bytes: How much, or one text.
            held: So many are in the hands of the sink since the last time, as of `hold`.
        """
        with self._lock:
            self._held = held
            self._expire()
            texts = [] if self._begun is None else [self._begun]
            size = sum(map(len, texts))
            for text in self._texts:
                if size >= most_bytes:
                    break
                texts.append(text)
                size += len(text)
            self._held = len(texts)
            self._idle = not texts
            return texts, self._offset

    def hold(self, number: int) -> None:
        """Let texts get too old, but for so many at the front, which a sink is about to take."""
        with self._lock:
            self._held = number

    def advance(self, whole: int, offset: int) -> bool:
        """Take note of what is out: so many texts, and so many bytes of the next one.

        Returns:
            Whether nothing is left.
        """
        with self._lock:
            if self._abandoned is not None:
                return True
            self._written += whole
            self._held = max(0, self._held - whole)
            if whole and self._begun is not None:
                self._bytes -= _size([self._begun])
                self._begun = None
                whole -= 1
            self._remove(whole)
            self._offset = offset
            if offset and self._begun is None:
                self._begun, self._begun_ns = self._texts.popleft(), self._came[0][0]
                self._forget(1)
            self._after_removal()
            return not self._queued()

    def drop(self, number: int = 1) -> None:
        """Lose so many of the first texts: the sink never takes them."""
        with self._lock:
            if self._abandoned is None and self._texts:
                self._remove(number)
                self._held = max(0, self._held - number)
                self._lost[Reason.REFUSED] += number
                self._after_removal()

    def abandon(self, reason: Reason) -> None:
        """Lose what is queued and all that will be put."""
        with self._lock:
            if self._abandoned is None:
                self._abandoned = self._real(reason)
            self._lose(self._queued(), self._abandoned)
            self._texts.clear()
            self._came.clear()
            self._begun = self._notice = None
            self._bytes = self._offset = 0
            self._room.notify_all()

    def counts(self) -> Counts:
        """Return what became of all texts so far."""
        with self._lock:
            queued = self._queued()
            return Counts(self._put, self._written, queued, dict(self._lost), self._replaced)

    def waiting(self) -> Waiting:
        """Return what waits."""
        with self._lock:
            oldest_ns = self._begun_ns if self._begun is not None else 0
            if not oldest_ns and self._came:
                oldest_ns = self._came[0][0]
            age_ns = time.monotonic_ns() - oldest_ns if oldest_ns else 0
            return Waiting(self._bytes, self._size, age_ns)

    def unwritten(self) -> int:
        """Return how many texts were put and not written; never waits."""
        return self._put - self._written

    def _admit(self, texts: Sequence[bytes]) -> int:
        """Append as many texts as fit; return how many."""
        if self._notice is not None:
            return 0  # it did not fit, and comes first
        free = self._size - self._bytes
        size = _size(texts)
        taken = len(texts)
        if size > free:
            taken = size = 0
            for text in texts:
                more = _size([text])
                if size + more > free and (taken or self._queued()):
                    break
                size += more
                taken += 1
        if taken:
            self._texts.extend(islice(texts, taken))
            self._note_arrival(taken)
            self._bytes += size
        return taken

    def _overflow(self, texts: Sequence[bytes], taken: int, notices: Sequence[int]) -> None:
        """Lose texts from `taken` on, but for the newest notice."""
        refused = [place for place in notices if place >= taken]
        lost = len(texts) - taken
        if refused and self._abandoned is None:
            replaced = len(refused) - 1 + (self._notice is not None)
            self._replaced += replaced
            lost += (self._notice is not None) - 1
            self._notice = texts[refused[-1]]
        self._lose(lost, self._abandoned or Reason.FULL)

    def _remove(self, number: int) -> None:
        self._bytes -= _size([self._texts.popleft() for _ in range(number)])
        self._forget(number)

    def _note_arrival(self, number: int) -> None:
        now_ns = time.monotonic_ns()
        if self._came and now_ns - self._came[-1][0] < SAME_AGE_NS:
            self._came[-1][1] += number
        else:
            self._came.append([now_ns, number])

    def _forget(self, number: int) -> None:
        """Take note that so many texts are no longer among those that wait."""
        while number and self._came:
            gone = min(number, self._came[0][1])
            self._came[0][1] -= gone
            number -= gone
            if not self._came[0][1]:
                self._came.popleft()

    def _expire(self) -> None:
        """Lose what has waited too long, unless a sink is about to take it."""
        if self._age_ns is None or not self._came or self._held:
            return
        before_ns = time.monotonic_ns() - self._age_ns
        while self._came and self._came[0][0] < before_ns:
            number = self._came[0][1]
            self._lose(number, Reason.LATE)
            self._remove(number)
            self._after_removal()

    def _after_removal(self) -> None:
        """Let the notice in if there is room now, and who waits for room go on."""
        if self._notice is not None:
            text, self._notice = self._notice, None
            if not self._admit([text]):
                self._notice = text
        self._room.notify()

    def _is_awaited(self) -> bool:
        """Say, once, whether texts are here that the emptying side waits for."""
        awaited = self._idle and bool(self._texts)
        if awaited:
            self._idle = False
        return awaited

    def _lose(self, number: int, reason: Reason) -> None:
        self._lost[self._real(reason)] += number

    def _real(self, reason: Reason) -> Reason:
        """Return why a text is lost: no room is not for a slow reader while the sink refuses."""
        own = reason is Reason.GONE or not self.refusing
        return reason if own else Reason.REFUSED

    def _queued(self) -> int:
        return len(self._texts) + (self._begun is not None) + (self._notice is not None)


def _size(texts: Sequence[bytes]) -> int:
    return sum(map(len, texts)) + OVERHEAD_BYTES * len(texts)
