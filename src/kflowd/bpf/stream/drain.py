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
        """Empty the ring and return the oldest quarter of a MiB of what it held.

        b"" after the timeout or on a signal.

        Waits outside the interpreter's lock.
        """
        size = check(lib.kf_drain__run(self._pointer, timeout_ms), "kf_drain__run", "draining")
        return bytes(ffi.buffer(lib.kf_drain__data(self._pointer), size))

    def fill(self) -> int:
        """Empty the ring into the backlog; return the bytes that wait there."""
        return check(lib.kf_drain__fill(self._pointer), "kf_drain__fill", "draining")

    def iterate(self, link: int, program: str) -> None:
        """Run an iterator that writes to the ring, which is emptied into the backlog meanwhile."""
        result = lib.kf_drain__iterate(self._pointer, link)
        check(result, "bpf_iter_create", f"running {program}")

    def behind(self, later: bytes) -> bytes:
        """Return records that are later than all in the ring; b"" if others wait ahead of them.

        Then they follow by `drain`.
        """
        if not self.fill() or lib.kf_drain__append(self._pointer, later, len(later)):
            return later  # without room: too early is better than lost
        return b""

    def filled(self) -> tuple[int, int, int]:
        """Return what waited, and what does.

        Returns:
            When the first record of the newest batch was made (0: it has none), the most bytes that
            were in the ring since the last call, and the bytes behind the batch.
        """
        fill = lib.kf_drain__filled(self._pointer)
        return int(fill.oldest_ns), int(fill.ring_bytes), int(fill.backlog_bytes)

    @property
    def bad_records(self) -> int:
        """Records of an impossible size that were skipped."""
        return int(lib.kf_drain__bad(self._pointer))
