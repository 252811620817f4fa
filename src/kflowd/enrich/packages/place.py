# SPDX-License-Identifier: Apache-2.0
"""Whether what is at a path is what a package has put there: by stat(2), and by mountinfo."""

import os
import select
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from kflowd.constants import SECOND_NS
from kflowd.enrich.devices import MOUNTINFO, Mount, parse_mountinfo, read_mountinfo

# The kernel stamps inodes with the time of its last tick, 10 ms ago at most.
TICK_NS = 20_000_000


class Identity(NamedTuple):
    """Device as stat(2) has it, and inode."""

    dev: int
    ino: int


class Mounts:
    """Knows what was mounted over the tree since the start: what is there is of no package.

    Args:
        read: Gives the text of mountinfo.
        changed: Says whether it is another one than when this was asked last.
    """

    def __init__(
        self,
        read: Callable[[], str] = read_mountinfo,
        changed: Callable[[], bool] | None = None,
    ) -> None:
        self._read = read
        # before it is read: what changes between both is told
        self._changed = changed or MountChanges()
        self._first: set[Mount] = set(parse_mountinfo(read()))
        self._new: tuple[str, ...] = ()

    def over(self, path: str) -> bool:
        """Say whether a path goes through a mount that is younger than this object."""
        if self._changed():
            mounts = parse_mountinfo(self._read())
            self._new = tuple({each.point for each in mounts if each not in self._first})
        return any(point in {"/", path} or path.startswith(point + "/") for point in self._new)


class MountChanges:
    """A question: were mounts of this process's namespace made or removed since the last one?

    See proc_pid_mountinfo(5); one system call. Without /proc the answer is always no.
    """

    def __init__(self) -> None:
        self._poll = select.poll()
        self._number: int | None = None
        with suppress(OSError):
            self._number = os.open(MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)
            self._poll.register(self._number, select.POLLPRI)

    def __call__(self) -> bool:
        """Return the answer."""
        return bool(self._poll.poll(0))

    def __del__(self) -> None:
        if self._number is not None:
            os.close(self._number)


class Clock:
    """Turns times of the stream into wall time, and knows how far the wall clock was set back.

    Args:
        wall, boot: CLOCK_REALTIME and CLOCK_BOOTTIME in nanoseconds.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        boot: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME),
    ) -> None:
        self._read_wall = wall
        self._read_boot = boot
        self._most = self._offset = wall() - boot()

    def wall(self, boot_ns: int) -> int:
        """Return the wall time of a moment since the last step."""
        self._look()
        return boot_ns + self._offset

    @property
    def behind_ns(self) -> int:
        """By how much files may be stamped too early, as the clock was set back."""
        self._look()
        return self._most - self._offset

    def _look(self) -> None:
        boot, wall = self._read_boot(), self._read_wall()
        self._offset = wall - boot
        self._most = max(self._most, self._offset)


def in_place(path: str, until_ns: int, expected: Identity | None) -> Identity | None:
    """Return what is at a path, None if it has come later, or is another than expected.

    An inode comes to a path by a link or a rename, which change its ctime; if this has changed
    since, the directory tells: it has got nothing since, and the content is older, too.

    Args:
        path: Resolved, in our mount namespace.
        until_ns: Wall time by which it was there.
        expected: What is to be there; None: anything.
    """
    try:
        found = os.lstat(path)
        identity = Identity(found.st_dev, found.st_ino)
        if expected is not None and identity != expected:
            return None
        until_ns -= TICK_NS
        if found.st_ctime_ns > until_ns:
            directory = os.lstat(os.path.dirname(path))
            if max(found.st_mtime_ns, directory.st_ctime_ns) > until_ns:
                return None
    except (OSError, ValueError):
        return None
    return None if stat.S_ISDIR(found.st_mode) else identity


def running(tgid: int, start_ns: int) -> Identity | None:
    """Return what a process runs, whatever its namespaces; None if it has ended.

    Args:
        tgid: Of the process.
        start_ns: CLOCK_BOOTTIME of its start; another process may have the number by now.
    """
    hz = os.sysconf("SC_CLK_TCK")
    try:
        found = os.stat(f"/proc/{tgid}/exe")
        with open(f"/proc/{tgid}/stat", "rb") as file:
            # behind the name, which may have brackets and spaces: field 3 and so on
            started = int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
    if abs(started - start_ns * hz // SECOND_NS) > 1:
        return None
    return Identity(found.st_dev, found.st_ino)
