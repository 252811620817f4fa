# SPDX-License-Identifier: Apache-2.0
"""Exits of processes and ends of sockets, noted between two sweeps."""

from collections.abc import Iterable
from typing import Any

from kflowd.bpf.ffi import check_pointer, lib
from kflowd.closeable import Closeable


class Exited(Closeable):
    """What has exited since the last sweep. The drain fills it, the sweep uses and empties it."""

    def __init__(self) -> None:
        self.pointer: Any = check_pointer(
            lib.kf_exited__new(), "kf_exited__new", "preparing sweeps"
        )

    def add_processes(self, processes: Iterable[tuple[int, int]]) -> None:
        """Note processes, (tgid, start_ns), whose end was not drained."""
        for tgid, start_ns in processes:
            lib.kf_exited__add_exit(self.pointer, tgid, start_ns)

    @property
    def lost(self) -> int:
        """Ends that found no room."""
        return int(lib.kf_exited__lost(self.pointer))

    def close(self) -> None:
        """Free it, after drain and sweep."""
        if self.pointer is not None:
            lib.kf_exited__free(self.pointer)
            self.pointer = None
