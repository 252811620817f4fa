# SPDX-License-Identifier: Apache-2.0
"""Workloads that change what a file has beside its content: extended attributes, ACLs, flags.

As in tests/host/workloads.py each has an exactly known outcome; `forked` runs it. What a kernel
lacks is done by an older call of the same effect, so that the counts are the same everywhere.
"""

import ctypes
import errno
import fcntl
import os
import struct

from tests.host.operations import refused
from tests.host.workloads import NOBODY, Facts

SETXATTRAT, REMOVEXATTRAT, FILE_SETATTR = 463, 466, 469  # the same on all architectures
AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, NODUMP = 0x80086601, 0x40086602, 0x40
FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, XFLAG_NODUMP = 0x801C581F, 0x401C5820, 0x80
ACL = "system.posix_acl_access"


def _call(number: int, *arguments: int | bytes) -> bool:
    """Make a system call; return False if the kernel has none of this number."""
    libc = ctypes.CDLL(None, use_errno=True)
    # an int would be passed with 32 bits, and what is above them is anything
    whole = [ctypes.c_long(it) if isinstance(it, int) else it for it in arguments]
    if libc.syscall(number, *whole) == 0:
        return True
    assert ctypes.get_errno() in (errno.ENOSYS, errno.EOPNOTSUPP), os.strerror(ctypes.get_errno())
    return False


def _set_at(directory: int, path: bytes, flags: int, name: str) -> bool:
    """Set an extended attribute by setxattrat(2)."""
    value = ctypes.create_string_buffer(b"4", 1)
    how = struct.pack("=QII", ctypes.addressof(value), 1, 0)  # struct xattr_args
    return _call(SETXATTRAT, directory, path, flags, name.encode(), how, len(how))


def xattrs_by_path(path: str) -> Facts:
    """Set four extended attributes and remove three by the path; three calls fail."""
    os.setxattr(path, "user.one", b"1")
    os.setxattr(path, "user.two", b"2")
    os.setxattr(path, "user.three", b"3", follow_symlinks=False)
    if not _set_at(AT_FDCWD, os.fsencode(path), 0, "user.four"):
        os.setxattr(path, "user.four", b"4")
    os.removexattr(path, "user.one")
    os.removexattr(path, "user.two", follow_symlinks=False)
    if not _call(REMOVEXATTRAT, AT_FDCWD, os.fsencode(path), 0, b"user.three"):
        os.removexattr(path, "user.three")
    return {
        "failed": refused(
            lambda: os.setxattr(path, "user.four", b"5", os.XATTR_CREATE),
            lambda: os.removexattr(path, "user.one"),
            lambda: os.setxattr(path, "nothing", b"6"),
        )
    }


def xattrs_by_descriptor(path: str) -> Facts:
    """Set three extended attributes of an open file and remove two; two calls fail."""
    descriptor = os.open(path, os.O_RDONLY)
    os.setxattr(descriptor, "user.one", b"1")
    os.setxattr(descriptor, "user.two", b"2")
    if not _set_at(descriptor, b"", AT_EMPTY_PATH, "user.three"):
        os.setxattr(descriptor, "user.three", b"3")
    os.removexattr(descriptor, "user.one")
    os.removexattr(descriptor, "user.two")
    failed = refused(
        lambda: os.setxattr(descriptor, "user.four", b"4", os.XATTR_REPLACE),
        lambda: os.removexattr(descriptor, "user.one"),
    )
    os.close(descriptor)
    return {"failed": failed}


def _acl(of_nobody: int) -> bytes:
    """Return an ACL that lets the owner read and write, the user nobody do this, others nothing."""
    entries = ((1, 6, -1), (2, of_nobody, NOBODY), (4, 4, -1), (16, 4, -1), (32, 0, -1))
    return struct.pack("=I", 2) + b"".join(struct.pack("=HHi", *entry) for entry in entries)


def acls(path: str) -> Facts:
    """Set an ACL three times and remove it twice, by path and of the open file; two calls fail."""
    descriptor = os.open(path, os.O_RDONLY)
    os.setxattr(path, ACL, _acl(4))
    os.setxattr(descriptor, ACL, _acl(6))
    os.removexattr(path, ACL)
    os.setxattr(path, ACL, _acl(2))
    os.removexattr(descriptor, ACL)
    failed = refused(
        lambda: os.setxattr(path, ACL, b"no list"),
        # a file that is no directory gives nothing to what is made in it
        lambda: os.setxattr(path, "system.posix_acl_default", _acl(4)),
    )
    os.close(descriptor)
    return {"failed": failed}


def flags(path: str) -> Facts:
    """Set flags of an open file five times; one call fails. What is read is no change."""
    descriptor = os.open(path, os.O_RDONLY)

    def set_flags(bits: int) -> None:
        fcntl.ioctl(descriptor, FS_IOC_SETFLAGS, struct.pack("=Q", bits))

    (old,) = struct.unpack("=Q", fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8)))
    set_flags(old | NODUMP)
    set_flags(old)
    more = bytearray(fcntl.ioctl(descriptor, FS_IOC_FSGETXATTR, bytes(28)))  # struct fsxattr
    for switch in (XFLAG_NODUMP, 0):
        struct.pack_into("=I", more, 0, switch)
        fcntl.ioctl(descriptor, FS_IOC_FSSETXATTR, bytes(more))
    how = struct.pack("=QIIIII", XFLAG_NODUMP, 0, 0, 0, 0, 0)[:24]  # struct file_attr
    if not _call(FILE_SETATTR, descriptor, b"", how, len(how), AT_EMPTY_PATH):
        set_flags(old | NODUMP)
    failed = refused(lambda: set_flags(1 << 31))
    os.close(descriptor)
    return {"failed": failed}
