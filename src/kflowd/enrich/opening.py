# SPDX-License-Identifier: Apache-2.0
"""Opens the very file that a record tells of, or none, and waits for nobody while it looks for it.

A path can lead anywhere by now: to another file, a FIFO, a mount that does not answer. So it is
walked without opening anything (O_PATH), through no symbolic link, and where the kernel can (5.12)
by what it has in memory alone (RESOLVE_CACHED), which asks no file system. What stands at its end
tells device and inode, again without asking (AT_STATX_DONT_SYNC), and is opened only if it is what
the record says. Before 5.12, and for what is not in memory, the mounts on the way are looked at.
"""

import errno
import fcntl
import functools
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum
from typing import NamedTuple

from kflowd.enrich.calls import CACHED, NO_MAGICLINKS, NO_SYMLINKS, look, openat2
from kflowd.enrich.devices import MINOR_BITS, parse_mountinfo

# File systems of this host's own disks and memory. What is not here may be far away, or a process.
LOCAL = frozenset(
    (
        *("bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus"),
        *("iso9660", "jfs", "minix", "msdos", "nilfs2", "ntfs3", "overlay", "ramfs", "reiserfs"),
        *("rootfs", "squashfs", "tmpfs", "udf", "vfat", "xfs", "zfs"),
    )
)
# Mounts of a namespace that are looked at; users can make any number.
MAX_MOUNTINFO = 1 << 20
NS_GET_USERNS = 0xB701
# How often a path is walked by what is in memory: a rename anywhere can make it fail.
CACHED_TRIES = 3
WALK = NO_SYMLINKS | NO_MAGICLINKS
PATH_ONLY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
CONTENT = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Outcome(IntEnum):
    """What became of a question; the numbers stand in recordings."""

    DONE = 0
    CHANGED = 1
    SKIPPED = 2
    UNREADABLE = 3
    BUSY = 4


class Key(NamedTuple):
    """One state of one file; `dev` as the kernel has it: major << 20 | minor."""

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Asked(NamedTuple):
    """One state of one file by one way to it: there may be several, not all of which lead there.

    `way` stands for path and mount namespace. Where it is that of another way by chance, an answer
    is taken for both.
    """

    key: Key
    way: int


class Question(NamedTuple):
    """Which file is to be opened.

    Attributes:
        key: What it has to be.
        user: Who used it.
        path: From the root of the mount namespace.
        fstype: Of its file system.
        mnt_ns: Number of the mount namespace, 0 not known.
        pids: Processes that may be in it.
    """

    key: Key
    user: int
    path: str
    fstype: str
    mnt_ns: int
    pids: tuple[int, ...]

    @property
    def asked(self) -> Asked:
        """What is asked: two questions of it are one."""
        way = self.path.encode("utf-8", "surrogateescape")
        return Asked(self.key, zlib.crc32(way, self.mnt_ns & 0xFFFF_FFFF))


class RefusedError(Exception):
    """The file is not opened.

    Attributes:
        outcome: Why.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.name)
        self.outcome = outcome


class _Root(NamedTuple):
    descriptor: int
    mountinfo: str
    trusted: bool


def open_verified(question: Question) -> int:
    """Return a descriptor of the file's content.

    Raises:
        RefusedError: It is not there (any more), or may not be opened.
    """
    outcome = Outcome.CHANGED
    for root in _roots(question):
        try:
            return _open_in(root, question)
        except RefusedError as error:
            outcome = error.outcome
        finally:
            os.close(root.descriptor)
    raise RefusedError(outcome)


def state_of(descriptor: int) -> Key:
    """Return what an open file is now; that asks its file system."""
    found = os.fstat(descriptor)
    dev = os.major(found.st_dev) << MINOR_BITS | os.minor(found.st_dev)
    return Key(dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _open_in(root: _Root, question: Question) -> int:
    if question.fstype not in LOCAL or (question.fstype == "overlay" and not root.trusted):
        # layers of a user's overlay may be anything
        raise RefusedError(Outcome.SKIPPED)
    try:
        found = _walk(root, question)
        try:
            status = look(found)
            dev = status.major << MINOR_BITS | status.minor
            key = Key(dev, status.ino, status.size, status.mtime_ns, status.ctime_ns)
            if not stat.S_ISREG(status.mode) or key != question.key:
                raise RefusedError(Outcome.CHANGED)
            return _open_content(found)
        finally:
            os.close(found)
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
        raise RefusedError(Outcome.CHANGED if gone else Outcome.UNREADABLE) from None


def _walk(root: _Root, question: Question) -> int:
    """Return an O_PATH descriptor of what is at the path of a question.

    Raises:
        OSError: There is no way.
        RefusedError: There is one by which others may keep us waiting.
    """
    name = question.path.lstrip("/").encode("utf-8", "surrogateescape")
    layered = False
    for _ in range(CACHED_TRIES):
        try:
            return openat2(root.descriptor, name, PATH_ONLY, WALK | CACHED)
        except OSError as error:
            # not in memory, or something was renamed just now; EINVAL: before 5.12
            if error.errno not in (errno.EAGAIN, errno.EINVAL):
                raise
            layered = error.errno == errno.EAGAIN and question.fstype == "overlay"
    # an overlay that has to ask asks its layers, which may be far away
    if layered or not root.trusted or not _is_local(root.mountinfo, question.path):
        raise RefusedError(Outcome.SKIPPED)
    return openat2(root.descriptor, name, PATH_ONLY, WALK)


def _open_content(found: int) -> int:
    """Open what an O_PATH descriptor is of; the access time stays as it is if we may say so."""
    path = f"/proc/self/fd/{found}"
    try:
        return os.open(path, CONTENT | os.O_NOATIME)
    except PermissionError:
        return os.open(path, CONTENT)


def _is_local(mountinfo: str, path: str) -> bool:
    """Say whether all mounts on a path are of this host's own file systems."""
    with open(mountinfo, "rb") as file:
        data = file.read(MAX_MOUNTINFO)
    if len(data) == MAX_MOUNTINFO:
        return False
    return all(
        mount.fstype in LOCAL
        for mount in parse_mountinfo(data.decode("utf-8", "surrogateescape"))
        if mount.point in ("/", path) or path.startswith(mount.point + "/")
    )


def _roots(question: Question) -> Iterator[_Root]:
    """Yield the root of the mount namespace, by each process that shows it; who takes it closes it.

    Whether it is that of the namespace, and not what the process has changed its root to, is not
    known: the file will tell.
    """
    folder = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    if question.mnt_ns in (0, _own("mnt")):
        yield _Root(os.open("/", folder), "/proc/self/mountinfo", trusted=True)
        return
    for pid in question.pids:
        with suppress(OSError):
            if os.stat(f"/proc/{pid}/ns/mnt").st_ino == question.mnt_ns:
                trusted = _owner(pid) == _own("user")
                root = os.open(f"/proc/{pid}/root", folder)
                yield _Root(root, f"/proc/{pid}/mountinfo", trusted)


def _owner(pid: int) -> int:
    """Return the user namespace that a process's mount namespace belongs to."""
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        owner: int = fcntl.ioctl(namespace, NS_GET_USERNS)
        try:
            return os.fstat(owner).st_ino
        finally:
            os.close(owner)
    finally:
        os.close(namespace)


@functools.cache
def _own(kind: str) -> int:
    return os.stat(f"/proc/self/ns/{kind}").st_ino
