# SPDX-License-Identifier: Apache-2.0
"""The path of a control group: by its number, by a task in it, or else by all groups there are."""

import os
import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from kflowd.enrich.cgroup_handles import CgroupHandles, OpenGroup
from kflowd.enrich.devices import parse_mountinfo, read_mountinfo

PROC = Path("/proc")
UNIFIED = "0::"  # the line of cgroup v2 in /proc/PID/cgroup
# a line for each hierarchy, each with a path of PATH_MAX at most
MAX_BYTES = 1 << 17
# Of a path, as JSON: users can make them as long as they like.
MAX_PATH = 1024
# Groups that are looked at, those near the root first: a large host has some 2000, each takes some
# 15 microseconds. Users can make more of them, below their own.
MAX_WALKED = 4096
# So many times as long as a look at all groups took, there is no other.
PAUSES = 10


def told(path: str) -> str:
    """Return a path as a session can carry it; "" if it is too long.

    Bytes that are no UTF-8 are lost: anybody may name a group so, and JSON has no place for them.
    """
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text if len(msgspec.json.encode(text)) <= MAX_PATH + 2 else ""


class CgroupPaths:
    """Finds the paths of control groups of the unified hierarchy.

    A group has its number for ever, no later group gets it, and none of the unified hierarchy is
    renamed. So a path that leads to the number was that of the group at any moment, and what proc
    says of a task now is taken only if it does.

    Args:
        root: Where cgroup2 is mounted; None: nowhere, nothing is found.
        proc: Of the initial PID namespace.
    """

    def __init__(self, root: str | None, proc: Path = PROC) -> None:
        self._root = root or ""
        self._proc = proc
        self._device = -1
        self._next_s = 0.0
        self._handles: CgroupHandles | None = None
        if root is not None:
            with suppress(OSError):  # covered by another mount: no path leads there
                self._device = os.stat(root).st_dev

    @classmethod
    def of_host(cls) -> Self:
        """Return one that looks where this process sees cgroup2."""
        mounts = parse_mountinfo(read_mountinfo())
        roots = (it.point for it in mounts if (it.fstype, it.root) == ("cgroup2", "/"))
        return cls(next(roots, None))

    def reach(self, open_group: OpenGroup) -> None:
        """Find groups by their numbers from now on, and no more by their tasks alone."""
        if self._root:
            self._handles = CgroupHandles(self._root, open_group)

    def find(self, tid: int, cgroup: int) -> str | None:
        """Return the path of a group; None if the task is gone or is in another by now.

        Args:
            tid: A task that was in the group.
            cgroup: Number of the group (its inode).
        """
        if self._device < 0:
            return None
        path = None if self._handles is None else self._handles.path(cgroup)
        if path is not None and self._leads_to(path, cgroup):
            return path
        with suppress(OSError, ValueError):  # the task has ended, or its group
            with (self._proc / str(tid) / "cgroup").open("rb") as file:
                text = file.read(MAX_BYTES).decode("utf-8", "surrogateescape")
            for line in text.split("\n"):
                if line.startswith(UNIFIED):
                    path = line.removeprefix(UNIFIED)
                    return path if self._leads_to(path, cgroup) else None
        return None

    def _leads_to(self, path: str, cgroup: int) -> bool:
        """Say whether a path is that of a group now, and not of one that was removed."""
        try:
            status = os.stat(self._root + path)
        except (OSError, ValueError):
            return False
        return (status.st_dev, status.st_ino) == (self._device, cgroup)

    def walk(self, wanted: Collection[int]) -> dict[int, str] | None:
        """Return the paths of groups by their numbers, as far as they are still there.

        Args:
            wanted: Numbers of the groups.

        Returns:
            None: it is too early to look again.
        """
        began = time.monotonic()
        if began < self._next_s:
            return None
        found = self._walk(set(wanted)) if self._device >= 0 else {}
        self._next_s = (ended := time.monotonic()) + PAUSES * (ended - began)
        return found

    def _walk(self, wanted: set[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        waiting = deque([""])
        for _ in range(MAX_WALKED):
            if not waiting or not wanted:
                break
            path = waiting.popleft()
            # the number comes with the name: no further call for each
            with suppress(OSError), os.scandir(self._root + path) as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        continue
                    below = f"{path}/{entry.name}"
                    waiting.append(below)
                    if (number := entry.inode()) in wanted:
                        wanted.discard(number)
                        found[number] = below
        return found
