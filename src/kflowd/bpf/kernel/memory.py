# SPDX-License-Identifier: Apache-2.0
"""How much kernel memory maps and programs take, as the kernel itself accounts for it."""

import errno
import resource
from pathlib import Path

from kflowd.bpf.ffi import lib

FDINFO = Path("/proc/self/fdinfo")


def parse_memlock(fdinfo: str) -> int:
    """Return the bytes that a map or program takes, by its fdinfo; 0 when it does not say."""
    for line in fdinfo.splitlines():
        name, _, value = line.partition(":")
        if name == "memlock":
            return int(value)
    return 0


def memlock(fd: int) -> int:
    """Return the bytes that the map or program behind fd takes."""
    try:
        return parse_memlock((FDINFO / str(fd)).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0  # a figure for people: an unknown one does not stop the agent


def is_locked_memory() -> bool:
    """Say whether the kernel accounts maps and programs as locked memory, and that is limited.

    Kernels before 5.11 do. Found by trying with nothing allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft == resource.RLIM_INFINITY:
        return False
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, hard))
    try:
        return int(lib.kf_probe__map()) == -errno.EPERM
    finally:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (soft, hard))
