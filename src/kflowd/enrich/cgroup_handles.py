# SPDX-License-Identifier: Apache-2.0
"""The path of a control group by its number alone, as long as the group is there.

The number is the file handle of the group's directory: no task has to be in the group any more, and
no other group is looked at.
"""

import os
from collections.abc import Callable
from contextlib import suppress

DESCRIPTORS = "/proc/self/fd"
# of a directory of the hierarchy and a number, the descriptor of the group; negative: none
OpenGroup = Callable[[int, int], int]


class CgroupHandles:
    """Opens groups of a hierarchy by number.

    Args:
        root: Where cgroup2 is mounted.
        open_group: Opens one.
    """

    def __init__(self, root: str, open_group: OpenGroup) -> None:
        self._root = root
        self._open = open_group
        self._mount = -1
        with suppress(OSError):
            self._mount = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def path(self, cgroup: int) -> str | None:
        """Return the path below the root; None: it is not there, or cannot be found so."""
        if self._mount < 0:
            return None
        number = self._open(self._mount, cgroup)
        if number < 0:
            return None
        try:
            found = os.readlink(f"{DESCRIPTORS}/{number}")
        except OSError:
            return None
        finally:
            os.close(number)
        below = found.removeprefix(self._root)
        return below if found != below and below.startswith("/") else None
