# SPDX-License-Identifier: Apache-2.0
"""Workloads for names and direct descriptors by io_uring, counted as the system calls would be.

What a kernel cannot do by io_uring yet is done by the system call, so that the events are the same
on each. No splice: by kprobe its end is not seen while many threads wait in others, as some do in
the run that this is part of.
"""

import ctypes
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.host import ring
from tests.host.case import Case, Claim, Events
from tests.host.ring import Request, Ring
from tests.host.workloads import Facts

BLOCK = 4096
XATTR, VALUE = "trusted.kf", b"13 characters"
# direct descriptors are as old as these; no request tells of them
DIRECT = ring.SYMLINKAT
BY_CALL = -1  # no request at all
# before 6.4 a kernel thread drops what a ring has closed, and nobody is told
RELEASE = tuple(int(part) for part in os.uname().release.split(".")[:2])
CLOSED_AT_ONCE = RELEASE >= (6, 4) or RELEASE < (5, 15)
WAYS = ((0, 0), (0, ring.ASYNC), (ring.SQPOLL, 0))
NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR
# each event by the request that makes it
WANTED = (
    ("n", "CREATE", ring.OPENAT, 1),
    ("n", "OPEN", ring.OPENAT, 1),
    ("n", "MODIFY", ring.FALLOCATE, 2),
    ("n", "CLOSE_WRITE", ring.CLOSE, 1),
    ("t", "CREATE", BY_CALL, 1),
    ("t", "OPEN", BY_CALL, 1),
    ("t", "ATTRIB", ring.FSETXATTR, 1),
    ("t", "MODIFY", ring.FTRUNCATE, 1),
    ("t", "CLOSE_WRITE", BY_CALL, 1),
    ("l", "CREATE", ring.LINKAT, 1),
    ("s", "CREATE", ring.SYMLINKAT, 1),
    ("m", "MOVED_FROM", ring.RENAMEAT, 1),
    ("m", "MOVED_TO", ring.RENAMEAT, 1),
)
# apart: the file system gives the inode of what was removed to what is made next
WANTED_REMOVALS = (("o", "DELETE", ring.UNLINKAT, 1),)
WANTED_DIRECT = (
    ("d", "CREATE", DIRECT, 1),
    ("d", "OPEN", DIRECT, 1),
    ("d", "MODIFY", DIRECT, 3),
    ("d", "ACCESS", DIRECT, 2),
    *((("d", "CLOSE_WRITE", DIRECT, 1),) if CLOSED_AT_ONCE else ()),
)
# what is still open is told at the end of its process, in any order
WAYS_DIRECT = WAYS if CLOSED_AT_ONCE else WAYS[:1]


def names(folder: str) -> Facts:
    """Open, change, link, rename and remove: at once, by a worker and by a thread that polls."""
    for number, (flags, how) in enumerate(WAYS):
        target = Asked(Ring(flags), how)
        _opened(target, f"{folder}/n{number}")
        _changed(target, f"{folder}/t{number}")
        _named(target, folder, number)
        target.ring.close()
    return {}


def removals(folder: str) -> Facts:
    """Remove a file each."""
    for number, (flags, how) in enumerate(WAYS):
        target = Asked(Ring(flags), how)
        path = f"{folder}/o{number}"
        kept, at = _text(path)
        target.one(Request(ring.UNLINKAT, ring.AT_FDCWD, at), partial(os.unlink, path))
        target.ring.close()
        del kept
    return {}


def direct(folder: str) -> Facts:
    """The same with files that are only in the table of a ring: no descriptor of the process."""
    for number, (flags, how) in enumerate(WAYS_DIRECT):
        target = Asked(Ring(flags), how)
        _direct(target, f"{folder}/d{number}")
        target.ring.close()
    return {}


class Asked:
    """Asks a ring for what its kernel knows.

    Args:
        target: The ring.
        flags: Of each request.
    """

    def __init__(self, target: Ring, flags: int) -> None:
        self.ring = target
        self._flags = flags

    def one(self, request: Request, other: Callable[[], int | None]) -> int:
        """Return the result of a request, or of the other call where the kernel does not know it.

        Raises:
            OSError: it fails.
        """
        if not self.ring.knows(request.opcode):
            return other() or 0
        return self.each(request)[0]

    def each(self, *requests: Request) -> list[int]:
        """Return the results of requests, one after the other.

        Raises:
            OSError: one fails.
        """
        results = []
        for request in requests:
            (result,) = self.ring.run(request._replace(flags=request.flags | self._flags))
            if result < 0:
                raise OSError(-result, f"{os.strerror(-result)}: {request}")
            results.append(result)
        return results


def _text(text: str | bytes) -> tuple[ctypes.Array[ctypes.c_char], int]:
    """Return a text in memory that has to be kept, and its address."""
    memory = ctypes.create_string_buffer(os.fsencode(text))
    return memory, ctypes.addressof(memory)


def _opened(target: Asked, path: str) -> None:
    """Open by a name, give it room, and close."""
    kept, at = _text(path)
    opening = Request(ring.OPENAT, ring.AT_FDCWD, at, 0o600, how=NEW)
    first = target.one(opening, lambda: os.open(path, NEW, 0o600))
    for at_byte in (0, BLOCK):
        growing = Request(ring.FALLOCATE, first, address=BLOCK, offset=at_byte)
        target.one(growing, partial(os.posix_fallocate, first, at_byte, BLOCK))
    target.one(Request(ring.CLOSE, first), lambda: os.close(first))
    del kept


