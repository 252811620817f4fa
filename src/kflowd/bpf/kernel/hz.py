# SPDX-License-Identifier: Apache-2.0
"""The kernel's HZ: the unit of a socket's retransmission timeout. User space is told 100 always."""

import re

# The values that kernels of x86 and arm64 can be built with (kernel/Kconfig.hz).
KNOWN = (100, 250, 300, 1000)
# Between the starts of both clocks lies some of the boot, so they need not agree to the tick.
TOLERANCE = 0.07
SETTING = re.compile(r"^CONFIG_HZ=(\d+)$", re.MULTILINE)
# The counter starts five minutes before it overflows 32 bits.
START_SECONDS = 300
NS = 1_000_000_000


def from_jiffies(jiffies: int, monotonic_ns: int) -> int:
    """Return HZ by the kernel's count of ticks at a moment, 0 when it cannot be told.

    Ticks are counted from 2^32 - 300 HZ at boot on, so each HZ implies another uptime. Near an
    uptime of 300 s all of them imply the same, and none is named.

    Args:
        jiffies: bpf_jiffies64.
        monotonic_ns: CLOCK_MONOTONIC at the same time.
    """
    span = monotonic_ns / NS - START_SECONDS
    if abs(span) < 1:
        return 0
    hz = (jiffies - (1 << 32)) / span
    best = min(KNOWN, key=lambda known: abs(known - hz))
    return best if abs(best - hz) <= best * TOLERANCE else 0


def from_config(text: str) -> int:
    """Return HZ as a kernel configuration says, 0 when it does not."""
    found = SETTING.search(text)
    return int(found[1]) if found else 0
