# SPDX-License-Identifier: Apache-2.0
"""What happens to directories, of exactly known outcome: the workloads of test_directories.py."""

import ctypes
import os
from collections import Counter
from pathlib import Path

from tests.host.operations import refused
from tests.host.workloads import NOBODY, Facts

LISTED, CHANGED, OPENED = 5, 7, 3
ROOM = 32768
CLONE_NEWNS, MS_PRIVATE_ALL = 0x20000, 0x44000
READ = {"OPEN": 1, "CLOSE_NOWRITE": 1}

# By path below the folder, with what several records say added up.
EVENTS: dict[str, dict[str, int]] = {
    "made": {"CREATE": 1, "DELETE": 1},
    "at": {"CREATE": 1, "DELETE": 1},
    "slash": {"CREATE": 1, "DELETE": 1},
    "same": {"CREATE": 1, "DELETE": 1},
    "same/same": {"CREATE": 1, "DELETE": 1},
    "moved": {"CREATE": 1},
    "new": {"MOVED_FROM": 1, "MOVED_TO": 1},
    "named": {"ATTRIB": CHANGED},
    "open": {"OPEN": OPENED + 1, "ACCESS": LISTED, "ATTRIB": 2, "CLOSE_NOWRITE": OPENED},
    "left": READ,
    "gone": {"CREATE": 1, "DELETE": 1, "OPEN": 1},
    "gone (deleted)": {"CLOSE_NOWRITE": 1},
    "same/file": {"CREATE": 1, "OPEN": 1, "CLOSE_WRITE": 1, "DELETE": 1},
}
FAILED = 5
FILES = ("same/file",)


def prepare(folder: Path) -> Path:
    """Make what is there before the agent."""
    for name in ("named", "open", "left"):
        (folder / name).mkdir(parents=True)
    for number in range(3):
        (folder / "open" / f"entry-{number}").touch()
    return folder


def list_by(descriptor: int) -> int:
    """Call getdents64 once; return how many bytes came."""
    room = ctypes.create_string_buffer(ROOM)
    libc = ctypes.CDLL(None, use_errno=True)
    number = 217 if os.uname().machine == "x86_64" else 61
    return int(libc.syscall(number, descriptor, room, ROOM))


def directories(base: str) -> Facts:
    """Make, remove, rename, change, open and list directories, and fail to."""
    folder = Path(base)
    inside = os.open(folder, os.O_PATH)
    os.mkdir(folder / "made", 0o751)
    os.mkdir("at", dir_fd=inside)
    os.mkdir(f"{folder}/slash//")
    os.mkdir(folder / "same")
    os.mkdir(folder / "same" / "same")
    os.mkdir(folder / "moved")
    os.rename(folder / "moved", folder / "new")
    failed = refused(
        lambda: os.mkdir(folder / "new"),
        lambda: os.rmdir(folder / "same"),
        lambda: os.rmdir(folder / "missing"),
        lambda: os.open(folder / "open", os.O_WRONLY),
        lambda: os.chmod(folder / "missing", 0o700),
    )
    _change(folder / "named")
    _open_and_list(folder / "open")
    os.close(os.open(folder / "same" / "file", os.O_CREAT | os.O_WRONLY))
    os.unlink(folder / "same" / "file")
    os.rmdir(folder / "made")
    os.rmdir("at", dir_fd=inside)
    os.rmdir(f"{folder}/slash/")
    os.rmdir(folder / "same" / "same")
    os.rmdir(folder / "same")
    os.mkdir(folder / "gone")
    gone = os.open(folder / "gone", os.O_RDONLY | os.O_DIRECTORY)
    os.rmdir(folder / "gone")
    os.close(gone)
    os.close(os.open("/", os.O_RDONLY))
    os.open(folder / "left", os.O_RDONLY)  # the end of the process closes it
    return {"failed": failed}


def _change(path: Path) -> None:
    """Change a directory by its name, CHANGED times."""
    for mode in (0o700, 0o711, 0o755):
        os.chmod(path, mode)
    os.chown(path, NOBODY, NOBODY)
    os.utime(path, ns=(1_000_000_007, 2_000_000_011))
    os.setxattr(path, "trusted.kflowd", b"x")
    os.removexattr(path, "trusted.kflowd")


def _open_and_list(path: Path) -> None:
    """Open a directory OPENED times, and once more as a duplicate; list it, change it."""
    first, *others = (os.open(path, os.O_RDONLY | os.O_DIRECTORY) for _ in range(OPENED))
    came = []
    for _ in range(LISTED):
        came.append(list_by(first))
        if not came[-1]:
            os.lseek(first, 0, os.SEEK_SET)
    assert Counter(map(bool, came)) == {True: 3, False: 2}
    os.fchmod(first, 0o700)
    os.fchmod(others[0], 0o755)
    copy = os.dup(first)
    for descriptor in (first, *others, copy):
        os.close(descriptor)


def on_overlay(base: str) -> Facts:
    """Do as much in an overlayfs, in a mount namespace of its own; none of it is in its layers."""
    folder, libc = Path(base), ctypes.CDLL(None, use_errno=True)
    options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work".encode()
    assert libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
    assert libc.mount(b"none", b"/", None, MS_PRIVATE_ALL, None) == 0
    merged = os.fsencode(folder / "merged")
    assert libc.mount(b"none", merged, b"overlay", 0, options) == 0, os.strerror(ctypes.get_errno())
    os.mkdir(folder / "merged" / "in")
    os.chmod(folder / "merged" / "below", 0o701)
    descriptor = os.open(folder / "merged" / "below", os.O_RDONLY)
    for _ in range(2):
        list_by(descriptor)
    os.close(descriptor)
    # what is made in a directory of a lower layer copies that one up
    os.close(os.open(folder / "merged" / "deep" / "file", os.O_CREAT | os.O_WRONLY))
    os.rmdir(folder / "merged" / "in")
    return {}


# the same below the merged directory
OVERLAID: dict[str, dict[str, int]] = {
    "in": {"CREATE": 1, "DELETE": 1},
    "below": {"ATTRIB": 1, "OPEN": 1, "ACCESS": 2, "CLOSE_NOWRITE": 1},
    "deep/file": {"CREATE": 1, "OPEN": 1, "CLOSE_WRITE": 1},
}


def prepare_overlay(folder: Path) -> Path:
    """Make the layers."""
    for name in ("lower/below/entry", "lower/deep", "upper", "work", "merged"):
        (folder / name).mkdir(parents=True)
    (folder / "upper" / "below" / "other").mkdir(parents=True)
    return folder
