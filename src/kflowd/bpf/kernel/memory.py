# SPDX-License-Identifier: Apache-2.0
"""How much kernel memory maps and programs take, as the kernel itself accounts for it."""

from pathlib import Path

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
