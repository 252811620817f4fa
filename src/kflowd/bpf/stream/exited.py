# SPDX-License-Identifier: Apache-2.0
"""Exits of processes and ends of sockets, noted between two sweeps."""

from typing import Any

from kflowd.bpf.ffi import check_pointer, lib
from kflowd.closeable import Closeable


class Exited(Closeable):
    """What has exited since the last sweep. The drain fills it, the sweep uses and empties it."""

    def __init__(self) -> None:
        self.pointer: Any = check_pointer(
            lib.kf_exited__new(), "kf_exited__new", "preparing sweeps"
        )

    @property
    def lost(self) -> int:
        """Ends that found no room."""
        return int(lib.kf_exited__lost(self.pointer))

    def close(self) -> None:
        """Free it, after drain and sweep."""
        if self.pointer is not None:
            lib.kf_exited__free(self.pointer)
            self.pointer = None
