# SPDX-License-Identifier: Apache-2.0
"""Actors: one object for all records of one process image, so that its names are found once."""

from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec

from kflowd.enrich.processes import Image, Images, Processes, process_name
from kflowd.faults import Faults
from kflowd.model import Actor, Process, ProcessFlag

# Processes whose actor is kept; as many as are active within some seconds.
MAX_KEPT = 4096
NEVER_NS = 1 << 64
# What a record shows of a process, beside the program.
IDS = attrgetter(
    *("ppid", "parent_start_ns", "tid", "uid", "gid", "euid", "egid"),
    *("cgroup_id", "login_uid", "session_id", "mnt_ns", "net_ns"),
)


class _Known(msgspec.Struct, frozen=True):
    """An actor and what has to be so for it to be the right one.

    Attributes:
        process: Kept so that its id stays its own.
        images, parent_images: The histories that it was made from; a change makes new ones.
        since_ns: From this time on the newest of both histories are the ones.
        known: The table knows what the process runs.
    """

    process: Process
    identity: tuple[int, int]
    parent_identity: tuple[int, int]
    images: Images | None
    parent_images: Images | None
    since_ns: int
    known: bool
    actor: Actor


class Actors:
    """Finds the actor of a record.

    Args:
        processes: The process table.
        enrich: Fills in what else is known of a new actor, in this order.
        faults: Counts the names that an internal error costs.
    """

    def __init__(
        self,
        processes: Processes,
        enrich: Sequence[Callable[[Actor], None]],
        faults: Faults | None = None,
    ) -> None:
        self.unowned = Actor(None)
        self._processes = processes
        self._enrich = enrich
        self._faults = faults or Faults()
        # by id of the process
        self._known: dict[int, _Known] = {}

    def forget(self) -> None:
        """Make all actors anew: names have changed."""
        self.unowned = Actor(None)
        self._known.clear()

    def at(self, process: Process, at_ns: int) -> Actor:
        """Return who a process was when it acted.

        Args:
            process: As a record carries it.
            at_ns: CLOCK_BOOTTIME, when it acted or later.
        """
        known = self._known.get(id(process))
        table = self._processes.images
        if (
            known is not None
            and table.get(known.identity) is known.images
            and table.get(known.parent_identity) is known.parent_images
            and at_ns >= known.since_ns
        ):
            if not known.known:
                self._count_unknown(known.actor)
            return known.actor
        return self._make(process, at_ns)

    def executed(self, process: Process, execs: int, at_ns: int) -> Actor:
        """Return the program that an exec starts, and not the one that called exec.

        If exec has failed it is the latter.
        It is the actor of the records that follow, if they are of the same ids: a program may have
        the user of its file, and a thread that calls exec becomes the first one.
        """
        image = self._processes.find_image((process.tgid, process.start_ns), execs, NEVER_NS)
        if image is None or execs == process.execs:
            return self.at(process, at_ns)
        started = image.seen.process
        if IDS(started) == IDS(process):
            return self.at(started, at_ns)
        parent = self._processes.find((process.ppid, process.parent_start_ns), at_ns)
        return self._actor(process, image, started.comm, parent, at_ns)[0]

    def _make(self, process: Process, at_ns: int) -> Actor:
        identity = (process.tgid, process.start_ns)
        parent_identity = (process.ppid, process.parent_start_ns)
        table = self._processes
        image = table.find_acting(process, at_ns)
        parent = table.find(parent_identity, at_ns)
        images = table.images.get(identity)
        parent_images = table.images.get(parent_identity)
        actor, whole = self._actor(process, image, process.comm, parent, at_ns)
        known = image is not None and not actor.incomplete
        if not known:
            self._count_unknown(actor)
        if not whole:
            return actor
        if len(self._known) >= MAX_KEPT:
            self._known.clear()
        self._known[id(process)] = _Known(
            process=process,
            identity=identity,
            parent_identity=parent_identity,
            images=images,
            parent_images=parent_images,
            since_ns=max(_since(images, image), _since(parent_images, parent)),
            known=known,
            actor=actor,
        )
        return actor

    def _count_unknown(self, actor: Actor) -> None:
        if actor.incomplete:
            self._processes.stats.incomplete += 1
        else:
            self._processes.stats.unknown += 1

    def _actor(
        self, process: Process, image: Image | None, comm: str, parent: Image | None, at_ns: int
    ) -> tuple[Actor, bool]:
        """Return a new actor, and whether all was filled in that is known."""
        actor = Actor(self._processes.at_home(process))
        if image is None:
            actor.proc = process.comm
            actor.incomplete = (process.tgid, process.start_ns) in self._processes.images
        else:
            actor.incomplete = bool(image.seen.flags & ProcessFlag.INCOMPLETE)
            actor.seen = image.seen
            actor.proc = process_name(image.name, comm)
        if parent is not None:
            actor.parent = parent.name
        actor.ancestors = self._processes.lineages.of(process, at_ns)
        whole = True
        for enrich in self._enrich:
            try:
                enrich(actor)
            except Exception as error:  # noqa: BLE001 - the record goes out with fewer names
                self._faults.name(error)
                whole = False
        return actor, whole


def _since(images: Images | None, image: Image | None) -> int:
    """Return from when on an image is the one that its history gives; it may never be again."""
    if images is None or len(images) == 1:
        return 0
    return images[-1].seen.ts_ns if image is images[-1] else NEVER_NS
