# SPDX-License-Identifier: Apache-2.0
"""Which groups of cgroup v1 processes are in: their records do not say, so proc is asked.

It is asked when a process begins or runs a program, ahead of the batch that tells of it, and from
time to time as long as it runs: no event tells that it is moved. What is found goes into the
stream. So a group is that of the reading and not surely that of a record; who uses it says so.
"""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from kflowd.enrich.cgroup_paths import told
from kflowd.enrich.containers import Place, place_of
from kflowd.enrich.shares import Shares
from kflowd.enrich.turns import Turns
from kflowd.model import Process, ProcessExit, ProcessSeen, ProcessSource

# Programs of processes that are known, of all users together; each is some 500 bytes.
MAX_MEMBERS = 16384
# Questions that wait: all processes of a large host, when kflowd begins.
MAX_ASKED = 8192
# Readings between two batches; each takes some 50 microseconds. A session has room for their paths,
# however long these are.
MAX_TOLD = 256
# Processes that are looked at again, and how many of them each second.
MAX_WATCHED = 8192
AGAIN = 32
# Reading takes a fifth of the time at most, and so long when there was nothing to read before.
SHARE = 0.2
BURST_S = 0.05
FIRST_S = 0.5  # for all that runs already
# Actors that are to be made anew when their group is known.
MAX_MISSED = 1024
EXECS = 1 << 16  # kf_proc.execs has 16 bits

# A program that a process runs: tgid, start time, number of the program.
Image = tuple[int, int, int]
# tgid, start time, execs; user, runtime, container, unit, path; CLOCK_BOOTTIME of the reading
Fact = tuple[int, int, int, int, str, str, str, str, int]


class Member(NamedTuple):
    """In which group a program ran.

    Attributes:
        place: What its path names.
        path: "" if it is not known, or too long to be kept.
        read_ns: When proc said so; 0: it was that of its parent, or of its program before.
    """

    place: Place
    path: str
    read_ns: int


NOWHERE = Member(Place(), "", 0)


class Reads(Protocol):
    """Reads paths of processes; kflowd.enrich.hierarchies.Hierarchies does."""

    def read(self, tgid: int, start_ns: int, /) -> str | None:
        """Return the path of a process, None if it is gone."""


def image_of(process: Process) -> Image:
    """Return which program a process runs."""
    return process.tgid, process.start_ns, process.execs


class Memberships:
    """Knows the groups of processes in cgroup v1.

    Args:
        paths: Reads them; None: nobody does.
        clock: Gives seconds.

    Attributes:
        changed: A record went without a group that is known by now, or with another one.
    """

    def __init__(
        self, paths: Reads | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._paths = paths
        self._clock = clock
        self._asked: Turns[Image] = Turns(MAX_ASKED)
        self._watched: Turns[Image] = Turns(MAX_WATCHED)
        # what runs in each process that is asked for or watched
        self._newest: dict[tuple[int, int], int] = {}
        self._again_s = self._credited_s = 0.0
        self._credit_s = FIRST_S
        self._members: Shares[Member] = Shares(MAX_MEMBERS)
        self._missed: set[Image] = set()
        self.changed = False

    @property
    def lost(self) -> int:
        """Questions that found no room."""
        return self._asked.lost

    def ahead(self, user: int, image: Image) -> None:
        """Ask for a process that the next batch tells of."""
        if self._newest.get(image[:2]) == image[2]:
            return  # that is asked for, or watched
        self._newest[image[:2]] = image[2]
        self._drop(self._asked.put(user, image))

    def news(self) -> list[Fact]:
        """Read what was asked for, and some of what was read before; return what is new."""
        began = self._clock()
        gained = (began - self._credited_s) * SHARE
        if self._credit_s < BURST_S:
            self._credit_s = min(BURST_S, self._credit_s + gained)
        self._credited_s = began
        if self._paths is None or self._credit_s <= 0:
            return []
        end = began + self._credit_s
        read: set[Image] = set()
        found = self._read(self._paths, self._asked, MAX_TOLD, end, read)
        if began >= self._again_s:
            self._again_s = began + 1
            found += self._read(self._paths, self._watched, len(read) + AGAIN, end, read)
        self._credit_s -= self._clock() - began
        return found

    def _read(
        self, paths: Reads, asked: Turns[Image], most: int, end: float, read: set[Image]
    ) -> list[Fact]:
        found: list[Fact] = []
        while most > len(read) and self._clock() < end and (question := asked.poll()) is not None:
            user, image = question
            if self._newest.get(image[:2]) != image[2]:
                continue  # it has ended, or runs another program by now
            if image in read:
                self._drop(asked.put(user, image))
                break  # all have had their turn
            read.add(image)
            path = paths.read(*image[:2])
            if path is None:
                self._drop(image)
                continue
            place, path = place_of(path), told(path)
            known = self._members.look(image)
            if known is None or not known.read_ns or (known.place, known.path) != (place, path):
                now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                found.append((*image, user, *place, path, now_ns))
            self._drop(self._watched.put(user, image))
        return found

    def _drop(self, image: Image | None) -> None:
        """Watch a program no longer."""
        if image is not None and self._newest.get(image[:2]) == image[2]:
            del self._newest[image[:2]]

    def learn(self, facts: Iterable[Fact]) -> None:
        """Know what the stream tells of."""
        for tgid, start_ns, execs, user, runtime, container, unit, path, read_ns in facts:
            place = Place(runtime, container, unit)
            self._put((tgid, start_ns, execs), user, Member(place, path, read_ns))

    def _put(self, image: Image, user: int, member: Member) -> None:
        known = self._members.look(image)
        if image in self._missed or (known is not None and known[:2] != member[:2]):
            self._missed.discard(image)
            self.changed = True
        self._members.put(image, user, member)

    def observe(self, value: ProcessSeen | ProcessExit) -> None:
        """Let who is in a container stay there, with its children, until proc says otherwise.

        What proc said while a process ran its next program already is of that one.
        """
        process = value.process
        image = image_of(process)
        if isinstance(value, ProcessExit):
            self._newest.pop(image[:2], None)
        elif value.source == ProcessSource.FORK:
            self._pass((*value.creator, process.execs), image, process.uid)
        elif value.source == ProcessSource.EXEC:
            before = (*image[:2], (process.execs - 1) % EXECS)
            self._pass(before, image, process.uid, value.ts_ns)

    def _pass(self, before: Image, image: Image, user: int, at_ns: int = 1 << 64) -> None:
        known = self._members.look(before)
        if known is None:
            return
        late = known.read_ns > at_ns
        if late:
            self._put(before, user, NOWHERE)
        if (late or known.place.container) and self._members.look(image) is None:
            self._put(image, user, known if late else known._replace(read_ns=0))

    def of(self, process: Process) -> Member | None:
        """Return in which group the program of a process runs, None if that is not known yet."""
        image = image_of(process)
        known = self._members.use(image)
        if known is None:
            if len(self._missed) >= MAX_MISSED:
                self._missed.clear()
            self._missed.add(image)
        return known
