# SPDX-License-Identifier: Apache-2.0
"""Package versions of programs and files: ProcVersion and FileVersion."""

import os
from typing import ClassVar, Self

import msgspec

from kflowd.enrich.base import Enricher
from kflowd.enrich.devices import device_number
from kflowd.enrich.packages.dpkg import Dpkg
from kflowd.enrich.packages.place import Clock, Identity, Mounts, in_place, running
from kflowd.enrich.packages.reader import Reader
from kflowd.enrich.packages.rpm import Rpm
from kflowd.log import Log
from kflowd.model import (
    Actor,
    EnrichedFile,
    ExeFlag,
    FileFlag,
    ProcessExit,
    ProcessSeen,
    ProcessSource,
    runnable,
)

# The start waits so long for the databases at most; 120,000 paths take half a second.
START_S = 5.0
MAX_PROCESSES = 65536
MAX_EXITED = 8192
# A record tells what a process was at its first event: images before the last are seldom needed.
MAX_IMAGES = 4
_NO_PATH = (
    FileFlag.PATH_TRUNCATED
    | FileFlag.PATH_NO_MOUNT
    | FileFlag.PATH_TEXT
    | FileFlag.PATH_UNKNOWN
    | FileFlag.PATH_UNREACHABLE
    | FileFlag.PATH_GUESSED
    | FileFlag.PATH_DELETED
)
_NO_EXE = _NO_PATH | ExeFlag.DELETED | ExeFlag.FILELESS


class Image(msgspec.Struct, gc=False):
    """What some processes run, all of them forked from the one that has started it.

    Attributes:
        seen: The start.
        version: "" as long as it is not known.
        asked: The index that was asked last.
    """

    seen: ProcessSeen
    version: str = ""
    asked: int = 0


class PackageVersions(Enricher):
    """Knows versions by the package databases of this host.

    A version is given if the file of a record is the one that its package has put at its path: see
    `in_place`. That of a program is found when it starts, and stays that of its processes.

    Args:
        reader: Has the index.
        mounts: Knows what was mounted since.
        clock: Turns times of the stream into wall time.
        mnt_ns: The mount namespace that the databases are of.
    """

    DEAR: ClassVar[bool] = True

    def __init__(self, reader: Reader, mounts: Mounts, clock: Clock, mnt_ns: int) -> None:
        self._reader = reader
        self._mounts = mounts
        self._clock = clock
        self._mnt_ns = mnt_ns
        self._index = reader.index
        # how many indexes there were
        self._indexes = 1
        self._images: dict[tuple[int, int], tuple[tuple[int, Image], ...]] = {}
        self._exited: dict[tuple[int, int], None] = {}

    @classmethod
    def live(cls) -> Self:
        """Return one that reads the databases of this host, in a thread of its own."""
        reader = Reader((Dpkg(), Rpm()), Log("packages"))
        reader.start()
        return cls(reader, Mounts(), Clock(), os.stat("/proc/self/ns/mnt").st_ino)

    def prepare(self) -> None:
        """Wait for the databases, some seconds at most."""
        self._reader.wait(START_S)

    def refresh(self, now_ns: int) -> bool:
        """Say whether there is another index: what was not known may be by now."""
        del now_ns
        if self._reader.index is self._index:
            return False
        self._index = self._reader.index
        self._indexes += 1
        return True

    def observe(self, value: ProcessSeen | ProcessExit) -> None:
        """Find the version of a program when it starts: it may be replaced while it runs."""
        process = value.process
        identity = process.tgid, process.start_ns
        if isinstance(value, ProcessExit):
            if identity in self._images:
                self._exited[identity] = None
                if len(self._exited) > MAX_EXITED:
                    self._evict()
            return
        known = self._images.get(identity, ())
        if value.source == ProcessSource.FORK:
            image = self._of(value.creator, process.execs)
            if image is None:
                return
        elif value.source == ProcessSource.SNAPSHOT and self._of(identity, process.execs):
            return
        else:
            image = Image(value)
            self._ask(image)
        self._images[identity] = (*known, (process.execs, image))[-MAX_IMAGES:]
        if len(self._images) > MAX_PROCESSES:
            self._evict()

    def enrich_actor(self, actor: Actor) -> None:
        """Fill in the version of what it runs."""
        seen = actor.seen
        if seen is None:
            return
        image = self._of((seen.process.tgid, seen.process.start_ns), seen.process.execs)
        if image is not None:
            self._ask(image)
            actor.version = image.version

    def enrich_file(self, value: EnrichedFile) -> None:
        """Fill in the version of a file that may be run."""
        aggregate = value.aggregate
        inode, flags = aggregate.inode, aggregate.flags
        if not runnable(inode.mode) or flags & (_NO_PATH | FileFlag.NO_INODE) or not aggregate.path:
            return
        identity = Identity(device_number(inode.dev), inode.ino)
        value.version = self._version(aggregate.path, aggregate.last_ns, identity)

    def _ask(self, image: Image) -> None:
        if image.version or image.asked == self._indexes:
            return
        image.asked = self._indexes
        seen = image.seen
        if not seen.exe or seen.exe_flags & _NO_EXE:
            return
        process = seen.process
        version = self._version(seen.exe, seen.ts_ns, None)
        if version and process.mnt_ns != self._mnt_ns:
            # the same path in another tree, unless that shows our file: a service with a /tmp of
            # its own, and no container
            identity = running(process.tgid, process.start_ns)
            if identity is None or not self._version(seen.exe, seen.ts_ns, identity):
                return
        image.version = version

    def _version(self, path: str, at_ns: int, expected: Identity | None) -> str:
        """Return the version of what was at a path at a time (CLOCK_BOOTTIME), "" if not known."""
        origin = self._index.find(path.encode("utf-8", "surrogateescape"))
        if origin is None:
            return ""
        clock = self._clock
        until_ns = min(origin.since_ns - clock.behind_ns, clock.wall(at_ns))
        if in_place(path, until_ns, expected) is None or self._mounts.over(path):
            return ""
        return origin.version

    def _of(self, identity: tuple[int, int], execs: int) -> Image | None:
        images = self._images.get(identity, ())
        return next((image for number, image in reversed(images) if number == execs), None)

    def _evict(self) -> None:
        """Drop the process that exited first; if all run, the one that is known longest."""
        identity = next(iter(self._exited), None)
        if identity is None:
            identity = next(iter(self._images))
        self._exited.pop(identity, None)
        del self._images[identity]
