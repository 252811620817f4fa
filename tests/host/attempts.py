# SPDX-License-Identifier: Apache-2.0
"""What fails, of exactly known outcome: the workload of test_failed.py."""

import ctypes
import mmap
import os
import resource
import stat
import sys
from contextlib import suppress
from pathlib import Path

from tests.host.operations import refused
from tests.host.workloads import NOBODY, Facts

CALLS = 64  # that fail
OPENAT2, RESOLVE_IN_ROOT, NO_SUCH_RESOLVE = 437, 0x10, 0xF000
AT_FDCWD = -100
LONG = "/".join("d" * 61 for _ in range(7))  # 433 bytes: longer than what is kept of a path

# By path below the folder and error, with what several records say added up.
FAILED: dict[tuple[str, str], dict[str, int]] = {
    ("missing", "ENOENT"): {"OPEN": 5},  # two of them as nobody
    ("inside", "ENOENT"): {"OPEN": 1},
    ("relative", "ENOENT"): {"OPEN": 2},
    ("here", "ENOENT"): {"OPEN": 5},
    ("there", "EEXIST"): {"CREATE": 2, "OPEN": 7},
    ("there", "EACCES"): {"OPEN_EXEC": 2},  # by its name, and by a descriptor
    ("there", "EBADF"): {"MODIFY": 5},
    ("there", "EPERM"): {"ATTRIB": 1},
    ("mode", "ENOENT"): {"ATTRIB": 11},
    ("removed", "ENOENT"): {"DELETE": 3},
    ("to", "ENOENT"): {"MOVED_FROM": 4, "MOVED_TO": 4},
    ("linked", "ENOENT"): {"CREATE": 1},
    ("cut", "ENOENT"): {"MODIFY": 1},
    ("program", "ENOENT"): {"OPEN_EXEC": 3},
    ("secret", "EACCES"): {"OPEN": 5},
    ("secret/below", "ENOTDIR"): {"OPEN": 1},
}


def prepare(folder: Path) -> Path:
    """Make what is there before the agent."""
    (folder / "folder" / "entry").mkdir(parents=True)
    (folder / "there").write_bytes(b"t")
    (folder / "there").chmod(0o644)
    (folder / "secret").write_bytes(b"s")
    (folder / "secret").chmod(0o600)
    return folder


def attempts(base: str) -> Facts:
    """Try what fails, each often enough, and a little that does not."""
    folder = Path(base)
    inside = os.open(folder, os.O_PATH)
    os.chdir(folder)
    there = os.open(folder / "there", os.O_RDONLY)
    os.close(os.open(folder / "there", os.O_RDONLY))
    failed = refused(
        *3 * [lambda: os.open(folder / "missing", os.O_RDONLY)],
        *2 * [lambda: os.open("relative", os.O_RDWR, dir_fd=inside)],
        *5 * [lambda: os.open("here", os.O_WRONLY)],
        *7 * [lambda: os.open(folder / "there", os.O_CREAT | os.O_EXCL | os.O_WRONLY)],
        lambda: os.symlink("target", folder / "there"),
        lambda: os.mknod(folder / "there", stat.S_IFREG | 0o600),
        lambda: os.execv(folder / "there", ["there"]),
        *5 * [lambda: os.write(there, b"x")],
        *5 * [lambda: os.chmod(folder / "mode", 0o600)],
        *3 * [lambda: os.chown(folder / "mode", 1, 1)],
        *2 * [lambda: os.utime(folder / "mode")],
        lambda: os.setxattr(folder / "mode", "user.kflowd", b"x"),
        *3 * [lambda: os.unlink(folder / "removed")],
        *2 * [lambda: os.rename(folder / "from", folder / "to")],
        lambda: os.rename("another", folder / "to"),
        lambda: os.rename(folder / LONG / "far", folder / "to"),
        lambda: os.link(folder / "none", folder / "linked"),
        lambda: os.execve(there, ["there"], {}),
        lambda: open_how(inside, b"/inside", RESOLVE_IN_ROOT),
        lambda: os.truncate(folder / "cut", 3),
        *3 * [lambda: os.execv(folder / "program", ["program"])],
        lambda: os.open(folder / "secret" / "below", os.O_RDONLY),
        *2 * [lambda: os.open(folder / LONG / "end", os.O_RDONLY)],
        # no path is attempted by these
        lambda: os.open("", os.O_RDONLY),
        _at_no_memory,
        lambda: os.close(1 << 20),
    )
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    failed += refused(
        *5 * [lambda: os.open(folder / "secret", os.O_RDONLY)],
        lambda: os.fchmod(there, 0o600),
        *2 * [lambda: os.open(folder / "missing", os.O_RDONLY)],
    )
    os.close(there)
    return {"failed": failed}


def open_how(directory: int, path: bytes | int, resolve: int) -> None:
    """Call openat2 with a path, or with what lies at an address."""
    how = (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, resolve)
    libc = ctypes.CDLL(None, use_errno=True)
    at = ctypes.c_char_p(path) if isinstance(path, bytes) else ctypes.c_void_p(path)
    if libc.syscall(OPENAT2, directory, at, how, ctypes.sizeof(how)) < 0:
        raise OSError(ctypes.get_errno(), "openat2")


def _at_no_memory() -> None:
    """Open what lies at an address where nothing is."""
    if ctypes.CDLL(None, use_errno=True).open(ctypes.c_void_p(8), os.O_RDONLY) < 0:
        raise OSError(ctypes.get_errno(), "open")


def search(base: str, paths: str) -> Facts:
    """Look for very many files that are not there."""
    for number in range(int(paths)):
        with suppress(FileNotFoundError):
            os.open(f"{base}/no-{number}", os.O_RDONLY)
    return {}


def collide(base: str) -> Facts:
    """Open two paths that a plain hash takes for one: bits of two words that cancel each other."""
    os.chdir(base)
    one = bytearray(b"./" * 12 + b"target")
    other = bytearray(one)
    other[15] ^= 0x80
    other[20] ^= 4
    other[23] ^= 0x80
    refused(lambda: os.open(bytes(other), os.O_RDONLY))
    refused(*7 * [lambda: os.open(bytes(one), os.O_RDONLY)])
    return {"one": "target", "calls": 8}


def unreadable(base: str) -> Facts:
    """Open by a path whose page is not there, and that the kernel does not come to read."""
    text = Path(base) / "text"
    text.write_bytes(b"somewhere\0".ljust(mmap.PAGESIZE, b"\0"))
    os.chdir(base)
    with text.open("r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE) as page:
        view = ctypes.c_char.from_buffer(page)
        at = ctypes.addressof(view)
        page.flush()
        page.madvise(mmap.MADV_DONTNEED)
        folder = os.open(base, os.O_PATH)
        failed = refused(
            lambda: open_how(AT_FDCWD, at, NO_SUCH_RESOLVE),
            lambda: open_how(folder, at, NO_SUCH_RESOLVE),
        )
        del view
    return {"failed": failed}


def replaced(base: str) -> Facts:
    """Run a program that has no room: it fails when this one is gone already, and dies of it."""
    os.chdir(base)
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            resource.setrlimit(resource.RLIMIT_AS, (3000 << 10, 3000 << 10))
            os.execv(os.path.realpath(sys.executable), ["python", "-c", ""])
        os._exit(1)
    _, status = os.waitpid(child, 0)
    return {"child": child, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}
