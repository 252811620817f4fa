# SPDX-License-Identifier: Apache-2.0
"""The process table: executable, arguments and parent of each process, by (tgid, start time)."""

from functools import lru_cache

import msgspec

from kflowd.model import (
    Enriched,
    EnrichedFile,
    FileEvent,
    ProcessExit,
    ProcessSeen,
    ProcessSource,
)

# Twice the usual pid_max of a small host; an entry with its arguments takes about a kilobyte.
MAX_PROCESSES = 65536
# A socket outlives its process by a minute at most (TIME_WAIT); so many may exit in that time.
MAX_EXITED = 8192
# A record tells what a process was at its first event: images before the last are seldom needed.
MAX_IMAGES = 4
# Pairs of an executable's and a task's name; each is some 100 bytes.
MAX_NAMES = 8192

Identity = tuple[int, int]


class ProcessStats(msgspec.Struct):
    """What the table met.

    Attributes:
        unknown: Records of a process that the table does not know; they have its comm only.
        evicted: Running processes that were dropped because the table was full.
    """

    unknown: int = 0
    evicted: int = 0


class Image(msgspec.Struct, frozen=True, gc=False):
    """What a process ran from some time on; `name` is the basename of the executable."""

    seen: ProcessSeen
    name: str


class Processes:
    """Enricher: names of the process and of its parent."""

    def __init__(self, max_processes: int = MAX_PROCESSES, max_exited: int = MAX_EXITED) -> None:
        self.stats = ProcessStats()
        self._max_processes = max_processes
        self._max_exited = max_exited
        # images, the newest last
        self._images: dict[Identity, tuple[Image, ...]] = {}
        self._exited: dict[Identity, None] = {}

    def __len__(self) -> int:
        return len(self._images)

    def add(self, seen: ProcessSeen) -> None:
        """Note that a process started, ran a program, or was found running."""
        process = seen.process
        identity = (process.tgid, process.start_ns)
        known = self._images.get(identity, ())
        if seen.source == ProcessSource.FORK:
            seen = self._like_parent(seen)
        if known and not _is_news(seen, known[-1].seen):
            return
        image = Image(seen, seen.exe.rpartition("/")[2])
        self._images[identity] = (*known[1 - MAX_IMAGES :], image)
        if len(self._images) > self._max_processes:
            self._evict()

    def _like_parent(self, seen: ProcessSeen) -> ProcessSeen:
        """Return a forked process with what it runs: the program of its parent.

        The kernel sends no strings with a fork, because they have crossed before.
        """
        process = seen.process
        parent = self.find((process.ppid, process.parent_start_ns), seen.ts_ns)
        if parent is None:
            return seen
        flags = parent.seen.flags
        exe, args = parent.seen.exe, parent.seen.args
        return msgspec.structs.replace(
            seen, exe=exe, args=args, exe_flags=parent.seen.exe_flags, flags=flags
        )

    def exit(self, exited: ProcessExit) -> None:
        """Note that a process is gone; its entry stays for the records that still come."""
        identity = (exited.process.tgid, exited.process.start_ns)
        if identity not in self._images:
            return
        self._exited[identity] = None
        if len(self._exited) > self._max_exited:
            self._evict()

    def find(self, identity: Identity, at_ns: int) -> Image | None:
        """Return what a process ran at a time; what it ran first if that was later."""
        images = self._images.get(identity)
        if images is None:
            return None
        if len(images) == 1 or images[-1].seen.ts_ns <= at_ns:
            return images[-1]
        return next((image for image in reversed(images) if image.seen.ts_ns <= at_ns), images[0])

    def enrich(self, value: Enriched) -> None:
        """Fill in what is known of the process at the first event of the record."""
        process = value.process
        if process is None:
            return
        at_ns = _decisive_ns(value)
        image = self.find((process.tgid, process.start_ns), at_ns)
        if image is None:
            self.stats.unknown += 1
            value.proc = process.comm
        else:
            value.seen = image.seen
            value.proc = process_name(image.name, _task_name(value, image))
        parent = self.find((process.ppid, process.parent_start_ns), at_ns)
        if parent is not None:
            value.parent = parent.name

    def _evict(self) -> None:
        """Drop the process that exited first; if all run, the one that is known longest."""
        identity = next(iter(self._exited), None)
        if identity is None:
            identity = next(iter(self._images))
            self.stats.evicted += 1
        else:
            del self._exited[identity]
        del self._images[identity]


@lru_cache(MAX_NAMES)
def process_name(exe: str, comm: str) -> str:
    """Return the contract's `Proc`: the executable, with the task's name if that is another.

    Without an executable (kernel threads) it is the task's name.

    The names differ if they are not equal over the length of the shorter: `dash/sh`. comm is cut at
    15 bytes, maybe within a character, so bytes are compared.
    """
    if not exe:
        return comm
    # as the decoder made them, whatever the locale
    exe_raw = exe.encode("utf-8", "surrogateescape")
    comm_raw = comm.encode("utf-8", "surrogateescape")
    shorter = min(len(exe_raw), len(comm_raw))
    return exe if exe_raw[:shorter] == comm_raw[:shorter] else f"{exe}/{comm}"


def _is_news(seen: ProcessSeen, last: ProcessSeen) -> bool:
    """Say whether a record adds to what is known; a snapshot may come after the exec it shows."""
    if seen.source == ProcessSource.EXEC:
        return True
    return seen.exe != last.exe and seen.ts_ns >= last.ts_ns


def _task_name(value: Enriched, image: Image) -> str:
    """Return the task's name: of the program that an exec starts, not of what called exec."""
    executed = type(value) is EnrichedFile and value.aggregate.counts[FileEvent.OPEN_EXEC]
    if executed and image.seen.source == ProcessSource.EXEC:
        return image.seen.process.comm
    process = value.process
    return process.comm if process is not None else ""


def _decisive_ns(value: Enriched) -> int:
    """Return when the process was what the record calls it: the program that an exec starts."""
    if type(value) is EnrichedFile:
        aggregate = value.aggregate
        if aggregate.counts[FileEvent.OPEN_EXEC]:
            return aggregate.last_ns
        return aggregate.first_ns
    return value.at_ns
