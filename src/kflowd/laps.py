# SPDX-License-Identifier: Apache-2.0
"""Processor time of the run loop by stage, so cheap that it is always taken.

The clock is read a few times for a batch and not for each record. Only the filter works record by
record between others; it is timed in one of many batches, and the rest is shared out as those are.
"""

import time
from collections.abc import Callable

# In the order of their work. "decode" is all between ring and aggregation: news of the host that go
# into the stream, redaction, the recording, the decoder.
# "load" is all that is ahead of the first batch.
STAGES = ("load", "drain", "decode", "aggregate", "enrich", "filter", "serialize", "deliver")
# Time of filter and serializer: of batches where they are told apart, and of all others.
FILTERED, SERIALIZED, MIXED = "sampled filter", "sampled serialize", "mixed"

# Ends a stage, or one of the three above: what has passed since the last call is its time.
Lap = Callable[[str], None]


def no_lap(_stage: str) -> None:
    """Take no time."""


class Laps:
    """A `Lap`, for one thread; others may ask for the sums.

    Args:
        clock: Returns nanoseconds; by default the processor time of the thread, so that waiting is
            no work.
    """

    def __init__(self, clock: Callable[[], int] = time.thread_time_ns) -> None:
        self._clock = clock
        self._spent = dict.fromkeys((*STAGES, FILTERED, SERIALIZED, MIXED), 0)
        self._last = clock()

    def __call__(self, stage: str) -> None:
        """End a stage."""
        now = self._clock()
        self._spent[stage] += now - self._last
        self._last = now

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each of STAGES."""
        spent = dict(self._spent)
        filtered, serialized, mixed = (spent.pop(it) for it in (FILTERED, SERIALIZED, MIXED))
        sampled = filtered + serialized
        part = filtered / sampled if sampled else 0.0
        spent["filter"] += filtered + round(part * mixed)
        spent["serialize"] += serialized + round((1 - part) * mixed)
        return {stage: ns / 1e9 for stage, ns in spent.items()}
