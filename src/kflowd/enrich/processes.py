# SPDX-License-Identifier: Apache-2.0
"""The process table: executable, arguments and parent of each process, by (tgid, start time)."""

from collections import deque
from functools import lru_cache

import msgspec

from kflowd.constants import SECOND_NS
from kflowd.enrich.base import Enricher
from kflowd.enrich.lineages import Identity, Lineages
from kflowd.model import Process, ProcessExit, ProcessFlag, ProcessSeen, ProcessSource

# Twice the usual pid_max of a small host; an entry with its arguments takes about a kilobyte.
MAX_PROCESSES = 65536
# A socket outlives its process by a minute at most (TIME_WAIT); so many may exit in that time.
MAX_EXITED = 8192
# A record tells what a process was at its first event: images before the last are seldom needed.
MAX_IMAGES = 4
# But all until the sweep has taken what they left, however fast a process runs one after another.
KEPT_NS = 10 * SECOND_NS
MAX_OLDER = 16384
# Pairs of an executable's and a task's name; each is some 100 bytes.
MAX_NAMES = 8192


class ProcessStats(msgspec.Struct):
    """What the table met.

    Attributes:
        unknown: Records of a process that the table does not know; they have its comm only.
        incomplete: Records of a process whose program is not known because its exec was lost.
        evicted: Running processes that were dropped because the table was full.
    """

    unknown: int = 0
    incomplete: int = 0
    evicted: int = 0


class Image(msgspec.Struct, frozen=True, gc=False):
    """What a process ran from some time on; `name` is the basename of the executable."""

    seen: ProcessSeen
    name: str


# images of one process, the newest last; a new tuple whenever one is added
Images = tuple[Image, ...]


