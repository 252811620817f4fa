# SPDX-License-Identifier: Apache-2.0
"""How much came in each of the last seconds."""

SECONDS = 20
RATE_SECONDS = 5
# a clock was set back, or it is another run
BACK_SECONDS = 60


class History:
    """Counts by second, the last 20.

    Args:
        second: Of the clock that is used: now.
    """

    __slots__ = ("_counts", "_newest")

    def __init__(self, second: int) -> None:
        self._counts = [0] * SECONDS
        self._newest = second

    def add(self, second: int) -> None:
        """Count one more; what is older than the last seconds is not in them."""
        if second > self._newest:
            self._forget(second)
        elif self._newest - second > BACK_SECONDS:
            self._counts = [0] * SECONDS
            self._newest = second
        if self._newest - second < SECONDS:
            self._counts[second % SECONDS] += 1

    def last(self, second: int) -> tuple[int, ...]:
        """Return the counts of the seconds up to this one, the oldest first."""
        first = second - SECONDS + 1
        known = range(self._newest - SECONDS + 1, self._newest + 1)
        return tuple(
            self._counts[each % SECONDS] if each in known else 0
            for each in range(first, second + 1)
        )

    def _forget(self, second: int) -> None:
        """Make room for the seconds up to this one."""
        for each in range(max(self._newest + 1, second - SECONDS + 1), second + 1):
            self._counts[each % SECONDS] = 0
        self._newest = second


def rate(last: tuple[int, ...]) -> float:
    """Return how many came in a second, on average over the last ones."""
    return sum(last[-RATE_SECONDS:]) / RATE_SECONDS