def _changed(target: Asked, path: str) -> None:
    """Change by a descriptor what only newer kernels change by io_uring."""
    first = os.open(path, NEW, 0o600)
    kept_name, name = _text(XATTR)
    kept_value, value = _text(VALUE)
    noting = Request(ring.FSETXATTR, first, name, len(VALUE), value)
    target.one(noting, lambda: os.setxattr(first, XATTR, VALUE))
    target.one(Request(ring.FTRUNCATE, first, offset=7), lambda: os.ftruncate(first, 7))
    target.ring.settle()  # our close is the last
    os.close(first)
    del kept_name, kept_value


def _direct(target: Asked, path: str) -> None:
    """A file that is only in the table of the ring: no descriptor of the process."""
    kept, at = _text(path)
    memory, there = _text(b"d" * BLOCK)
    if target.ring.knows(DIRECT):
        target.ring.register(ring.REGISTER_FILES, (ctypes.c_int * 1)(-1), 1)
        one = Request(ring.WRITE, 0, there, 11, flags=ring.FIXED_FILE)
        opening = Request(ring.OPENAT, ring.AT_FDCWD, at, 0o600, how=NEW, slot=1)
        moves = [one._replace(offset=13 * number) for number in range(3)]
        reads = [each._replace(opcode=ring.READ) for each in moves[:2]]
        closing = Request(ring.CLOSE, 0, slot=1)
        assert target.each(opening, *moves, *reads, closing) == [0, *[11] * 5, 0]
        target.ring.register(ring.UNREGISTER_FILES, None, 0)
    else:
        descriptor = os.open(path, NEW, 0o600)
        for number in range(3):
            os.pwrite(descriptor, memory.raw[:11], 13 * number)
        for number in range(2):
            os.pread(descriptor, 11, 13 * number)
        os.close(descriptor)
    del kept


def _named(target: Asked, folder: str, number: int) -> None:
    """Links and a rename, none of which opens anything."""
    paths = {name: f"{folder}/{name}{number}" for name in ("n", "l", "s", "old", "m")}
    texts = {name: _text(path) for name, path in paths.items()}

    def both(opcode: int, first: str, second: str) -> Request:
        """Of two names, both from the working directory."""
        here = ring.AT_FDCWD
        where = here & 0xFFFFFFFF
        return Request(opcode, here, texts[first][1], where, texts[second][1])

    target.one(both(ring.LINKAT, "old", "l"), lambda: os.link(paths["old"], paths["l"]))
    pointing = both(ring.SYMLINKAT, "n", "s")._replace(length=0)
    target.one(pointing, lambda: os.symlink(paths["n"], paths["s"]))
    target.one(both(ring.RENAMEAT, "old", "m"), lambda: os.rename(paths["old"], paths["m"]))


Wanted = tuple[tuple[str, str, int, int], ...]


def _counts(wanted: Wanted, rings: int, known: frozenset[int]) -> Events:
    """Return the events of requests that are not among those."""
    counts: dict[str, Counter[str]] = {}
    for number in range(rings):
        for name, event, opcode, count in wanted:
            if opcode not in known:
                counts.setdefault(f"{name}{number}", Counter())[event] += count
    return {path: dict(of_path) for path, of_path in counts.items()}


def _known() -> frozenset[int]:
    """Return what this kernel can do by io_uring, as far as it is asked for here."""
    try:
        target = Ring()
    except OSError:
        return frozenset()
    asked = {opcode for _, _, opcode, _ in (*WANTED, *WANTED_REMOVALS, *WANTED_DIRECT)}
    known = frozenset(opcode for opcode in asked if target.knows(opcode))
    target.close()
    return known


def _prepared(folder: Path) -> Path:
    """Make what is renamed and what is removed."""
    for number in range(len(WAYS)):
        for name in ("old", "o"):
            folder.joinpath(f"{name}{number}").write_bytes(b"k" * 11)
    return folder


def _fields(path: str) -> dict[str, Any]:
    """Return what is known of a record; the kernel chooses the thread, which may be a worker."""
    known: dict[str, Any] = {"Proc": Claim.ANY, "ProcTID": Claim.ANY}
    if path.startswith("m"):
        known["FileOrigin"] = path.replace("m", "old")
    if path.startswith("l"):
        known["FileStatusChangeTime"] = Claim.ANY  # the other name is renamed later
    if path.startswith("s"):  # it is seen when it is made
        known |= dict.fromkeys(("FileSizeChange", "FileModificationTimeChange"), Claim.ABSENT)
    if path.startswith("d") and not CLOSED_AT_ONCE:
        known["FileNotes"] = ["STALE"]
    return known


def _case(workload: Callable[..., Facts], wanted: Wanted, rings: int) -> Case:
    """Return a case of which nothing is seen where io_uring is not."""
    events = _counts(wanted, rings, frozenset())
    return Case(
        f"ring_{workload.__name__}",
        workload,
        lambda d: [_prepared(d)],
        events,
        fields={path: _fields(path) for path in events},
        traced=_counts(wanted, rings, _known()),
    )


CASES = (
    _case(names, WANTED, len(WAYS)),
    _case(removals, WANTED_REMOVALS, len(WAYS)),
    _case(direct, WANTED_DIRECT, len(WAYS_DIRECT)),
)
