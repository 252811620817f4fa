# SPDX-License-Identifier: Apache-2.0
"""Workloads for files by io_uring: each request as the system call would be counted."""

import ctypes
import mmap
import os

from tests.host import ring
from tests.host.case import Case, with_unmoved
from tests.host.ring import Request, Ring, pieces
from tests.host.workloads import Facts

BLOCK = 4096
RINGS = 3
# what moves something, of each ring; past the cache as many writes as reads
WRITTEN, READ, STRAIGHT = 4, 5, 2


def moves(path: str, straight: str) -> Facts:
    """Write and read by io_uring, at once, by a worker and by a thread that polls.

    Of each there are 4 writes and 5 reads that move something, one read at the end of the file,
    one request that fails, and an fsync; past the cache 2 writes and 2 reads, and one at the end.
    """
    moved = failed = 0
    for number, (flags, how) in enumerate(((0, 0), (0, ring.ASYNC), (ring.SQPOLL, 0))):
        target = Ring(flags)
        done, errors = _moves(target, f"{path}{number}", how)
        moved, failed = moved + done, failed + errors
        done, errors = _straight(target, f"{straight}{number}", how)
        moved, failed = moved + done, failed + errors
        target.close()
    assert moved == RINGS * (WRITTEN + READ + 2 * STRAIGHT)
    return {"failed": failed}


def _moves(target: Ring, path: str, flags: int) -> tuple[int, int]:
    """Return how many requests have moved something, and how many failed."""
    memory = mmap.mmap(-1, BLOCK)
    memory.write(b"u" * BLOCK)
    view = (ctypes.c_char * BLOCK).from_buffer(memory)
    at = ctypes.addressof(view)
    fixed, vector = pieces((at, BLOCK)), pieces((at, 3), (at, 4))
    first = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    reader = os.open(path, os.O_RDONLY)
    target.register(ring.REGISTER_BUFFERS, fixed, 1)
    target.register(ring.REGISTER_FILES, (ctypes.c_int * 2)(first, reader), 2)
    slot = flags | ring.FIXED_FILE
    two = ctypes.addressof(vector)
    wrote = [
        *target.run(Request(ring.WRITE, first, at, 11, flags=flags)),
        *target.run(Request(ring.WRITEV, first, two, 2, 11, flags=flags)),
        *target.run(Request(ring.WRITE_FIXED, first, at, 13, 18, flags=flags)),
        *target.run(Request(ring.WRITE, 0, at, 17, 31, flags=slot)),
        *target.run(Request(ring.FSYNC, first, flags=flags)),
        *target.run(Request(ring.WRITE, reader, at, 1, flags=flags)),
    ]
    assert wrote == [11, 7, 13, 17, 0, -9], wrote
    read = [
        *target.run(Request(ring.READ, reader, at, 11, flags=flags)),
        *target.run(Request(ring.READV, reader, two, 2, 11, flags=flags)),
        *target.run(Request(ring.READ_FIXED, reader, at, 13, 18, flags=flags)),
        *target.run(Request(ring.READ, 1, at, 19, flags=slot)),
        *target.run(Request(ring.READ, reader, at, BLOCK, 31, flags=flags)),  # what there is
        *target.run(Request(ring.READ, reader, at, 1, 48, flags=flags)),
    ]
    assert read == [11, 7, 13, 19, 17, 0], read
    target.register(ring.UNREGISTER_FILES, None, 0)
    target.settle()  # our closes are the last
    os.close(first)
    os.close(reader)
    results = (*wrote, *read)
    return sum(it > 0 for it in results), sum(it < 0 for it in results)


def _straight(target: Ring, path: str, flags: int) -> tuple[int, int]:
    """Write and read past the cache; return as _moves does."""
    memory = mmap.mmap(-1, BLOCK)
    memory.write(b"d" * BLOCK)
    view = (ctypes.c_char * BLOCK).from_buffer(memory)
    at = ctypes.addressof(view)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_DIRECT, 0o600)
    results = [
        *target.run(Request(ring.WRITE, descriptor, at, BLOCK, flags=flags)),
        *target.run(Request(ring.WRITE, descriptor, at, BLOCK, flags=flags)),  # over itself
        *target.run(Request(ring.READ, descriptor, at, BLOCK, flags=flags)),
        *target.run(Request(ring.READ, descriptor, at, BLOCK, flags=flags)),
        *target.run(Request(ring.READ, descriptor, at, BLOCK, BLOCK, flags=flags)),
    ]
    assert results == [BLOCK] * 4 + [0]
    target.settle()
    os.close(descriptor)
    return sum(it > 0 for it in results), 0


_OPENED = {"CREATE": 1, "OPEN": 1, "CLOSE_WRITE": 1}
_MOVES = _OPENED | {"OPEN": 2, "MODIFY": WRITTEN, "ACCESS": READ, "CLOSE_NOWRITE": 1}
_STRAIGHT = _OPENED | {"MODIFY": STRAIGHT, "ACCESS": STRAIGHT}
_MOVED, _MOVED_TRACED = with_unmoved(
    {
        f"{name}{number}": counts
        for number in range(RINGS)
        for name, counts in {"w": _MOVES, "d": _STRAIGHT}.items()
    }
)
CASES = (Case("ring", moves, lambda d: [d / "w", d / "d"], _MOVED, traced=_MOVED_TRACED),)
