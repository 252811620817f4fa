# SPDX-License-Identifier: Apache-2.0
"""What the pipeline's records go to, and how long its end may take."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from kflowd.serialize import Record

# A run is over five seconds after the signal. What is left of them is for the summary, and for the
# interpreter's end on a busy machine.
END_NS = 3_000_000_000
# Also where taking in the rest has used that up, a sink that is ready gets this long.
LEAST_NS = 500_000_000
# Without a signal a sink that takes nothing for so long is given up.
STALL_NS = 5_000_000_000


class Ending:
    """Says when the end has waited long enough for a sink.

    After a signal that is a fixed time, whatever the sink does. When a run ends by itself
    (`--duration`) it is as long as the sink takes something. When all records were promised
    (`--count`, replay) it is for ever: a signal is the way out.

    Args:
        asked_ns: Returns when a signal asked for the end (time.monotonic_ns), None if none has.
        patient: All records were promised.
    """

    def __init__(self, asked_ns: Callable[[], int | None], *, patient: bool = False) -> None:
        self._asked_ns = asked_ns
        self._patient = patient
        self._begin_ns = time.monotonic_ns()

    def over(self, progress_ns: int) -> bool:
        """Say whether to give a sink up that took something at `progress_ns` for the last time."""
        now_ns = time.monotonic_ns()
        asked_ns = self._asked_ns()
        if asked_ns is not None:
            return now_ns >= max(asked_ns + END_NS, self._begin_ns + LEAST_NS)
        return not self._patient and now_ns - max(progress_ns, self._begin_ns) >= STALL_NS


class Consumer(Protocol):
    """Takes the records of a run: delivery is one."""

    @property
    def done(self) -> bool:
        """Whether the run is to end: this consumer has all that it wanted."""

    def put(self, records: Sequence[Record], /) -> None:
        """Take records, in order. Returns at once: the ring fills while this runs."""

    def close(self, ending: Ending, /) -> None:
        """Nothing more comes: finish, and give up when `ending` says so."""
