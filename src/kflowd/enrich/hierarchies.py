# SPDX-License-Identifier: Apache-2.0
"""The group of a process in the hierarchies of cgroup v1, as proc has it now.

Records carry no number of such a group, and a path there is no proof of one: groups are renamed,
and their names come again.
"""

import os
from pathlib import Path
from typing import Self

from kflowd.constants import SECOND_NS
from kflowd.enrich.cgroup_paths import MAX_BYTES, PROC
from kflowd.enrich.containers import place_of

# Those that runtimes and systemd make groups in, in the order in which they are asked.
ORDER = ("name=systemd", "memory", "pids", "cpu", "devices")
INITIAL_NAMESPACE = 0xEFFFFFFB  # PROC_CGROUP_INIT_INO: a fixed number of the kernel
ROOT = "/"
# of /proc/PID/stat, behind the name: fields 9 and 22
FLAGS, STARTED = 6, 19
EXITING = 0x00000004  # PF_EXITING


class Hierarchies:
    """Reads in which groups of cgroup v1 processes are.

    Args:
        proc: Of the initial PID namespace.
        there: There are such hierarchies, and proc shows whole paths.
        hertz: Clock ticks of a second.
    """

    def __init__(self, proc: Path = PROC, *, there: bool = True, hertz: int = 100) -> None:
        self.there = there
        self._proc = proc
        self._tick_ns = SECOND_NS // hertz

    @classmethod
    def of_host(cls, proc: Path = PROC) -> Self:
        """Return one for the hierarchies that are mounted now, wherever that is."""
        there = False
        try:
            mine = _read(proc / "self" / "cgroup")
            there = bool(paths_of(mine)) and _shows_all(proc)
        except OSError:
            pass
        return cls(proc, there=there, hertz=os.sysconf("SC_CLK_TCK"))

    def read(self, tgid: int, start_ns: int) -> str | None:
        """Return the path of a process, that which names most.

        Args:
            tgid: Its number.
            start_ns: When it began, CLOCK_BOOTTIME: another one of this number is not taken for it.

        Returns:
            "/" if it is in the root of all; None: it is gone, or about to: it has left its groups.
        """
        folder = self._proc / str(tgid)
        try:
            text = _read(folder / "cgroup")
            # behind it: who is there now and does not exit was there
            fields = _read(folder / "stat").rpartition(")")[2].split()
            flags, ticks = int(fields[FLAGS]), int(fields[STARTED])
        except (OSError, ValueError, IndexError):
            return None
        if ticks != start_ns // self._tick_ns or flags & EXITING or len(text) >= MAX_BYTES:
            return None
        return chosen(paths_of(text))


def paths_of(text: str) -> list[str]:
    """Return the paths in the text of /proc/PID/cgroup that count, in the order of ORDER."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        _, _, rest = line.partition(":")
        names, separator, path = rest.partition(":")
        if separator:
            found |= dict.fromkeys(names.split(","), path)
    return [found[name] for name in ORDER if name in found]


def chosen(paths: list[str]) -> str | None:
    """Return the first path that names a container, else a unit, else one of no root."""
    return max(paths, key=_says, default=None)


def _says(path: str) -> tuple[bool, bool, bool]:
    place = place_of(path)
    return bool(place.container), bool(place.unit), path != ROOT


def _shows_all(proc: Path) -> bool:
    """Say whether paths begin at the roots, and not at those of a cgroup namespace."""
    try:
        return (proc / "self" / "ns" / "cgroup").stat().st_ino == INITIAL_NAMESPACE
    except OSError:
        return True  # a kernel without cgroup namespaces


def _read(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return file.read(MAX_BYTES).decode("utf-8", "surrogateescape")
