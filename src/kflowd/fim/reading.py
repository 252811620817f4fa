# SPDX-License-Identifier: Apache-2.0
"""Reads the state of one name: with all attributes, and for a regular file its digest.

Nothing is opened but regular files and directories, none through a symbolic link, and what was
opened is compared with what was looked at. So no FIFO blocks, no device is read, and nobody turns
the look to another file.
"""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from kflowd.enrich.calls import Births
from kflowd.fim.attributes import (
    ACL_ACCESS,
    ACL_DEFAULT,
    CAPABILITY,
    SELINUX,
    acl_entries,
    capability_text,
    flag_words,
)
from kflowd.fim.state import UNREADABLE, UNSTABLE, FileType, State

# _IOR('f', 1, long) and _IOR('v', 1, long), for kernels of 64 bits; both give 32 bits
FS_IOC_GETFLAGS, FS_IOC_GETVERSION = 0x80086601, 0x80087601
PIECE = 1 << 20
# Of a file that is too large so much at its beginning, in its middle and at its end.
SAMPLE = 1 << 20
# A file that is being written is read so often until it holds still.
ATTEMPTS = 3
# as far as times are told apart: the year 2262
MOST_NS = (1 << 63) - 1
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TYPES: dict[int, FileType] = {
    stat.S_IFREG: "regular",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
}


class ChangedError(OSError):
    """What was opened is not what was looked at."""


class Wanted(NamedTuple):
    """How content is read.

    Attributes:
        max_size: Of larger files samples are taken.
        prefix: The digest of so many bytes at the beginning is wanted, too; None: it is not.
        whole: Whatever the size.
        keep: A content of at most so many bytes is kept for who reads what it says.
    """

    max_size: int
    prefix: int | None = None
    whole: bool = False
    keep: int = 0


class Digest(NamedTuple):
    """What was read of a content."""

    sha256: bytes
    sampled: bool = False
    prefix_sha256: bytes | None = None


