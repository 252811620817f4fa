# SPDX-License-Identifier: Apache-2.0
"""The path of a control group by its number alone, as long as the group is there.

The number is the file handle of the group's directory (kernfs, FILEID_KERNFS) [5.5]: no task has
to be in the group any more, and no other group is looked at.
"""

import ctypes
import os
from contextlib import suppress

KERNFS = 0xFE  # FILEID_KERNFS
DESCRIPTORS = "/proc/self/fd"


class Handle(ctypes.Structure):
    """struct file_handle with the number of a kernfs node."""

    _fields_ = (
        ("handle_bytes", ctypes.c_uint),
        ("handle_type", ctypes.c_int),
        ("number", ctypes.c_uint64),
    )


class CgroupHandles:
    """Opens groups of a hierarchy by number.

    Args:
        root: Where cgroup2 is mounted.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._mount = -1
        with suppress(OSError):
            self._mount = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # takes CAP_DAC_READ_SEARCH in the initial user namespace
        self._open = ctypes.CDLL(None).open_by_handle_at
        self._open.argtypes = (ctypes.c_int, ctypes.POINTER(Handle), ctypes.c_int)

    def path(self, cgroup: int) -> str | None:
        """Return the path below the root; None: it is not there, or cannot be found so."""
        if self._mount < 0:
            return None
        handle = Handle(ctypes.sizeof(ctypes.c_uint64), KERNFS, cgroup)
        number = self._open(self._mount, handle, os.O_PATH | os.O_CLOEXEC)
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
