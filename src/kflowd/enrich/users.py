# SPDX-License-Identifier: Apache-2.0
"""Names of users and groups, from the files; numbers that nobody has named give ""."""

import os
from collections.abc import Callable
from pathlib import Path

from kflowd.model import SECOND_NS, Enriched, EnrichedFile

PASSWD = "/etc/passwd"  # noqa: S105 - a path
GROUP = "/etc/group"
# what changes when a file is written or replaced: mtime, inode, size; None if there is no file
Stamp = tuple[int, int, int] | None


def parse_ids(data: str) -> dict[int, str]:
    """Return names by number from the text of passwd(5) or group(5); the first entry wins."""
    names: dict[int, str] = {}
    for line in data.splitlines():
        fields = line.split(":")
        # isdecimal would take digits that int() takes and the C library does not
        if len(fields) >= 3 and fields[0] and fields[2].isascii() and fields[2].isdigit():
            names.setdefault(int(fields[2]), fields[0])
    return names


def read_stamp(path: str) -> Stamp:
    """Return what tells one state of a file from another."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def read_text(path: str) -> str:
    """Return the text of a file, "" if it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


class IdNames:
    """Names by number of one file, read again when the file has changed."""

    def __init__(
        self,
        path: str,
        stamp: Callable[[str], Stamp] = read_stamp,
        read: Callable[[str], str] = read_text,
    ) -> None:
        self.names: dict[int, str] = {}
        self._path = path
        self._read_stamp = stamp
        self._read = read
        self._stamp: Stamp = None

    def refresh(self) -> None:
        """Read the file if it is another than last time."""
        stamp = self._read_stamp(self._path)
        if stamp != self._stamp:
            self.names = parse_ids(self._read(self._path))
            self._stamp = stamp


class Users:
    """Enricher: user and group names.

    Args:
        users, groups: The two tables.
        interval_ns: The files are looked at this often at most.
    """

    def __init__(self, users: IdNames, groups: IdNames, interval_ns: int = SECOND_NS) -> None:
        self._users = users
        self._groups = groups
        self._interval_ns = interval_ns
        self._next_ns = 0

    def refresh(self, now_ns: int) -> None:
        """Look at the files, if that was not done within the interval before `now_ns`."""
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + self._interval_ns
            self._users.refresh()
            self._groups.refresh()

    def enrich(self, value: Enriched) -> None:
        """Fill in the names of the process's user and group, and of a file's."""
        users, groups = self._users.names, self._groups.names
        process = value.process
        if process is not None:
            value.user = users.get(process.uid, "")
            value.group = groups.get(process.gid, "")
        if type(value) is EnrichedFile:
            inode = value.aggregate.inode
            value.file_user = users.get(inode.uid, "")
            value.file_group = groups.get(inode.gid, "")
