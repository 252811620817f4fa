# SPDX-License-Identifier: Apache-2.0
"""Runs of BPF programs and their time, counted by the kernel while somebody wants it (5.8).

The switch is that of all programs of the host (kernel.bpf_stats_enabled), which it costs a look at
the clock at both ends of each run: so a run asks for it, and by a descriptor, with which it ends.
"""

import os

from kflowd.bpf.ffi import check, lib
from kflowd.closeable import Closeable


class ProgramTimes(Closeable):
    """Has the kernel count as long as it is open. A context manager.

    Raises:
        BpfCallError: The kernel refuses.
    """

    def __init__(self) -> None:
        result = lib.kf_prog__time()
        self._fd = check(result, "bpf_enable_stats", "counting the time of programs")

    def close(self) -> None:
        """Let the kernel count no more, unless others want it. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
