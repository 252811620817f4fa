# SPDX-License-Identifier: Apache-2.0
"""Linux AIO by its system calls: a context, and its requests."""

import ctypes
import platform
import struct
from typing import NamedTuple

from tests.host.ring import call

# include/uapi/asm-generic/unistd.h, and arch/x86/entry/syscalls/syscall_64.tbl
SETUP, DESTROY, GETEVENTS, SUBMIT = (
    (206, 207, 208, 209) if platform.machine() == "x86_64" else (0, 1, 4, 2)
)
READ, WRITE, FSYNC, FDSYNC, POLL, NOTHING, READV, WRITEV = 0, 1, 2, 3, 5, 6, 7, 8
NO_SUCH = 99
RESFD = 1 << 0  # of a request: an eventfd hears of its end
DSYNC, APPEND = 0x2, 0x10  # RWF_*
_EVENT = 32


class Request(NamedTuple):
    """struct iocb; `how` is aio_rw_flags."""

    opcode: int
    descriptor: int
    address: int = 0
    length: int = 0
    offset: int = 0
    how: int = 0
    eventfd: int = -1

    def packed(self, number: int) -> bytes:
        """Return the bytes, with the number as its data."""
        flags, heard = (RESFD, self.eventfd) if self.eventfd >= 0 else (0, 0)
        return struct.pack(
            "<QIIHhIQQqQII",
            *(number, 0, self.how, self.opcode, 0, self.descriptor),
            *(self.address, self.length, self.offset, 0, flags, heard),
        )


class Context:
    """A context of its own.

    Args:
        entries: How many requests it takes at least.
    """

    def __init__(self, entries: int) -> None:
        number = ctypes.c_ulong(0)
        call(SETUP, entries, ctypes.byref(number))
        self._number = number

    def submit(self, *requests: Request) -> int:
        """Submit requests by one call, and return how many were taken.

        Raises:
            OSError: the first was not.
        """
        kept = [ctypes.create_string_buffer(it.packed(n), 64) for n, it in enumerate(requests)]
        listed = (ctypes.c_void_p * len(kept))(*map(ctypes.addressof, kept))
        return call(SUBMIT, self._number, ctypes.c_long(len(kept)), listed)

    def results(self, count: int) -> list[int]:
        """Wait for the end of requests; return their results by their numbers."""
        room = ctypes.create_string_buffer(count * _EVENT)
        found: dict[int, int] = {}
        while len(found) < count:
            left = ctypes.c_long(count - len(found))
            got = call(GETEVENTS, self._number, ctypes.c_long(1), left, room, None)
            for place in range(got):
                number, _, result, _ = struct.unpack_from("<QQqq", room, place * _EVENT)
                found[number] = result
        return [found[number] for number in sorted(found)]

    def run(self, *requests: Request) -> list[int]:
        """Submit requests together and return their results in their order."""
        assert self.submit(*requests) == len(requests)
        return self.results(len(requests))

    def error(self, *requests: Request) -> int:
        """Submit requests of which the first fails; return the error's number."""
        try:
            self.submit(*requests)
        except OSError as error:
            return error.errno or 0
        return 0

    def close(self) -> None:
        """Give the context back."""
        call(DESTROY, self._number)
