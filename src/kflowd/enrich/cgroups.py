# SPDX-License-Identifier: Apache-2.0
"""Container and systemd unit of a process, by the control group that its records carry.

A record has the number of the group at its moment. What the number means is looked up when a task
of the group is seen first, ahead of the batch that tells of it, and goes into the stream: so the
first record has it, and a replay has the same. The number is of the unified hierarchy: where that
tells nothing and there is cgroup v1, `memberships` does.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import msgspec

from kflowd.constants import ROOT_CGROUP, SECOND_NS
from kflowd.enrich.base import Enricher
from kflowd.enrich.cgroup_handles import OpenGroup
from kflowd.enrich.cgroup_paths import CgroupPaths, told
from kflowd.enrich.containers import Place, place_of
from kflowd.enrich.hierarchies import Hierarchies
from kflowd.enrich.memberships import Fact, Memberships
from kflowd.enrich.shares import Shares
from kflowd.enrich.turns import Turns
from kflowd.model import Actor, ProcessExit, ProcessSeen, facts_of

# Groups that are known, of all users together; each is some 500 bytes. Users can make any number.
MAX_CGROUPS = 8192
# Questions between two batches; each takes some 30 microseconds.
MAX_ASKED = 1024
# Tasks of one group that are looked at: one is enough if it has not ended.
MAX_TASKS = 4
# Groups of actors that are to be made anew when their place is known.
MAX_MISSED = 1024

Found = dict[int, tuple[int, str, str, str, str]]


class Known(NamedTuple):
    """A group: what its path names, and the path, "" if that is too long to be kept."""

    place: Place
    path: str


def _fact(user: int, path: str) -> tuple[int, str, str, str, str]:
    return (user, *place_of(path), told(path))


class Paths(Protocol):
    """Finds paths of groups; kflowd.enrich.cgroup_paths.CgroupPaths does."""

    def find(self, tid: int, cgroup: int, /) -> str | None:
        """Return the path of a group by a task that was in it, None if that does not tell."""

    def walk(self, wanted: Collection[int], /) -> dict[int, str] | None:
        """Return the paths of those groups that are there, None: not now."""


class CgroupFacts(msgspec.Struct, frozen=True):
    """What comes in the stream, as it is found.

    Attributes:
        cgroups: Groups by number: the user of a process there, runtime, container, unit, path.
        cgroup_members: Processes in groups of cgroup v1.
    """

    cgroups: dict[int, tuple[int, str, str, str, str]] = {}
    cgroup_members: list[Fact] = []


class CgroupHost(msgspec.Struct, frozen=True):
    """Whether the host has hierarchies of cgroup v1."""

    cgroup_v1: bool = False


class Cgroups(Enricher):
    """Knows the places of control groups.

    Args:
        paths: Finds them; None: nobody asks.
        members: Knows who is in groups of cgroup v1; None: there are none.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = CgroupHost

    def __init__(self, paths: Paths | None = None, members: Memberships | None = None) -> None:
        self._paths: Paths | None = paths
        self._members = members
        self._asked: Turns[tuple[int, int]] = Turns(MAX_ASKED)
        self._tasks: Counter[int] = Counter()
        # groups whose tasks have ended or moved, and a user of each
        self._left: dict[int, int] = {}
        self._lost = self._told = 0
        self._places: Shares[Known] = Shares(MAX_CGROUPS)
        self._missed: set[int] = set()
        self._changed = False
        self._next_ns = 0

    @classmethod
    def live(cls) -> Self:
        """Return one that looks at this host."""
        hierarchies = Hierarchies.of_host()
        return cls(CgroupPaths.of_host(), Memberships(hierarchies) if hierarchies.there else None)

    def reach(self, open_group: OpenGroup) -> None:
        """Find groups of this host by their numbers from now on."""
        if isinstance(self._paths, CgroupPaths):
            self._paths.reach(open_group)

    @classmethod
    def recorded(cls, facts: CgroupHost) -> Self:
        """Return one that asks nobody."""
        return cls(None, Memberships() if facts.cgroup_v1 else None)

    def facts(self) -> Mapping[str, Any]:
        """Return whether there is cgroup v1."""
        return {"cgroup_v1": self._members is not None}

    def ahead(self, tid: int, user: int, cgroup: int, image: tuple[int, int, int]) -> None:
        """Ask for the group of a task that the next batch tells of."""
        if self._members is not None and self._paths is not None:
            known = self._places.look(cgroup)
            if known is None or not known.place.container:
                self._members.ahead(user, image)
        self._ask(tid, user, cgroup)

    def _ask(self, tid: int, user: int, cgroup: int) -> None:
        if self._paths is None or cgroup <= ROOT_CGROUP or self._places.look(cgroup) is not None:
            return
        if self._tasks[cgroup] < MAX_TASKS:
            self._tasks[cgroup] += 1
            self._asked.put(user, (tid, cgroup))

    def news(self) -> Mapping[str, Any]:
        """Look up what was asked for, and return what was found."""
        if self._paths is None:
            return {}
        found = self._look_up(self._paths)
        if self._left:
            walked = self._paths.walk(self._left)
            if walked is not None:
                for cgroup, path in walked.items():
                    found[cgroup] = _fact(self._left[cgroup], path)
                # the others are gone
                self._left.clear()
        news: dict[str, Any] = {"cgroups": found} if found else {}
        lost = self._asked.lost + self._lost
        if self._members is not None:
            lost += self._members.lost
            if members := self._members.news():
                news["cgroup_members"] = members
        if self._told != lost:
            self._told = news["lookups_lost"] = lost
        return news

    def _look_up(self, paths: Paths) -> Found:
        found: Found = {}
        while (question := self._asked.poll()) is not None:
            user, (tid, cgroup) = question
            if cgroup in found or self._places.look(cgroup) is not None:
                continue
            path = paths.find(tid, cgroup)
            if path is not None:
                found[cgroup] = _fact(user, path)
                self._left.pop(cgroup, None)
            elif len(self._left) < MAX_ASKED or cgroup in self._left:
                self._left[cgroup] = user
            else:
                self._lost += 1
        self._tasks.clear()
        return found

    def learn(self, facts: bytes) -> None:
        """Know the groups that the stream tells of."""
        found = facts_of(CgroupFacts, facts)
        for cgroup, (user, *place, path) in found.cgroups.items():
            self._places.put(cgroup, user, Known(Place(*place), path))
            if cgroup in self._missed:
                self._missed.discard(cgroup)
                self._changed = True
        if self._members is not None:
            self._members.learn(found.cgroup_members)

    def observe(self, value: ProcessSeen | ProcessExit) -> None:
        """Take note of a process that comes or goes."""
        if self._members is not None:
            self._members.observe(value)

    def refresh(self, now_ns: int) -> bool:
        """Say whether a record went without the place of a group that is known by now.

        Once a second at most: all actors are made anew then.
        """
        changed = self._changed or (self._members is not None and self._members.changed)
        if not changed or now_ns < self._next_ns:
            return False
        self._changed = False
        if self._members is not None:
            self._members.changed = False
        self._next_ns = now_ns + SECOND_NS
        return True

    def enrich_actor(self, actor: Actor) -> None:
        """Fill in what is known of container and unit."""
        if actor.process is None:
            return
        known = self._known(actor)
        if known is not None:
            (actor.runtime, actor.container, actor.unit), actor.cgroup = known
        if self._members is None or actor.container:
            return
        # others in its group can be elsewhere in v1
        actor.by_number = False
        member = self._members.of(actor.process)
        # it is in both hierarchies: the one that names more tells where it is
        if member is not None and (known is None or member.place.container):
            (actor.runtime, actor.container, actor.unit), actor.cgroup, _ = member
            actor.cgroup_read = bool(actor.container or actor.unit)

    def _known(self, actor: Actor) -> Known | None:
        """Return what the number of a group says, None: nothing."""
        process = actor.process
        if process is None or not process.cgroup_id:
            return None
        if process.cgroup_id == ROOT_CGROUP:
            return Known(Place(), "/") if self._members is None else None
        known = self._places.use(process.cgroup_id)
        if known is None:
            # who has moved to a group of nobody else's
            if len(self._missed) >= MAX_MISSED:
                self._missed.clear()
            self._missed.add(process.cgroup_id)
            self._ask(process.tid, process.uid, process.cgroup_id)
        return known
