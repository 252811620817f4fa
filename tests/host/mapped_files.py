# SPDX-License-Identifier: Apache-2.0
"""Workloads that store to files through mappings, and those that only look as if they did.

As in tests/host/workloads.py each has an exactly known outcome; `forked` runs it. Mappings are
touched by the calls of ctypes alone.
"""

import ctypes
import mmap
import os
from pathlib import Path
from typing import Any

from tests.host.case import Case, Claim, NotTraced, OnlyTraced
from tests.host.operations import CLONE_NEWNS, MS_PRIVATE_ALL, refused
from tests.host.workloads import Facts

PAGES, WRITTEN_TIMES = 5, 3
PAGE = mmap.PAGESIZE
MAP_SHARED_VALIDATE, MAP_SYNC = 0x03, 0x80000
BOTH = mmap.PROT_READ | mmap.PROT_WRITE
TMPFS, SHARING = "tmpfs", "sharing"  # ends of names of cases, for the places of their folders
NOTE = ["MAPPED_WRITABLE"]
BY_CHILD = f"only_by_child-{TMPFS}"
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.process_vm_writev.restype = ctypes.c_ssize_t


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _map(descriptor: int, prot: int, flags: int = mmap.MAP_SHARED, pages: int = PAGES) -> int:
    """Map a file from its beginning; return where."""
    size = ctypes.c_size_t(pages * PAGE)
    place = _LIBC.mmap(None, size, prot, flags, descriptor, ctypes.c_long(0))
    if place in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    return int(place)


def _unmap(place: int) -> None:
    assert _LIBC.munmap(ctypes.c_void_p(place), ctypes.c_size_t(PAGES * PAGE)) == 0


def _protect(place: int, prot: int, pages: int = PAGES) -> None:
    size = ctypes.c_size_t(pages * PAGE)
    if _LIBC.mprotect(ctypes.c_void_p(place), size, prot):
        raise OSError(ctypes.get_errno(), "mprotect")


def _store(place: int, page: int) -> None:
    ctypes.memset(place + page * PAGE, ord("s"), 7)


def _look(place: int) -> bytes:
    return b"".join(ctypes.string_at(place + page * PAGE, 1) for page in range(PAGES))


def _in_child(do: Any) -> int:
    child = os.fork()
    if child == 0:
        do()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return child


def stored(path: str, flags: str = "1") -> Facts:
    """Store to three pages of a file whose descriptor is closed."""
    descriptor = os.open(path, os.O_RDWR)
    place = _map(descriptor, BOTH, int(flags))
    os.close(descriptor)
    for page in (0, 3, 1):
        _store(place, page)
    _unmap(place)
    return {}


def stored_to_the_end(path: str) -> Facts:
    """Store, and leave the mapping to the end of the process."""
    descriptor = os.open(path, os.O_RDWR)
    _store(_map(descriptor, BOTH), 2)
    os.close(descriptor)
    return {}


def read_and_stored(path: str) -> Facts:
    """Read all pages through a mapping, and store to them then."""
    descriptor = os.open(path, os.O_RDWR)
    place = _map(descriptor, BOTH)
    assert _look(place) == b"k" * PAGES
    _store(place, 4)
    _unmap(place)
    os.close(descriptor)
    return {}


def only_read(path: str) -> Facts:
    """Read through a mapping that could be stored to."""
    descriptor = os.open(path, os.O_RDWR)
    place = _map(descriptor, BOTH)
    assert _look(place) == b"k" * PAGES
    _unmap(place)
    os.close(descriptor)
    return {}


def twice(path: str) -> Facts:
    """Store through two mappings of a file in turns, and write to it three times."""
    descriptor = os.open(path, os.O_RDWR)
    places = [_map(descriptor, BOTH) for _ in range(2)]
    for number in range(WRITTEN_TIMES):
        _store(places[0], number)
        os.pwrite(descriptor, b"w" * 11, 0)
        _store(places[1], number)
    for place in places:
        _unmap(place)
    os.close(descriptor)
    return {}


def by_child(path: str) -> Facts:
    """Store to a file, fork, and let the child store through the mapping that it inherits."""
    descriptor = os.open(path, os.O_RDWR)
    place = _map(descriptor, BOTH)
    _store(place, 0)

    def store() -> None:
        for page in range(2):
            _store(place, page)

    child = _in_child(store)
    _unmap(place)
    os.close(descriptor)
    return {"child": child}


