# SPDX-License-Identifier: Apache-2.0
"""Names of users and groups: those of the files, then those of NSS; others give "".

Threads ask NSS (`nss.py`); what it answers goes through the stream, so a replay has it at the same
record. A record waits for it a while (`waiting.py`), and says when it did not get it.
"""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import msgspec

from kflowd.constants import SECOND_NS, UNSET_ID
from kflowd.enrich.answered import Answered, Known
from kflowd.enrich.asking import OwnerAsker
from kflowd.enrich.nss import AskedName, Kind, Named, NameService
from kflowd.model import (
    Actor,
    Enriched,
    EnrichedFile,
    ProcessExit,
    ProcessSeen,
    facts_of,
)

PASSWD = "/etc/passwd"  # noqa: S105 - a path
GROUP = "/etc/group"
LATE = "NAME_LATE"
# Ids that nobody has named share by so many of them: who has subordinate ids has a block of these.
BLOCK_BITS = 16
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
    """Names by number, as `name::number` lines: the form of the two files; whether NSS is asked."""

    users: str = ""
    groups: str = ""
    nss: bool = False


class NameFacts(msgspec.Struct, frozen=True):
    """Answers of NSS: kind, number, sharer, name. Comes in the stream, as it is found."""

    names: list[tuple[int, int, int, str | None]] = []


class Service(Protocol):
    """Answers questions for names; kflowd.enrich.nss.NameService is one."""

    @property
    def lost(self) -> int:
        """How many questions found no room."""

    def ask(self, asked: AskedName, sharer: int, /) -> None:
        """Ask; returns at once."""

    def news(self) -> Sequence[Named]:
        """Return the answers since the last call."""


