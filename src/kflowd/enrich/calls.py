# SPDX-License-Identifier: Apache-2.0
"""Two system calls that Python has not: openat2(2) and statx(2)."""

import ctypes
import os
import struct
from typing import NamedTuple

SYS_OPENAT2 = 437  # on every architecture
# How a path is walked: through no link of proc, through no symbolic link, by what is in memory.
NO_MAGICLINKS, NO_SYMLINKS, CACHED = 0x02, 0x04, 0x20
_AT_EMPTY_PATH, _AT_STATX_DONT_SYNC, _STATX_BASIC_STATS = 0x1000, 0x4000, 0x7FF
_HOW = struct.Struct("=QQQ")  # flags, mode, resolve
# mode; inode, size; ctime, mtime; major and minor of the device
_STATX = struct.Struct("<28x H 2x QQ 8x 8x 16x 16x qI4x qI4x 8x II")
_STATX_BYTES = 256
_STATX_BTIME = 0x800
_BIRTH = struct.Struct("<I 76x qI")  # mask; when it was made

_libc = ctypes.CDLL(None, use_errno=True)


class Status(NamedTuple):
    """What statx tells; the times are nanoseconds since 1970."""

    mode: int
    ino: int
    size: int
    ctime_ns: int
    mtime_ns: int
    major: int
    minor: int


def openat2(folder: int, name: bytes, flags: int, resolve: int) -> int:
    """Return a descriptor of a path from an open folder on.

    Raises:
        OSError: EAGAIN: not by what is in memory (CACHED); EINVAL: the kernel does not know that.
    """
    how = _HOW.pack(flags, 0, resolve)
    size = ctypes.c_size_t(len(how))
    found: int = _libc.syscall(ctypes.c_long(SYS_OPENAT2), ctypes.c_int(folder), name, how, size)
    if found < 0:
        raise OSError(number := ctypes.get_errno(), os.strerror(number))
    return found


def look(descriptor: int) -> Status:
    """Return what is known of an open file in memory, without asking its file system.

    Raises:
        OSError: Nothing is.
    """
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    flags = _AT_EMPTY_PATH | _AT_STATX_DONT_SYNC
    if _libc.statx(ctypes.c_int(descriptor), b"", flags, _STATX_BASIC_STATS, buffer):
        raise OSError(number := ctypes.get_errno(), os.strerror(number))
    mode, ino, size, ctime, ctime_ns, mtime, mtime_ns, major, minor = _STATX.unpack_from(buffer.raw)
    second = 1_000_000_000
    return Status(
        mode, ino, size, ctime * second + ctime_ns, mtime * second + mtime_ns, major, minor
    )


class Births:
    """Tells when inodes were made. For one thread: a call has the buffer of the one before."""

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(_STATX_BYTES)

    def __call__(self, descriptor: int) -> int | None:
        """Return when an open file was made, nanoseconds since 1970; None: nobody knows.

        Raises:
            OSError: As of statx(2).
        """
        if _libc.statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_BTIME, self._buffer):
            raise OSError(number := ctypes.get_errno(), os.strerror(number))
        mask, seconds, rest = _BIRTH.unpack_from(self._buffer)
        return seconds * 1_000_000_000 + rest if mask & _STATX_BTIME else None