def only_by_child(path: str) -> Facts:
    """Open a file, fork, and let the child map it: the child has no event of its own."""
    descriptor = os.open(path, os.O_RDWR)
    child = _in_child(lambda: _look(_map(descriptor, BOTH)))
    os.close(descriptor)
    return {"child": child}


def into_parent(path: str) -> Facts:
    """Let a child store through a mapping of its parent, by process_vm_writev."""
    descriptor = os.open(path, os.O_RDWR)
    place = _map(descriptor, BOTH)
    parent = os.getpid()

    def write() -> None:
        text = ctypes.create_string_buffer(b"v" * 13, 13)
        local = _Piece(ctypes.addressof(text), 13)
        remote = _Piece(place, 13)
        pieces = (ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
        assert _LIBC.process_vm_writev(parent, *pieces) == 13

    _LIBC.prctl(0x59616D61, ctypes.c_long(-1), 0, 0, 0)  # PR_SET_PTRACER, where Yama is there
    child = _in_child(write)
    assert ctypes.string_at(place, 13) == b"v" * 13
    _unmap(place)
    os.close(descriptor)
    return {"child": child}


def read_into(source: str, path: str) -> Facts:
    """Read one file into a mapping of another: the call stores."""
    descriptor = os.open(path, os.O_RDWR)
    place = _map(descriptor, BOTH)
    reader = os.open(source, os.O_RDONLY)
    room = (ctypes.c_char * 17).from_address(place)
    assert os.readv(reader, [room]) == 17
    os.close(reader)
    _unmap(place)
    os.close(descriptor)
    return {}


def raised(path: str) -> Facts:
    """Read through a mapping that is read-only, make two of its pages writable, store to one."""
    descriptor = os.open(path, os.O_RDWR)
    place = _map(descriptor, mmap.PROT_READ)
    assert _look(place) == b"k" * PAGES
    _protect(place, BOTH, 2)
    _store(place, 1)
    _unmap(place)
    os.close(descriptor)
    return {}


def not_shared(path: str) -> Facts:
    """Store to a private mapping, look at a shared one, lower another that is never touched."""
    descriptor = os.open(path, os.O_RDWR)
    private = _map(descriptor, BOTH, mmap.MAP_PRIVATE)
    _store(private, 1)
    read_only = _map(descriptor, mmap.PROT_READ)
    assert _look(read_only) == b"k" * PAGES
    _protect(private, mmap.PROT_READ)
    _protect(private, BOTH)
    _store(private, 2)
    anonymous = _map(descriptor, BOTH, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    _store(anonymous, 3)
    for place in (private, read_only, anonymous):
        _unmap(place)
    os.close(descriptor)
    return {}


def failed(first: str, second: str) -> Facts:
    """Fail to map files shared and writable, or to make a mapping so; seven calls fail."""
    reader, both = os.open(first, os.O_RDONLY), os.open(second, os.O_RDWR)
    place = _map(reader, mmap.PROT_READ)
    count = refused(
        lambda: _map(reader, BOTH),
        lambda: _map(reader, BOTH, MAP_SHARED_VALIDATE),
        lambda: _protect(place, BOTH),
        lambda: _map(both, BOTH, MAP_SHARED_VALIDATE | MAP_SYNC),
        lambda: _map(both, BOTH, mmap.MAP_SHARED, 0),
        lambda: _map(both, BOTH, mmap.MAP_SHARED, 1 << 40),
        lambda: _map(both + 90, BOTH),
    )
    _unmap(place)
    os.close(reader)
    os.close(both)
    return {"failed": count}


def memfds(name: str) -> Facts:
    """Store to two memfds, one of them read before; share memory without a file."""
    for each in ("read", "unread"):
        descriptor = os.memfd_create(f"{name}-{each}")
        os.ftruncate(descriptor, PAGES * PAGE)
        place = _map(descriptor, BOTH)
        if each == "read":
            assert _look(place) == bytes(PAGES)
        _store(place, 2)
        os.close(descriptor)
        _unmap(place)
    place = _map(-1, BOTH, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    _store(place, 1)
    _unmap(place)
    number = _LIBC.shmget(0, ctypes.c_size_t(PAGES * PAGE), 0o600)  # IPC_PRIVATE
    _LIBC.shmat.restype = ctypes.c_void_p
    at = _LIBC.shmat(number, None, 0)
    ctypes.memset(at, 1, 3)
    assert _LIBC.shmdt(ctypes.c_void_p(at)) == _LIBC.shmctl(number, 0, None) == 0  # IPC_RMID
    return {}


def on_overlay(base: str) -> Facts:
    """Store to a file of the lower layer of an overlayfs, in a mount namespace of its own."""
    folder = Path(base)
    options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work".encode()
    merged = os.fsencode(folder / "merged")
    assert _LIBC.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
    assert _LIBC.mount(b"none", b"/", None, MS_PRIVATE_ALL, None) == 0
    mounted = _LIBC.mount(b"none", merged, b"overlay", 0, options)
    assert mounted == 0, os.strerror(ctypes.get_errno())
    return stored(f"{folder}/merged/m")


def prepare_overlay(folder: Path) -> Path:
    """Make the layers, and a file in the lower one."""
    for name in ("lower", "upper", "work", "merged"):
        (folder / name).mkdir(parents=True)
    _file(folder / "lower" / "m")
    return folder


def _file(path: Path) -> Path:
    path.write_bytes(b"k" * PAGE * PAGES)
    return path


USED = {"OPEN": 1, "CLOSE_WRITE": 1}
STORED = {"OPEN": 1, "MODIFY": 1, "CLOSE_WRITE": 1}


def _case(
    name: str,
    workload: Any,
    events: dict[str, int],
    *,
    notes: Any = OnlyTraced(NOTE),  # noqa: B008 - never changed
    traced: dict[str, int] | None = None,
    more: tuple[str, ...] = (),
) -> Case:
    """Return a case with one file; by tracepoint no store is seen."""
    return Case(
        name,
        workload,
        lambda d: [_file(d / "m"), *more],
        {"m": events},
        classes={"MODIFY": "file.mapped"},
        fields={"m": {} if notes is None else {"FileNotes": notes}},
        traced={"m": traced or USED},
    )


CASES = (
    _case("stored", stored, STORED),
    _case("stored_checked", stored, STORED, more=(str(MAP_SHARED_VALIDATE),)),
    _case(f"stored-{SHARING}", stored, STORED),
    _case(f"stored-{TMPFS}", stored, STORED),
    _case("stored_to_the_end", stored_to_the_end, STORED),
    _case("read_stored", read_and_stored, STORED),
    _case(f"read_stored-{SHARING}", read_and_stored, STORED),
    # nothing tells of the store, or that there was none
    _case(f"read_stored-{TMPFS}", read_and_stored, USED, notes=NOTE),
    _case("only_read", only_read, USED),
    _case(f"only_read-{TMPFS}", only_read, USED, notes=NOTE),
    _case(
        "stored_twice",
        twice,
        STORED | {"MODIFY": WRITTEN_TIMES + 1},
        traced=STORED | {"MODIFY": WRITTEN_TIMES},
    ),
    _case("raised", raised, STORED, notes=None),
    _case("not_shared", not_shared, USED, notes=None),
    _case(f"not_shared-{TMPFS}", not_shared, USED, notes=None),
    _case(f"raised-{TMPFS}", raised, USED, notes=NotTraced(NOTE)),
    # of parent or child, whoever is last
    _case("stored_by_child", by_child, STORED | {"MODIFY": 2}, notes=Claim.MAYBE),
    _case(BY_CHILD, only_by_child, USED, notes=Claim.MAYBE),
    _case("stored_from_outside", into_parent, STORED, notes=Claim.MAYBE),
    Case(
        "stored_by_read",
        read_into,
        lambda d: [_file(d / "from"), _file(d / "m")],
        {"from": {"OPEN": 1, "ACCESS": 1, "CLOSE_NOWRITE": 1}, "m": STORED},
        classes={"MODIFY": "file.mapped"},
        fields={"m": {"FileNotes": OnlyTraced(NOTE)}},
        traced={"from": {"OPEN": 1, "ACCESS": 1, "CLOSE_NOWRITE": 1}, "m": USED},
    ),
    Case(
        "not_mapped",
        failed,
        lambda d: [_file(d / "first"), _file(d / "second")],
        {"first": {"OPEN": 1, "CLOSE_NOWRITE": 1}, "second": USED},
        refused=("file.mapped",),
    ),
)
