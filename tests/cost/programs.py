# SPDX-License-Identifier: Apache-2.0
"""What the BPF programs of the machine have cost, and what kernel memory BPF takes. In the machine.

The kernel is asked by bpf(2) on descriptors that stay open: a reader that opened files or started
bpftool would feed the very hooks that it counts.
"""

import ctypes
import json
import os
import subprocess
from typing import NamedTuple, Self

SYS_BPF = 321  # x86-64, as is the machine
PROG_GET_NEXT_ID, PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 11, 13, 15
ATTRIBUTE_BYTES = 128
INFO_BYTES = 256
# of struct bpf_prog_info
NAME = slice(64, 80)
RUN_TIME, RUN_COUNT = slice(192, 200), slice(200, 208)


class Run(NamedTuple):
    """What a program has cost so far: nanoseconds (instructions) and runs."""

    ns: int
    runs: int


class Programs:
    """All BPF programs that are loaded now; a context manager that holds them open."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fds: dict[int, int] = {}

    def __enter__(self) -> Self:
        number = self._next(0)
        while number:
            self._fds[number] = self._call(PROG_GET_FD_BY_ID, _words(number))[0]
            number = self._next(number)
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._fds.values():
            os.close(fd)

    def read(self) -> dict[str, Run]:
        """Return the cost of each program by "name#id"; it grows only while bpf_stats is on."""
        return {f"{name}#{number}": run for number, (name, run) in self._infos().items()}

    def _infos(self) -> dict[int, tuple[str, Run]]:
        found = {}
        for number, fd in self._fds.items():
            info = ctypes.create_string_buffer(INFO_BYTES)
            address = ctypes.addressof(info).to_bytes(8, "little")
            self._call(OBJ_GET_INFO_BY_FD, _words(fd, INFO_BYTES) + address)
            data = info.raw
            name = data[NAME].partition(b"\0")[0].decode()
            found[number] = name, Run(_number(data[RUN_TIME]), _number(data[RUN_COUNT]))
        return found

    def _next(self, after: int) -> int:
        result, attribute = self._call(PROG_GET_NEXT_ID, _words(after), last=True)
        return _number(attribute[4:8]) if result == 0 else 0

    def _call(self, command: int, attribute: bytes, *, last: bool = False) -> tuple[int, bytes]:
        """Call bpf(2).

        Raises:
            OSError: It failed, and that does not mean the end of a list (`last`).
        """
        buffer = ctypes.create_string_buffer(attribute, ATTRIBUTE_BYTES)
        result = self._libc.syscall(SYS_BPF, command, buffer, ATTRIBUTE_BYTES)
        if result < 0 and not last:
            raise OSError(ctypes.get_errno(), f"bpf({command})")
        return result, buffer.raw


def memory() -> dict[str, int]:
    """Return the bytes of kernel memory that maps and programs take."""
    sizes = {}
    for kind, plural in (("map", "maps"), ("prog", "programs")):
        shown = subprocess.run(["bpftool", kind, "show", "-j"], check=True, capture_output=True)
        sizes[plural] = sum(each["bytes_memlock"] for each in json.loads(shown.stdout))
    return sizes


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
