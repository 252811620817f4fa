# SPDX-License-Identifier: Apache-2.0
"""Workloads on files that no usual open has made or named: mknod, O_TMPFILE, handles, reflinks.

As in tests/host/workloads.py each has an exactly known outcome; `forked` runs it.
"""

import ctypes
import fcntl
import os
import stat
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.host.operations import refused
from tests.host.workloads import Facts

FICLONE, FICLONERANGE, FIDEDUPERANGE = 0x40049409, 0x4020940D, 0xC0189436
BLOCK = 4096  # of the file system that shares blocks
AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
XFS_BYTES = 320 << 20  # of a sparse file; mkfs.xfs makes none below 300 MiB


@contextmanager
def sharing_volume(folder: Path) -> Iterator[Path]:
    """Mount a file system in which files can share blocks, for as long as the context lasts."""
    image = folder.with_suffix(".img")
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(XFS_BYTES)
    for module in ("loop", "xfs"):  # or it is built in
        subprocess.run(["modprobe", "-q", module], check=False)
    subprocess.run(["mkfs.xfs", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        image.unlink()


def mknod(folder: str) -> Facts:
    """Make three files by mknod, a pipe, a socket and a device; three calls fail."""
    os.mknod(f"{folder}/one", stat.S_IFREG | 0o604)
    os.mknod(f"{folder}/two", 0o640)  # no type is a regular file
    directory = os.open(folder, os.O_RDONLY)
    os.mknod("three", stat.S_IFREG | 0o600, dir_fd=directory)
    os.close(directory)
    os.mknod(f"{folder}/pipe", stat.S_IFIFO | 0o600)
    os.mknod(f"{folder}/socket", stat.S_IFSOCK | 0o600)
    os.mknod(f"{folder}/device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    return {
        "failed": refused(
            lambda: os.mknod(f"{folder}/one", stat.S_IFREG | 0o600),
            lambda: os.mknod(f"{folder}/missing/four", stat.S_IFREG | 0o600),
            lambda: os.mknod(f"{folder}/five", stat.S_IFDIR | 0o700),
        )
    }


def _link(source: str, target: str) -> None:
    """Make a hard link of what a symbolic link leads to; os.link does not follow it everywhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(source), os.fsencode(target)
    made = libc.linkat(AT_FDCWD, names[0], AT_FDCWD, names[1], AT_SYMLINK_FOLLOW)
    assert made == 0, os.strerror(ctypes.get_errno())


def tmpfiles(folder: str) -> Facts:
    """Make two files without a name; the second gets one while it is open. Two calls fail."""
    first = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    for _ in range(3):
        os.write(first, b"t" * 7)
    copy = os.dup(first)
    second = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    for _ in range(5):
        os.write(second, b"t" * 11)
    _link(f"/proc/self/fd/{second}", f"{folder}/linked")
    os.write(second, b"t" * 13)
    inodes = [os.fstat(each).st_ino for each in (first, second)]
    for each in (first, copy, second):
        os.close(each)
    failed = refused(
        lambda: os.open(f"{folder}/missing", os.O_TMPFILE | os.O_RDWR, 0o600),
        lambda: os.open(f"{folder}/linked", os.O_TMPFILE | os.O_RDWR, 0o600),
    )
    return {"inodes": inodes, "failed": failed}


class _Handle(ctypes.Structure):
    """struct file_handle with the most bytes that one can have."""

    _fields_ = (("size", ctypes.c_uint), ("kind", ctypes.c_int), ("bytes", ctypes.c_char * 128))


def handle(folder: str, name: str) -> Facts:
    """Open a file by its handle, read 3 times; open it again, write twice."""
    libc = ctypes.CDLL(None, use_errno=True)
    of_file, mount = _Handle(128), ctypes.c_int()
    path = os.fsencode(f"{folder}/{name}")
    got = libc.name_to_handle_at(AT_FDCWD, path, ctypes.byref(of_file), ctypes.byref(mount), 0)
    assert got == 0, os.strerror(ctypes.get_errno())
    directory = os.open(folder, os.O_RDONLY)
    for flags in (os.O_RDONLY, os.O_WRONLY):
        descriptor = libc.open_by_handle_at(directory, ctypes.byref(of_file), flags)
        assert descriptor >= 0, os.strerror(ctypes.get_errno())
        for _ in range(3 if flags == os.O_RDONLY else 2):
            if flags == os.O_RDONLY:
                os.read(descriptor, 5)
            else:
                os.write(descriptor, b"h")
        os.close(descriptor)
    os.close(directory)
    return {}


def clone(source: str, whole: str, part: str) -> Facts:
    """Share a file as a whole with one file, two pieces of it with another; three calls fail.

    What is compared and shared by a dedupe does not change: that is no event.
    """
    reader = os.open(source, os.O_RDONLY)
    first = os.open(whole, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    second = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    fcntl.ioctl(first, FICLONE, reader)
    for place in (0, BLOCK):
        fcntl.ioctl(second, FICLONERANGE, struct.pack("=qQQQ", reader, place, BLOCK, place))
    # struct file_dedupe_range with one file; what it did stands in the same place
    same = bytearray(struct.pack("=QQHHIqQQiI", 0, BLOCK, 1, 0, 0, second, 0, 0, 0, 0))
    fcntl.ioctl(reader, FIDEDUPERANGE, same)
    assert struct.unpack_from("=Qi", same, 40) == (BLOCK, 0)
    failed = refused(
        lambda: fcntl.ioctl(reader, FICLONE, first),  # which is not open for reading
        lambda: fcntl.ioctl(second, FICLONERANGE, struct.pack("=qQQQ", reader, 7, 11, 13)),
        lambda: fcntl.ioctl(second, FICLONERANGE, struct.pack("=qQQQ", reader, 1 << 40, BLOCK, 0)),
    )
    for each in (reader, first, second):
        os.close(each)
    return {"failed": failed}


def copy_blocks(source: str, target: str) -> Facts:
    """Copy three blocks by copy_file_range(2), for which the file system shares them."""
    reader = os.open(source, os.O_RDONLY)
    writer = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    for _ in range(3):
        assert os.copy_file_range(reader, writer, BLOCK) == BLOCK
    os.close(reader)
    os.close(writer)
    return {}
