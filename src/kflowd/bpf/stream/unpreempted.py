# SPDX-License-Identifier: Apache-2.0
"""Sections of this thread that no ordinary task interrupts.

While a bpf(2) call is inside a map, the kernel skips the kprobe programs of its CPU
(bpf_disable_instrumentation, bpf_prog_active). On a kernel that is preempted, a task that loses its
CPU there takes them from all others for milliseconds: our own sweeps would blind the kprobe mode.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOWEST = 1  # of the priorities of SCHED_FIFO: ahead of all ordinary tasks, behind all others


@contextmanager
def unpreempted(*, wanted: bool) -> Iterator[None]:
    """Run the block as a real-time task. Where that is refused it runs as it is.

    Args:
        wanted: False: do nothing.
    """
    if not wanted:
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(LOWEST))
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setscheduler(0, policy, parameters)