class Reader:
    """Reads states.

    Args:
        user: Returns the name of a user by number, "" if there is none.
        group: The same of a group.
        spent: Called with the bytes that were read of a content.

    Attributes:
        kept: The content of the last name, None: it was not wanted, or is larger.
    """

    def __init__(
        self,
        user: Callable[[int], str],
        group: Callable[[int], str],
        spent: Callable[[int], None] = lambda _bytes: None,
    ) -> None:
        self._user = user
        self._group = group
        self._spent = spent
        self.kept: bytes | None = None
        self._birth = Births()
        # devices whose file systems have no flags, or no generations
        self._without: set[tuple[int, int]] = set()

    def read(
        self,
        folder: int,
        name: bytes,
        wanted: Wanted,
        status: os.stat_result | None = None,
    ) -> State:
        """Return the state of a name in an open folder.

        Args:
            folder: Its descriptor.
            name: In it.
            wanted: How content is read.
            status: What lstat(2) has just said of it, None: it was not asked.

        Raises:
            FileNotFoundError: There is no such name.
            OSError: It cannot be looked at.
        """
        self.kept = None
        for _ in range(ATTEMPTS):
            status = status or os.stat(name, dir_fd=folder, follow_symlinks=False)
            try:
                return self._state(folder, name, status, wanted)
            except (ChangedError, FileNotFoundError):
                status = None  # gone meanwhile, or replaced: the next look says so
            except OSError as error:
                note = f"{UNREADABLE}: {errno.errorcode.get(error.errno or 0, str(error.errno))}"
                return self._plain(status, note=note)
        return self._plain(os.stat(name, dir_fd=folder, follow_symlinks=False), note=UNSTABLE)

    def _state(self, folder: int, name: bytes, status: os.stat_result, wanted: Wanted) -> State:
        kind = stat.S_IFMT(status.st_mode)
        opens = kind in {stat.S_IFREG, stat.S_IFDIR}
        descriptor = _open(folder, name, _FLAGS if opens else os.O_PATH | _FLAGS)
        try:
            found = os.fstat(descriptor)
            if _key(found) != _key(status):
                raise ChangedError(errno.ESTALE, "another file")
            more = self._attributes(descriptor, found, opens=opens)
            if kind == stat.S_IFREG:
                return self._regular(descriptor, found, wanted, more)
            # of what was opened, whatever has the name by now
            target = os.readlink(b"", dir_fd=descriptor) if kind == stat.S_IFLNK else None
            return self._plain(found, target=target, **more)
        finally:
            os.close(descriptor)

    def _regular(
        self, descriptor: int, before: os.stat_result, wanted: Wanted, more: dict[str, Any]
    ) -> State:
        """Return the state of an open file, read until it holds still."""
        for attempt in range(ATTEMPTS):
            digest = self._digest(descriptor, before.st_size, wanted)
            after = os.fstat(descriptor)
            still = _content_key(after) == _content_key(before)
            if still or attempt == ATTEMPTS - 1:
                break
            before = after
        return self._plain(
            before,
            sha256=digest.sha256,
            sampled=digest.sampled,
            prefix_size=None if digest.prefix_sha256 is None else wanted.prefix,
            prefix_sha256=digest.prefix_sha256,
            note="" if still else UNSTABLE,
            **more,
        )

    def _plain(self, status: os.stat_result, **more: Any) -> State:  # noqa: ANN401 - members
        kind = _TYPES[stat.S_IFMT(status.st_mode)]
        return State(
            type=kind,
            size=status.st_size,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            user=self._user(status.st_uid),
            group=self._group(status.st_gid),
            device=status.st_dev,
            inode=status.st_ino,
            links=status.st_nlink,
            mtime_ns=_kept(status.st_mtime_ns),
            ctime_ns=_kept(status.st_ctime_ns),
            special=status.st_rdev if kind in {"character", "block"} else 0,
            **more,
        )

    def _attributes(
        self, descriptor: int, status: os.stat_result, *, opens: bool
    ) -> dict[str, Any]:
        birth = self._birth(descriptor)
        more: dict[str, Any] = {"birth_ns": None if birth is None else _kept(birth)}
        if opens:
            flags = self._asked(descriptor, FS_IOC_GETFLAGS, status.st_dev)
            more["flags"] = None if flags is None else flag_words(flags)
            more["generation"] = self._asked(descriptor, FS_IOC_GETVERSION, status.st_dev)
        # the kernel goes by the inode of such a name, also of a link or a device
        place: int | str = descriptor if opens else f"/proc/self/fd/{descriptor}"
        try:
            names = os.listxattr(place)
        except OSError:  # the file system has none
            names = []
        if names:
            more |= extended((it, _value(place, it)) for it in names)
        return more

    def _asked(self, descriptor: int, request: int, device: int) -> int | None:
        """Return what an inode answers to a request, None: its file system does not know it."""
        if (device, request) in self._without:
            return None
        answer = bytearray(8)
        try:
            fcntl.ioctl(descriptor, request, answer)
        except OSError as error:
            if error.errno in {errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}:
                self._without.add((device, request))
            return None
        return int.from_bytes(answer[:4], "little")

    def _digest(self, descriptor: int, size: int, wanted: Wanted) -> Digest:
        if size > wanted.max_size and not wanted.whole:
            return Digest(self._sampled(descriptor, size), sampled=True)
        total = hashlib.sha256()
        kept: list[bytes] | None = [] if size <= wanted.keep else None
        prefix = None if wanted.prefix is None or wanted.prefix > size else wanted.prefix
        digest = total.digest() if prefix == 0 else None
        at = 0
        # what has grown meanwhile is read again; files of proc are larger than they say
        end = size or PIECE
        while at < end:
            until = prefix if prefix is not None and at < prefix else end
            piece = os.pread(descriptor, min(PIECE, until - at), at)
            if not piece:
                break
            total.update(piece)
            if kept is not None:
                kept.append(piece)
            at += len(piece)
            if at == prefix:
                digest = total.digest()
        self._spent(at)
        self.kept = b"".join(kept) if wanted.keep and kept is not None else None
        return Digest(total.digest(), prefix_sha256=digest)

    def _sampled(self, descriptor: int, size: int) -> bytes:
        total = hashlib.sha256(size.to_bytes(8, "little"))
        for at in (0, (size - SAMPLE) // 2, size - SAMPLE):
            total.update(os.pread(descriptor, SAMPLE, max(0, at)))
        self._spent(3 * SAMPLE)
        return total.digest()


def extended(values: Iterable[tuple[str, bytes | None]]) -> dict[str, Any]:
    """Return extended attributes as members of a state; None: it was gone when it was read."""
    found: dict[str, Any] = {}
    xattrs: dict[str, str] = {}
    acl: tuple[str, ...] = ()
    for name, value in sorted(values):
        if value is None:
            continue
        if name == ACL_ACCESS:
            acl += acl_entries(value)
        elif name == ACL_DEFAULT:
            acl += acl_entries(value, "default:")
        elif name == CAPABILITY:
            found["capabilities"] = capability_text(value)
        elif name == SELINUX:
            found["label"] = value.rstrip(b"\0").decode("utf-8", "backslashreplace")
        else:
            xattrs[_known(os.fsencode(name))] = hashlib.sha256(value).hexdigest()
    return found | {"acl": acl, "xattrs": xattrs}


def _known(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:  # as text it could be another one's
        return f"hex:{name.hex()}"


def _kept(time_ns: int) -> int:
    """Return a time as it is kept: who owns a file may set one that has more than 64 bits."""
    return max(-MOST_NS - 1, min(time_ns, MOST_NS))


def _value(place: int | str, name: str) -> bytes | None:
    with suppress(OSError):
        return os.getxattr(place, name)
    return None


def _open(folder: int, name: bytes, flags: int) -> int:
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=folder)
    except PermissionError:  # the time is kept for the owner and root alone
        return os.open(name, flags, dir_fd=folder)


def _key(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_dev, status.st_ino, stat.S_IFMT(status.st_mode)


def _content_key(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
