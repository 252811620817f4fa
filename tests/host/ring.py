# SPDX-License-Identifier: Apache-2.0
"""io_uring by its system calls: a ring, and its requests."""

import contextlib
import ctypes
import mmap
import os
import struct
from typing import NamedTuple

SETUP, ENTER, REGISTER = 425, 426, 427
REGISTER_BUFFERS, REGISTER_FILES, UNREGISTER_FILES, REGISTER_PROBE = 0, 2, 3, 8
REGISTER_IOWQ_MAX_WORKERS = 19
SQPOLL = 1 << 1  # of a ring
FIXED_FILE, ASYNC = 1 << 0, 1 << 4  # of a request
_GETEVENTS, _WAKEUP = 1 << 0, 1 << 1
_OFF_CQ, _OFF_SQES = 0x8000000, 0x10000000
_ENTRIES, _SQE, _CQE = 32, 64, 16
_OPS = 256
_U64 = (1 << 64) - 1

NOP, READV, WRITEV, FSYNC, READ_FIXED, WRITE_FIXED = 0, 1, 2, 3, 4, 5
FALLOCATE, OPENAT, CLOSE, READ, WRITE = 17, 18, 19, 22, 23
RENAMEAT, UNLINKAT, SYMLINKAT, LINKAT = 35, 36, 38, 39
FSETXATTR, FTRUNCATE = 41, 55
AT_FDCWD = -100

_libc = ctypes.CDLL(None, use_errno=True)


class Request(NamedTuple):
    """struct io_uring_sqe; `slot` is file_index (from 1 on), or splice_fd_in."""

    opcode: int
    descriptor: int
    address: int = 0
    length: int = 0
    offset: int = 0
    how: int = 0
    flags: int = 0
    slot: int = 0
    buffer: int = 0

    def packed(self, number: int) -> bytes:
        """Return the bytes, with the number as its user data."""
        return struct.pack(
            "<BBHiQQIIQHHiQQ",
            *(self.opcode, self.flags, 0, self.descriptor),
            *(self.offset & _U64, self.address & _U64, self.length, self.how),
            *(number, self.buffer, 0, self.slot, 0, 0),
        )


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def pieces(*memory: tuple[int, int]) -> ctypes.Array[_Piece]:
    """Return a vector of addresses and lengths."""
    return (_Piece * len(memory))(*(_Piece(*each) for each in memory))


def call(number: int, *arguments: object) -> int:
    """Make a system call.

    Raises:
        OSError: it fails.
    """
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Ring:
    """A ring of its own. Its requests are submitted and waited for together.

    Args:
        flags: IORING_SETUP_*.
    """

    def __init__(self, flags: int = 0) -> None:
        parameters = bytearray(struct.pack("<IIII", 0, 0, flags, 0) + bytes(104))
        struct.pack_into("<I", parameters, 16, 100)  # sq_thread_idle
        there = (ctypes.c_char * len(parameters)).from_buffer(parameters)
        self.descriptor = call(SETUP, _ENTRIES, there)
        self._polled = flags & SQPOLL
        self._sq = dict(zip(_SQ, struct.unpack_from("<7I", parameters, 40), strict=True))
        self._cq = dict(zip(_CQ, struct.unpack_from("<6I", parameters, 80), strict=True))
        cq_entries = struct.unpack_from("<I", parameters, 4)[0]
        self._rings = self._map(self._sq["array"] + _ENTRIES * 4, 0)
        self._results = self._map(self._cq["cqes"] + cq_entries * _CQE, _OFF_CQ)
        self._requests = self._map(_ENTRIES * _SQE, _OFF_SQES)
        with contextlib.suppress(OSError):  # before 5.15
            self.register(REGISTER_IOWQ_MAX_WORKERS, (ctypes.c_uint32 * 2)(1, 1), 2)

    def register(self, what: int, memory: object, count: int) -> None:
        """Register buffers or files."""
        call(REGISTER, self.descriptor, what, memory, count)

    def knows(self, opcode: int) -> bool:
        """Say whether the kernel has a request of this kind."""
        probe = ctypes.create_string_buffer(16 + _OPS * 8)
        self.register(REGISTER_PROBE, probe, _OPS)
        return bool(struct.unpack_from("<H", probe, 16 + opcode * 8 + 2)[0] & 1)

    def run(self, *requests: Request) -> list[int]:
        """Return the results of requests, in their order: a negative one is an error's number."""
        mask, tail = self._number(self._rings, self._sq["mask"]), self._sq["tail"]
        end = self._number(self._rings, tail)
        for number, request in enumerate(requests):
            place = (end + number) & mask
            self._requests[place * _SQE : (place + 1) * _SQE] = request.packed(number)
            struct.pack_into("<I", self._rings, self._sq["array"] + place * 4, place)
        self._set(self._rings, tail, (end + len(requests)) & 0xFFFFFFFF)
        results: dict[int, int] = {}
        submit = 0 if self._polled else len(requests)
        flags = _GETEVENTS | (_WAKEUP if self._polled else 0)
        while len(results) < len(requests):
            call(ENTER, self.descriptor, submit, 1, flags, None, 0)
            submit = 0
            results.update(self._taken())
        return [results[number] for number in range(len(requests))]

    def settle(self) -> None:
        """Wait until no thread of the ring holds a file of a request that has its result.

        A worker lets go of a request after the result is told (io_wq_free_work). There is one
        worker, which does that before it takes the first request. It may leave the file to the
        thread that has submitted (io_free_req), which does such work after a round of requests:
        a thread that polls has done it when it takes the last one.
        """
        for flags in (ASYNC, 0, 0):
            assert self.run(Request(NOP, -1, flags=flags)) == [0]

    def close(self) -> None:
        """Give the ring back."""
        for each in (self._rings, self._results, self._requests):
            each.close()
        os.close(self.descriptor)

    def _taken(self) -> dict[int, int]:
        """Take the results that are there."""
        found = {}
        head, tail = (self._number(self._results, self._cq[it]) for it in ("head", "tail"))
        mask = self._number(self._results, self._cq["mask"])
        while head != tail:
            place = self._cq["cqes"] + (head & mask) * _CQE
            number, result = struct.unpack_from("<Qi", self._results, place)
            found[number] = result
            head = (head + 1) & 0xFFFFFFFF
        self._set(self._results, self._cq["head"], head)
        return found

    def _map(self, size: int, offset: int) -> mmap.mmap:
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        return mmap.mmap(self.descriptor, size, flags=flags, offset=offset)

    @staticmethod
    def _number(memory: mmap.mmap, offset: int) -> int:
        return ctypes.c_uint32.from_buffer(memory, offset).value

    @staticmethod
    def _set(memory: mmap.mmap, offset: int, number: int) -> None:
        """Store at once: pack_into makes it 0 first, and a thread that polls would see that."""
        ctypes.c_uint32.from_buffer(memory, offset).value = number


_SQ = ("head", "tail", "mask", "entries", "flags", "dropped", "array")
_CQ = ("head", "tail", "mask", "entries", "overflow", "cqes")
