# SPDX-License-Identifier: Apache-2.0
"""Exits of processes and ends of sockets, noted between two sweeps."""

from collections.abc import Iterable
from typing import Any

from kflowd.bpf.ffi import check_pointer, lib
from kflowd.closeable import Closeable


class Exited(Closeable):
    """What has gone since the last sweep. The drain fills it, the sweep uses and empties it."""

    def __init__(self) -> None:
        self.pointer: Any = check_pointer(lib.kf_gone__new(), "kf_gone__new", "preparing sweeps")

    def add_processes(self, processes: Iterable[tuple[int, int]]) -> None:
        """Note processes, (tgid, start_ns), whose end was not drained."""
        for tgid, start_ns in processes:
            lib.kf_gone__add_exit(self.pointer, tgid, start_ns)

    def close(self) -> None:
        """Free it, after drain and sweep."""
        if self.pointer is not None:
            lib.kf_gone__free(self.pointer)
            self.pointer = None