class Users(OwnerAsker):
    """Knows names of users and groups.

    Args:
        users, groups: The two tables.
        interval_ns: The files are looked at this often at most.
        nss: Whether a recorded run has asked NSS.
        live: Whether NSS of this host is asked, which `start` begins.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = UserFacts

    def __init__(
        self,
        users: IdNames,
        groups: IdNames,
        interval_ns: int = SECOND_NS,
        *,
        nss: bool = False,
        live: bool = False,
    ) -> None:
        super().__init__()
        self._users = users
        self._groups = groups
        # by Kind
        self._files = (users, groups)
        self._interval_ns = interval_ns
        self._next_ns = 0
        self._answered = Answered() if nss else None
        self._live = live
        self._service: Service | None = None
        self._told = 0
        self._changed = False

    @classmethod
    def live(cls) -> Self:
        """Return one that reads the files of this host."""
        return cls(IdNames(PASSWD), IdNames(GROUP), live=True)

    @classmethod
    def recorded(cls, facts: UserFacts) -> Self:
        """Return one that knows what was recorded."""
        return cls(fixed_names(facts.users), fixed_names(facts.groups), nss=facts.nss)

    def start(self, patience_ns: int, service: Service | None = None) -> None:
        """Begin to ask NSS for what the files do not have.

        Args:
            patience_ns: How long a record waits for an answer.
            service: Stands for NSS of this host.
        """
        if self._live:
            self._answered = Answered()
            self._service = service or NameService(patience_ns / SECOND_NS)

    def facts(self) -> Mapping[str, Any]:
        """Return names and numbers, and nothing else that stands in the files."""
        self._users.refresh()
        self._groups.refresh()
        users, groups = id_lines(self._users.names), id_lines(self._groups.names)
        return {"users": users, "groups": groups, "nss": self._answered is not None}

    def refresh(self, now_ns: int) -> bool:
        """Look at the files, if that was not done within the interval before `now_ns`."""
        if self._answered is not None:
            self._answered.at(now_ns)
        if now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + self._interval_ns
        changed, self._changed = self._changed, False
        changed |= self._users.refresh()
        return self._groups.refresh() or changed

    def news(self) -> Mapping[str, Any]:
        """Return what NSS has answered since the last call."""
        if self._service is None:
            return {}
        news: dict[str, Any] = {}
        if answers := self._service.news():
            news["names"] = [(*it.asked, it.sharer, it.name) for it in answers]
        if self._told != (lost := self._service.lost):
            self._told = news["lookups_lost"] = lost
        return news

    def learn(self, facts: bytes) -> None:
        """Know the names that the stream tells of."""
        if self._answered is None or b'"names"' not in facts:
            return
        for kind, number, sharer, name in facts_of(NameFacts, facts).names:
            answer = Named(AskedName(kind, number), sharer, name)
            self._changed |= self._answered.put(answer)
            self.learned(answer.asked, answer)

    def observe(self, value: ProcessSeen | ProcessExit) -> None:
        """Ask for the names of a process as soon as it is seen: its records come later."""
        if isinstance(value, ProcessSeen):
            process = value.process
            for asked in (AskedName(Kind.USER, process.uid), AskedName(Kind.GROUP, process.gid)):
                if asked.number not in self._files[asked.kind].names:
                    self._find(asked, process.uid)

    def enrich_actor(self, actor: Actor) -> None:
        """Fill in the names of the process's user and group, as far as they are known."""
        process = actor.process
        if process is None:
            return
        user = self._look(AskedName(Kind.USER, process.uid))
        group = self._look(AskedName(Kind.GROUP, process.gid))
        actor.user, actor.group = user or "", group or ""
        actor.names_late = user is None or group is None

    def enrich_file(self, value: EnrichedFile) -> None:
        """Fill in the names of the file's owner and group; ask for what is not known."""
        inode, asker = value.aggregate.inode, value.aggregate.process.uid
        user = self._ask(value, Kind.USER, inode.uid, asker)
        group = self._ask(value, Kind.GROUP, inode.gid, asker)
        value.file_user, value.file_group = user or "", group or ""
        if user is None or group is None:
            value.notes += (LATE,)
        self.enrich_owner(value)

    def answer(self, value: Enriched, answer: Named) -> None:
        """Fill in a name, or that it is not known."""
        (kind, number), name = answer.asked, answer.name
        if isinstance(value, EnrichedFile):
            inode = value.aggregate.inode
            if number == (inode.uid if kind == Kind.USER else inode.gid):
                if kind == Kind.USER:
                    value.file_user = name or ""
                else:
                    value.file_group = name or ""
                if name is None and LATE not in value.notes:
                    value.notes += (LATE,)
        actor, process = value.actor, value.actor.process
        if process is not None and number == (process.uid if kind == Kind.USER else process.gid):
            user, group = (
                (name or "", actor.group) if kind == Kind.USER else (actor.user, name or "")
            )
            _name(value, user, group, late=actor.names_late or name is None)

    def unanswered(self, value: Enriched, question: Hashable) -> None:
        """Note that a name comes too late for this record."""
        if isinstance(question, AskedName):
            self.answer(value, Named(question, 0, None))

    def enrich_owner(self, value: Enriched) -> None:
        """Give a record its own actor if the names are other ones than when that was made."""
        process = value.actor.process
        if process is None or self._answered is None:
            return
        if process.uid in self._users.names and process.gid in self._groups.names:
            return  # most are: the actor has those names
        user = self._ask(value, Kind.USER, process.uid, process.uid)
        group = self._ask(value, Kind.GROUP, process.gid, process.uid)
        _name(value, user or "", group or "", late=user is None or group is None)

    def _ask(self, value: Enriched, kind: Kind, number: int, asker: int) -> str | None:
        """Return a name for a record, None if it is late; what is not known is a question."""
        name = self._files[kind].names.get(number)
        if name is not None:
            return name
        if self._answered is None or number == UNSET_ID:
            return ""
        asked = AskedName(kind, number)
        known = self._find(asked, asker)
        if known is not None:
            return None if known.late else known.name
        if asked not in value.questions:
            value.questions += (asked,)
        return ""

    def _look(self, asked: AskedName) -> str | None:
        """Return a name as far as it is known, None if it is late."""
        name = self._files[asked.kind].names.get(asked.number)
        if name is not None or self._answered is None:
            return name or ""
        known = self._answered.look(asked)
        if known is None:
            return ""
        return None if known.late else known.name

    def _find(self, asked: AskedName, asker: int) -> Known | None:
        """Return what NSS has answered, None if nothing; have it asked, or asked again."""
        answered = self._answered
        if answered is None or asked.number == UNSET_ID:
            return None
        known = answered.use(asked)
        if self._service is not None and (known is None or answered.now_ns >= known.again_ns):
            self._service.ask(asked, self._sharer(asker))
        return known

    def _sharer(self, asker: int) -> int:
        """Return as whose a question of a user counts."""
        return asker if self._look(AskedName(Kind.USER, asker)) else ~(asker >> BLOCK_BITS)


def _name(value: Enriched, user: str, group: str, *, late: bool) -> None:
    """Name who did it; the actor that other records have stays as it is."""
    actor = value.actor
    if (actor.user, actor.group, actor.names_late) != (user, group, late):
        value.actor = msgspec.structs.replace(actor, user=user, group=group, names_late=late)


def fixed_names(lines: str) -> IdNames:
    """Return names that never change."""
    return IdNames("", lambda _path: (1, 1, 1), lambda _path: lines)


def id_lines(names: Mapping[int, str]) -> str:
    """Return names as lines; those that are no UTF-8 lose those bytes, so that JSON takes them."""
    text = "\n".join(f"{name}::{number}" for number, name in names.items())
    return text.encode("utf-8", "replace").decode()
