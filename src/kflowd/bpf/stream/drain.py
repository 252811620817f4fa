# SPDX-License-Identifier: Apache-2.0
"""Records out of the ring, by batches."""

from typing import Any

from kflowd.bpf.ffi import check, check_pointer, ffi, lib
from kflowd.bpf.stream.exited import Exited
from kflowd.closeable import Closeable


class Drain(Closeable):
    """Empties the ring. A context manager.

    A batch is bytes of whole records; record i + 1 begins at the next multiple of 8 after record i.

    Args:
        ring: File descriptor of kf_ring.
        exited: Takes exits and closed sockets that are among the records.
    """

    def __init__(self, ring: int, exited: Exited) -> None:
        self._pointer: Any = check_pointer(
            lib.kf_drain__new(ring, exited.pointer), "ring_buffer__new", "reading the ring"
        )

    def close(self) -> None:
        """Free the batch and the ring's mapping."""
        if self._pointer is not None:
            lib.kf_drain__free(self._pointer)
            self._pointer = None

    def drain(self, timeout_ms: int) -> bytes:
        """Return what is in the ring, up to 1 MiB; b"" after the timeout or on a signal.

        Waits outside the interpreter's lock.
        """
        size = check(lib.kf_drain__run(self._pointer, timeout_ms), "kf_drain__run", "draining")
        return bytes(ffi.buffer(lib.kf_drain__data(self._pointer), size))

    @property
    def bad_records(self) -> int:
        """Records of an impossible size that were skipped."""
        return int(lib.kf_drain__bad(self._pointer))
