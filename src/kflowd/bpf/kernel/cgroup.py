# SPDX-License-Identifier: Apache-2.0
"""The root of cgroup2, to which packet programs attach so that they see every socket."""

import os
import re
from pathlib import Path

from kflowd.bpf.ffi import check, lib
from kflowd.closeable import Closeable

MOUNTS = Path("/proc/self/mountinfo")
NAMESPACE = Path("/proc/self/ns/cgroup")
INITIAL_NAMESPACE = 0xEFFFFFFB  # PROC_CGROUP_INIT_INO: a fixed number of the kernel
_OCTAL = re.compile(r"\\([0-7]{3})")


class CgroupRoot(Closeable):
    """An open directory of the root of cgroup2. A context manager.

    Attributes:
        fd: Of the directory.
        where: Its mount point, or "private mount".
        of_host: The root of the host and not only of a cgroup namespace.
    """

    def __init__(self, fd: int, where: str, *, of_host: bool) -> None:
        self.fd = fd
        self.where = where
        self.of_host = of_host

    def close(self) -> None:
        """Close the directory. Links to programs stay."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def find_mount(mountinfo: str) -> str | None:
    """Return the mount point of a cgroup2 mount that shows the root, None without one.

    Args:
        mountinfo: Text of /proc/self/mountinfo.
    """
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if right.split(" ")[0] == "cgroup2" and len(fields) >= 5 and fields[3] == "/":
            return _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])
    return None


def open_root() -> CgroupRoot:
    """Open the root of cgroup2, by its mount point or else by a mount that nobody sees.

    Raises:
        BpfError: the kernel has no cgroup2.
    """
    of_host = _in_initial_namespace()
    try:
        where = find_mount(MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
        if where is not None:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            return CgroupRoot(os.open(where, flags), where, of_host=of_host)
    except OSError:
        pass  # covered by another mount or not ours to read: the private one will do
    fd = check(lib.kf_cgroup2__open(), "fsmount", "opening the root of cgroup2")
    return CgroupRoot(fd, "private mount", of_host=of_host)


def _in_initial_namespace() -> bool:
    try:
        return NAMESPACE.stat().st_ino == INITIAL_NAMESPACE
    except OSError:
        return True  # a kernel without cgroup namespaces


def open_group(mount: int, number: int) -> int:
    """Return a descriptor (O_PATH) of a group, negative: it is not there, or that is refused.

    Args:
        mount: Descriptor of a directory of cgroup2.
        number: Of the group: its inode, and as a file handle [5.5]. Takes CAP_DAC_READ_SEARCH.
    """
    return int(lib.kf_cgroup2__open_group(mount, number))
