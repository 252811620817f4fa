# SPDX-License-Identifier: Apache-2.0
"""BPF maps made and filled by bpf(2) itself, a second view of what the glue reads."""

import ctypes
import os
import platform
from typing import Any

SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
CREATE, LOOKUP, UPDATE = 0, 1, 2
HASH, RINGBUF = 1, 27

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attributes: bytes) -> int:
    block = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = int(_libc.syscall(SYSCALL, command, block, 128))
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return result


def _numbers(*values: tuple[int, int]) -> bytes:
    return b"".join(value.to_bytes(size, "little") for value, size in values)


def create(kind: int, key_size: int, value_size: int, entries: int) -> int:
    """Return the descriptor of a new map."""
    return _bpf(CREATE, _numbers((kind, 4), (key_size, 4), (value_size, 4), (entries, 4)))


def update(fd: int, key: bytes, value: bytes) -> None:
    """Write an entry."""
    hold = [ctypes.create_string_buffer(data, len(data)) for data in (key, value)]
    places = [(ctypes.addressof(it), 8) for it in hold]
    _bpf(UPDATE, _numbers((fd, 4), (0, 4), *places, (0, 8)))


def contains(fd: int, key: bytes, value_size: int) -> bool:
    """Say whether an entry is there."""
    hold = ctypes.create_string_buffer(key, len(key))
    value = ctypes.create_string_buffer(value_size)
    attributes = _numbers(
        (fd, 4), (0, 4), (ctypes.addressof(hold), 8), (ctypes.addressof(value), 8)
    )
    try:
        _bpf(LOOKUP, attributes)
    except OSError:
        return False
    return True


def open_descriptors() -> set[str]:
    """Return what the descriptors of this process refer to, with their numbers."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except OSError:
            continue  # the listing's own
    return found


def packed(record: Any) -> bytes:
    """Return the bytes of a cffi struct."""
    from kflowd.bpf.ffi import ffi

    return bytes(ffi.buffer(record))
