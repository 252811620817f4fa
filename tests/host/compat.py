# SPDX-License-Identifier: Apache-2.0
"""Workloads that make system calls of the 32-bit ABI of x86, as a 64-bit process can, too."""

import ctypes
import mmap
import os
import platform
import stat

from tests.host.workloads import READ_BYTES, READS, WRITE_BYTES, WRITES, Facts

HAS_COMPAT = platform.machine() == "x86_64"
MAP_32BIT = 0x40
# arch/x86/entry/syscalls/syscall_32.tbl
READ, OPEN, CLOSE, UNLINK, MKNOD, CHMOD, RENAME = 3, 5, 6, 10, 14, 15, 38
SETXATTR, REMOVEXATTR, MKNODAT = 226, 235, 297
PWRITE64, OPENAT, FALLOCATE, COPY_FILE_RANGE = 181, 295, 324, 377
AIO = (245, 246, 247, 248)  # setup, destroy, getevents, submit
AT_FDCWD = 0xFFFFFF9C
# rax, rbx, rcx, rdx, rsi, rdi and rbp from the array that the argument points to; int 0x80
CODE = bytes.fromhex(
    "53 55 488b07 488b5f08 488b4f10 488b5718 488b7720 488b6f30 488b7f28 cd80 5d 5b c3"
)


class Calls:
    """System calls of the 32-bit ABI.

    Attributes:
        low: Where texts are handed over, below 4 GiB.
    """

    def __init__(self) -> None:
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(CODE)
        entry = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._enter = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(entry)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_size_t
        how = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT
        self.low = libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE, how, -1, 0)
        assert self.low < 1 << 32

    def __call__(self, number: int, *arguments: int | str | bytes) -> int:
        """Make a call; a text ends with a NUL, bytes are room of their length."""
        values, used = [number], self.low
        for each in arguments:
            if isinstance(each, int):
                values.append(each)
                continue
            data = os.fsencode(each) + b"\0" if isinstance(each, str) else each
            ctypes.memmove(used, data, len(data))
            values.append(used)
            used += len(data)
        result = self._enter(ctypes.byref((ctypes.c_long * 7)(*values)))
        assert ctypes.c_int(result).value >= 0, os.strerror(-ctypes.c_int(result).value)
        return int(result)


def calls(written: str, read: str, copied: str, *named: str) -> Facts:
    """Write, read, copy, rename, change, delete and make by calls of the 32-bit ABI."""
    call = Calls()
    writer = call(OPENAT, AT_FDCWD, written, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
    for number in range(WRITES - 1):
        assert call(PWRITE64, writer, b"x" * WRITE_BYTES, WRITE_BYTES, number * WRITE_BYTES, 0)
    assert call(FALLOCATE, writer, 0, 0, 0, WRITE_BYTES, 0) == 0
    call(CLOSE, writer)
    reader = call(OPEN, read, os.O_RDONLY, 0)
    for _ in range(READS):
        assert call(READ, reader, b"r" * READ_BYTES, READ_BYTES) == READ_BYTES
    call(CLOSE, reader)
    reader = call(OPEN, read, os.O_RDONLY, 0)
    writer = call(OPEN, copied, os.O_CREAT | os.O_WRONLY, 0o600)
    assert call(COPY_FILE_RANGE, reader, (0).to_bytes(8), writer, 0, 17, 0) == 17
    call(CLOSE, reader)
    call(CLOSE, writer)
    old, new, gone, mode, *made = named
    call(MKNOD, made[0], stat.S_IFREG | 0o600, 0)
    call(MKNODAT, AT_FDCWD, made[1], stat.S_IFREG | 0o600, 0)
    call(RENAME, old, new)
    call(UNLINK, gone)
    call(CHMOD, mode, 0o600)
    call(SETXATTR, mode, "user.kf", b"v", 1, 0)
    call(REMOVEXATTR, mode, "user.kf")
    return {}
