# SPDX-License-Identifier: Apache-2.0
"""How long records wait for the drain, and how full the ring gets. Pure."""

from kflowd.model import Waited

# Who asks each quarter of a minute misses no peak.
WINDOW_NS = 15_000_000_000


class Peak:
    """The largest of some numbers: of those of the last window, and the one before it."""

    def __init__(self) -> None:
        self._since_ns = 0
        self._most = self._before = 0

    def note(self, number: int, now_ns: int) -> None:
        """Take a number."""
        self._turn(now_ns)
        self._most = max(self._most, number)

    def most(self, now_ns: int) -> int:
        """Return the largest of the last 15 to 30 seconds."""
        self._turn(now_ns)
        return max(self._most, self._before)

    def _turn(self, now_ns: int) -> None:
        passed = now_ns - self._since_ns
        if passed >= WINDOW_NS:
            self._before = self._most if passed < 2 * WINDOW_NS else 0
            self._most, self._since_ns = 0, now_ns


class Waits:
    """Takes note of each batch; see `Waited`."""

    def __init__(self) -> None:
        self._lag, self._ring = Peak(), Peak()
        self._backlog_bytes = 0

    def note(self, oldest_ns: int, ring_bytes: int, backlog_bytes: int, now_ns: int) -> None:
        """Take what the drain says of a batch.

        Args:
            oldest_ns: When its first record was made, 0: it has none.
            ring_bytes: That were in the ring at most.
            backlog_bytes: That are behind the batch.
            now_ns: The same clock as `oldest_ns`.
        """
        self._lag.note(max(0, now_ns - oldest_ns) if oldest_ns else 0, now_ns)
        self._ring.note(ring_bytes, now_ns)
        self._backlog_bytes = backlog_bytes

    def waited(self, now_ns: int) -> Waited:
        """Return what waited lately."""
        return Waited(self._lag.most(now_ns), self._ring.most(now_ns), self._backlog_bytes)
