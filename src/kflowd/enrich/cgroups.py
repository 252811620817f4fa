# SPDX-License-Identifier: Apache-2.0
"""Container and systemd unit of a process, by the control group that its records carry.

A record has the number of the group at its moment. What the number means is looked up when a task
of the group is seen first, ahead of the batch that tells of it, and goes into the stream: so the
first record has it, and a replay has the same.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from kflowd.constants import SECOND_NS
from kflowd.enrich.base import Enricher
from kflowd.enrich.cgroup_paths import CgroupPaths
from kflowd.enrich.containers import Place, place_of
from kflowd.enrich.shares import Shares
from kflowd.enrich.turns import Turns
from kflowd.model import Actor, facts_of

# Number of the root, in which there is neither.
ROOT = 1
# Groups that are known, of all users together; each is some 500 bytes. Users can make any number.
MAX_CGROUPS = 8192
# Of paths: users can make them as long as they like.
MAX_PATH = 1024
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
    return (user, *place_of(path), path if len(path) <= MAX_PATH else "")


class Paths(Protocol):
    """Finds paths of groups; kflowd.enrich.cgroup_paths.CgroupPaths does."""

    def find(self, tid: int, cgroup: int, /) -> str | None:
        """Return the path of a group by a task that was in it, None if that does not tell."""

    def walk(self, wanted: Collection[int], /) -> dict[int, str] | None:
        """Return the paths of those groups that are there, None: not now."""


class CgroupFacts(msgspec.Struct, frozen=True):
    """Groups by number: the user of a process there, runtime, container, unit, path.

    Comes in the stream, as it is found.
    """

    cgroups: dict[int, tuple[int, str, str, str, str]] = {}


class Cgroups(Enricher):
    """Knows the places of control groups.

    Args:
        paths: Finds them; None: nobody asks.
    """

    def __init__(self, paths: Paths | None = None) -> None:
        self._paths = paths
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
        return cls(CgroupPaths.of_host())

    def ahead(self, tid: int, user: int, cgroup: int) -> None:
        """Ask for the group of a task that the next batch tells of."""
        if self._paths is None or cgroup <= ROOT or self._places.look(cgroup) is not None:
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
        if self._told != (lost := self._asked.lost + self._lost):
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
        for cgroup, (user, *place, path) in facts_of(CgroupFacts, facts).cgroups.items():
            self._places.put(cgroup, user, Known(Place(*place), path))
            if cgroup in self._missed:
                self._missed.discard(cgroup)
                self._changed = True

    def refresh(self, now_ns: int) -> bool:
        """Say whether a record went without the place of a group that is known by now.

        Once a second at most: all actors are made anew then.
        """
        if not self._changed or now_ns < self._next_ns:
            return False
        self._changed = False
        self._next_ns = now_ns + SECOND_NS
        return True

    def enrich_actor(self, actor: Actor) -> None:
        """Fill in container and unit; who has moved to a group of nobody else's asks for it."""
        process = actor.process
        if process is None:
            return
        if process.cgroup_id <= ROOT:
            actor.cgroup = "/" if process.cgroup_id == ROOT else ""
            return
        known = self._places.use(process.cgroup_id)
        if known is None:
            if len(self._missed) >= MAX_MISSED:
                self._missed.clear()
            self._missed.add(process.cgroup_id)
            self.ahead(process.tid, process.uid, process.cgroup_id)
        else:
            actor.runtime, actor.container, actor.unit = known.place
            actor.cgroup = known.path
