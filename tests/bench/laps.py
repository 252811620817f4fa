# SPDX-License-Identifier: Apache-2.0
"""What it costs to know the time of each stage."""

from kflowd.laps import FILTERED, STAGES, Laps
from kflowd.pipeline import SAMPLED
from tests.bench.stages import microseconds

LAPS = 100_000
# records of files that the drain hands out at once under load
BATCH = 800


def lap_costs() -> str:
    """Return a line: one lap, and those of a batch shared by its records.

    With filters two laps are made for each record of one batch in many.
    """
    laps = Laps()

    def all_laps() -> None:
        for _ in range(LAPS):
            laps(FILTERED)

    one = microseconds(all_laps, LAPS)
    batch = len(STAGES) * one / BATCH
    return (
        f"time by stage: {one:.2f} us CPU per lap; per record of a batch of {BATCH} "
        f"{batch:.4f} us, with filters {batch + 2 * one / SAMPLED:.3f} us"
    )
