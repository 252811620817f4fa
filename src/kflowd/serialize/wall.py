# SPDX-License-Identifier: Apache-2.0
"""Wall time of what happened: by the difference of the clocks that held at that moment."""

from bisect import bisect_right

from kflowd.model import ClockStep

# A clock that is set each second for a quarter of an hour. What is older than all of these has the
# oldest difference; no record waits for so long.
MAX_STEPS = 1024


class WallClock:
    """Turns times of CLOCK_BOOTTIME into nanoseconds since 1970, by a history of their difference.

    The kernel tells when the clock was set. User space compares the clocks itself and tells what it
    finds as well, later: that is news only if it is not what is known already, within the accuracy
    of both, or if it is known more exactly now.
    """

    def __init__(self, max_steps: int = MAX_STEPS) -> None:
        self._max_steps = max_steps
        self._since: list[int] = []
        self._offsets: list[int] = []
        self._uncertain: list[int] = []

    def begin(self, offset_ns: int) -> None:
        """Take the difference at the start; a stream that goes on has one already."""
        if not self._since:
            self._insert(0, ClockStep(0, 0, offset_ns))

    def add(self, step: ClockStep) -> None:
        """Take a step. They come in about the order of time."""
        at = bisect_right(self._since, step.since_ns)
        if step.compared and at and self._is_known(step, at - 1):
            return
        self._insert(at, step)
        if len(self._since) > self._max_steps:
            for history in (self._since, self._offsets, self._uncertain):
                del history[0]

    def at(self, boot_ns: int) -> int:
        """Return the wall time of a moment of CLOCK_BOOTTIME."""
        offsets = self._offsets
        if len(offsets) == 1:
            return boot_ns + offsets[0]
        if not offsets:
            return boot_ns
        return boot_ns + offsets[max(0, bisect_right(self._since, boot_ns) - 1)]

    def _insert(self, at: int, step: ClockStep) -> None:
        self._since.insert(at, step.since_ns)
        self._offsets.insert(at, step.realtime_offset_ns)
        self._uncertain.insert(at, step.uncertain_ns)

    def _is_known(self, step: ClockStep, at: int) -> bool:
        if step.uncertain_ns < self._uncertain[at]:
            return False
        apart = abs(step.realtime_offset_ns - self._offsets[at])
        return apart <= step.uncertain_ns + self._uncertain[at]
