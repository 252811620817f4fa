# SPDX-License-Identifier: Apache-2.0
"""Names of users and groups, from the files; numbers that nobody has named give ""."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from kflowd.constants import SECOND_NS
from kflowd.enrich.base import Enricher
from kflowd.model import Actor, EnrichedFile

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

    def refresh(self) -> bool:
        """Read the file if it is another than last time; say whether names have changed."""
        stamp = self._read_stamp(self._path)
        if stamp == self._stamp:
            return False
        before, self.names = self.names, parse_ids(self._read(self._path))
        self._stamp = stamp
        return self.names != before


class UserFacts(msgspec.Struct, frozen=True):
    """Names by number, as `name::number` lines: the form of the two files."""

    users: str = ""
    groups: str = ""


class Users(Enricher):
    """Knows names of users and groups.

    Args:
        users, groups: The two tables.
        interval_ns: The files are looked at this often at most.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = UserFacts

    def __init__(self, users: IdNames, groups: IdNames, interval_ns: int = SECOND_NS) -> None:
        self._users = users
        self._groups = groups
        self._interval_ns = interval_ns
        self._next_ns = 0

    @classmethod
    def live(cls) -> Self:
        """Return one that reads the files of this host."""
        return cls(IdNames(PASSWD), IdNames(GROUP))

    @classmethod
    def recorded(cls, facts: UserFacts) -> Self:
        """Return one that knows what was recorded."""
        return cls(fixed_names(facts.users), fixed_names(facts.groups))

    def facts(self) -> Mapping[str, Any]:
        """Return names and numbers, and nothing else that stands in the files."""
        self._users.refresh()
        self._groups.refresh()
        return {"users": id_lines(self._users.names), "groups": id_lines(self._groups.names)}

    def refresh(self, now_ns: int) -> bool:
        """Look at the files, if that was not done within the interval before `now_ns`."""
        if now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + self._interval_ns
        changed = self._users.refresh()
        return self._groups.refresh() or changed

    def enrich_actor(self, actor: Actor) -> None:
        """Fill in the names of the process's user and group."""
        process = actor.process
        if process is not None:
            actor.user = self._users.names.get(process.uid, "")
            actor.group = self._groups.names.get(process.gid, "")

    def enrich_file(self, value: EnrichedFile) -> None:
        """Fill in the names of the file's owner and group."""
        inode = value.aggregate.inode
        value.file_user = self._users.names.get(inode.uid, "")
        value.file_group = self._groups.names.get(inode.gid, "")


def fixed_names(lines: str) -> IdNames:
    """Return names that never change."""
    return IdNames("", lambda _path: (1, 1, 1), lambda _path: lines)


def id_lines(names: Mapping[int, str]) -> str:
    """Return names as lines; those that are no UTF-8 lose those bytes, so that JSON takes them."""
    text = "\n".join(f"{name}::{number}" for number, name in names.items())
    return text.encode("utf-8", "replace").decode()
