# SPDX-License-Identifier: Apache-2.0
"""Processes that are left out as kflowd itself is: struct kf_left_out, which programs look at."""

from collections.abc import Iterable
from itertools import islice

from kflowd.bpf.ffi import ffi
from kflowd.constants import SECOND_NS

MAP = ".bss.left_out"
BITS = 64  # of kf_left_out.bits


def packed(processes: Iterable[tuple[int, int]], hertz: int, ahead_ns: int = 0) -> bytes:
    """Return the struct.

    Args:
        processes: (tgid, clock ticks from boot to its start, as proc has them); 16 at most.
        hertz: Ticks of a second.
        ahead_ns: How far CLOCK_BOOTTIME of who reads proc is ahead of the kernel's.
    """
    it = ffi.new("struct kf_left_out *")
    it.tick_ns = SECOND_NS // hertz
    for place, (tgid, ticks) in enumerate(islice(processes, len(it.tgid))):
        it.bits |= 1 << tgid % BITS
        it.tgid[place] = tgid
        # unsigned, as the programs count: a process can be older than a time namespace
        it.from_ns[place] = (ticks * it.tick_ns - ahead_ns) % (1 << 64)
    return bytes(ffi.buffer(it))