class Processes(Enricher):
    """Knows what each process runs and ran.

    Attributes:
        images: What each process ran; to be read only.
        lineages: The ancestors of each.
        max_exited: Processes that are kept behind their end.
        stats: What the table met.
    """

    def __init__(self, max_processes: int = MAX_PROCESSES, max_exited: int = MAX_EXITED) -> None:
        self.stats = ProcessStats()
        self._max_processes = max_processes
        self.max_exited = max_exited
        self.images: dict[Identity, Images] = {}
        self.lineages = Lineages(self._seen_at)
        # by identity: the last thread when it began to exit
        self._exited: dict[Identity, Process] = {}
        # images beyond MAX_IMAGES, by when another took their place
        self._older: deque[tuple[int, Identity]] = deque()

    def observe(self, value: ProcessSeen | ProcessExit) -> None:
        """Take note of a process that comes or goes."""
        if isinstance(value, ProcessSeen):
            self.add(value)
        else:
            self.exit(value)

    def add(self, seen: ProcessSeen) -> None:
        """Note that a process started, ran a program, or was found running."""
        process = seen.process
        identity = (process.tgid, process.start_ns)
        known = self.images.get(identity, ())
        if seen.source == ProcessSource.FORK:
            seen = self._like_parent(seen)
        if known and not _is_news(seen, known[-1].seen):
            return
        image = Image(seen, seen.exe.rpartition("/")[2])
        self.images[identity] = (*known, image)
        if not known:
            self.lineages.begin(seen)
        if len(known) >= MAX_IMAGES:
            self._older.append((seen.ts_ns, identity))
        self._forget_older(seen.ts_ns)
        if len(self.images) > self._max_processes:
            self._evict()

    def _forget_older(self, now_ns: int) -> None:
        """Drop images of long ago, of each process but the last few."""
        older = self._older
        while older and (now_ns - older[0][0] > KEPT_NS or len(older) > MAX_OLDER):
            _, identity = older.popleft()
            images = self.images.get(identity, ())
            if len(images) > MAX_IMAGES:
                self.images[identity] = images[1:]

    def _like_parent(self, seen: ProcessSeen) -> ProcessSeen:
        """Return a forked process with what it runs: the program of who forked it.

        The kernel sends no strings with a fork, because they have crossed before.
        """
        process = seen.process
        parent = self.find_image(seen.creator, process.execs, seen.ts_ns)
        if parent is None:
            if process.flags & ProcessFlag.KTHREAD:
                return seen
            return msgspec.structs.replace(seen, flags=seen.flags | ProcessFlag.INCOMPLETE)
        flags = parent.seen.flags
        exe, args = parent.seen.exe, parent.seen.args
        # of an incomplete parent the child is incomplete too: flags
        return msgspec.structs.replace(
            seen, exe=exe, args=args, exe_flags=parent.seen.exe_flags, flags=flags
        )

    def exit(self, exited: ProcessExit) -> None:
        """Note that a process exited; its entry stays for the records that still come."""
        identity = (exited.process.tgid, exited.process.start_ns)
        if identity not in self.images:
            return
        self._exited[identity] = exited.process
        if len(self._exited) > self.max_exited:
            self._evict()

    def at_home(self, process: Process) -> Process:
        """Return a process with the namespaces that it had, if it had left them to exit.

        Those of another thread may be others.
        """
        if process.mnt_ns:
            return process
        identity = (process.tgid, process.start_ns)
        last = self._exited.get(identity)
        if last is None or last.tid != process.tid or not last.mnt_ns:
            return process
        return msgspec.structs.replace(process, mnt_ns=last.mnt_ns, net_ns=last.net_ns)

    def find(self, identity: Identity, at_ns: int) -> Image | None:
        """Return what a process ran at a time; what it ran first if that was later."""
        images = self.images.get(identity)
        if images is None:
            return None
        if len(images) == 1 or images[-1].seen.ts_ns <= at_ns:
            return images[-1]
        return next((image for image in reversed(images) if image.seen.ts_ns <= at_ns), images[0])

    def find_acting(self, process: Process, at_ns: int) -> Image | None:
        """Return what a process ran when it acted, None if what is known cannot be it.

        Args:
            process: As a record carries it.
            at_ns: CLOCK_BOOTTIME, when it acted or later.
        """
        identity = (process.tgid, process.start_ns)
        return self.find_image(identity, process.execs, at_ns)

    def find_image(self, identity: Identity, execs: int, at_ns: int) -> Image | None:
        """Return a program that a process ran by its number, as it was at a time."""
        found = None
        for image in reversed(self.images.get(identity, ())):
            if image.seen.process.execs == execs:
                if image.seen.ts_ns <= at_ns:
                    return image
                found = image
        return found

    def _evict(self) -> None:
        """Drop the process that exited first; if all run, the one that is known longest."""
        identity = next(iter(self._exited), None)
        if identity is None:
            identity = next(iter(self.images))
            self.stats.evicted += 1
        else:
            del self._exited[identity]
        del self.images[identity]
        self.lineages.end(identity)

    def _seen_at(self, identity: Identity, at_ns: int) -> ProcessSeen | None:
        image = self.find(identity, at_ns)
        return image.seen if image else None


@lru_cache(MAX_NAMES)
def process_name(exe: str, comm: str) -> str:
    """Return the contract's `Proc`: the executable, with the task's name if that is another.

    Without an executable (kernel threads) it is the task's name.

    The names differ if they are not equal over the length of the shorter: `dash/sh`. comm is cut at
    15 bytes, maybe within a character, so bytes are compared.
    """
    if not exe:
        return comm
    exe_raw, comm_raw = _raw(exe), _raw(comm)
    shorter = min(len(exe_raw), len(comm_raw))
    return exe if exe_raw[:shorter] == comm_raw[:shorter] else f"{exe}/{comm}"


def _is_news(seen: ProcessSeen, last: ProcessSeen) -> bool:
    """Say whether a record adds to what is known; a snapshot may come after the exec it shows."""
    if seen.source == ProcessSource.EXEC:
        return True
    if seen.process.execs != last.process.execs:
        return seen.ts_ns >= last.ts_ns
    return seen.exe != last.exe and seen.ts_ns >= last.ts_ns


def _raw(text: str) -> bytes:
    """Return the kernel's bytes of a text, whatever the locale is."""
    return text.encode("utf-8", "surrogateescape")
