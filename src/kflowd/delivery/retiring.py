# SPDX-License-Identifier: Apache-2.0
"""Outputs that a run has left: each ends in a thread of its own, and stays in the counts."""

import threading
import time
from collections import Counter
from collections.abc import Iterator

from kflowd.delivery.consumer import Ending
from kflowd.delivery.exchange import Left
from kflowd.delivery.output import Output
from kflowd.delivery.queue import Counts, Reason
from kflowd.errors import SinkError

# How often the end of one is looked for.
LOOK_S = 0.05
# What is queued for a reader that is slow is given up then: its successor waits.
MOST_NS = 60_000_000_000
# More than an output takes to leave.
LEAVE_S = 0.5


class Retiring:
    """All that were left. What is said of them is for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hurry = False
        self._threads: list[threading.Thread] = []
        self._going: list[Output] = []
        self._written = self._replaced = 0
        self._lost: Counter[Reason] = Counter()
        self._failure: Exception | None = None

    @property
    def count(self) -> int:
        """How many have not ended yet."""
        return len(self._going)

    def take(self, left: Left) -> None:
        """Let an output end; it gets no more records."""
        thread = threading.Thread(
            target=self._retire, args=(left,), name=f"left-{left.output.name}", daemon=True
        )
        with self._lock:
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
            self._going.append(left.output)
        try:
            thread.start()
        except RuntimeError:  # a limit of processes is met
            self._retire(left, patient=False)

    def close(self, ending: Ending) -> None:
        """Wait until all have ended, or `ending` says that it was long enough."""
        for output in tuple(self._going):
            while not output.finished and not ending.over(output.progress_ns):
                output.join(LOOK_S)
        self.leave()

    def leave(self) -> None:
        """End all at once; what they have queued is lost."""
        self._hurry = True
        for thread in filter(threading.Thread.is_alive, self._threads):
            thread.join(LEAVE_S)

    def lost(self) -> int:
        """Return how many records were lost, but for those that a newer one replaced."""
        counts, _ = self._counts()
        return sum(counts.lost.values()) - counts.replaced

    def unwritten(self) -> Iterator[tuple[str, int]]:
        """Yield how many records each that has not ended has taken and not written."""
        for output in tuple(self._going):
            yield output.name, output.unwritten()

    def summary(self) -> str:
        """Return a line on what was lost, with the reasons; "" if nothing was."""
        return self._counts()[0].summary("outputs of before a reload")

    def failure(self) -> Exception | None:
        """Return the first error by which records were lost."""
        return self._counts()[1]

    def _counts(self) -> tuple[Counts, Exception | None]:
        with self._lock:
            going = [it.counts() for it in self._going]
            lost = dict.fromkeys(Reason, 0)
            for each in (self._lost, *(it.lost for it in going)):
                for reason, number in each.items():
                    lost[reason] += number
            written = self._written + sum(it.written for it in going)
            replaced = self._replaced + sum(it.replaced for it in going)
            return Counts(0, written, 0, lost, replaced), self._failure

    def _retire(self, left: Left, *, patient: bool = True) -> None:
        output = left.output
        output.end()
        ending, last_ns = Ending(lambda: None), time.monotonic_ns() + MOST_NS
        while patient and not output.finished:
            if self._hurry or ending.over(output.progress_ns) or time.monotonic_ns() >= last_ns:
                break
            output.join(LOOK_S)
        output.leave()
        with self._lock:
            self._going = [it for it in self._going if it is not output]
            counts = output.counts()
            self._written += counts.written
            self._replaced += counts.replaced
            self._lost.update(counts.lost)
            self._failure = self._failure or failure_of(output)
        if left.successor is not None:
            left.successor.begin()


def failure_of(output: Output) -> Exception | None:
    """Return the error with which the sink of an output refused records so that some were lost."""
    error = output.error
    if error is None or not output.counts().lost[Reason.REFUSED]:
        return None
    if not isinstance(error, OSError):
        return error
    return SinkError(f"writing records to {output.name}: {error.strerror}")
