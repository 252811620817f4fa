# SPDX-License-Identifier: Apache-2.0
"""Which processes read a pipe that kflowd writes to, and the pipes that these write to.

Proc tells it: what a descriptor is by its link, which end of a pipe by the mode of the link. File
systems are asked for nothing but a FIFO that we have open ourselves, and the lock of a process's
memory is not taken: no hanging mount or program keeps it waiting.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

STDIN, STDOUT = 0, 1
# A pipeline is shorter; the kernel side has as many places (KF_LEFT_OUT_MOST).
MOST = 16
# Of one process. Who holds more is no member of a pipeline.
MOST_DESCRIPTORS = 4096
# Ends of one pipe in one process that are looked at.
MOST_ENDS = 64
# Processes between two breaths, some milliseconds.
BETWEEN_BREATHS = 64
INIT = 1
# The name of a pipe that has none in a file system.
UNNAMED = "pipe:["

Identity = tuple[int, int]
# device and inode of a FIFO by the path that its link shows; of an unnamed pipe the link is enough
Pipes = Mapping[str, tuple[int, int] | None]


class Process(NamedTuple):
    """A process, and not another that gets its number later.

    Attributes:
        pid: Its number in the namespace of proc.
        ticks: When it began, clock ticks since boot: field 22 of /proc/PID/stat.
        name: What it calls itself, no part of its identity.
    """

    pid: int
    ticks: int
    name: str

    @property
    def identity(self) -> Identity:
        """Number and beginning."""
        return self.pid, self.ticks

    def __str__(self) -> str:
        name = "".join(each if each.isprintable() else "?" for each in self.name)
        return f"{name} ({self.pid})"


class Status(NamedTuple):
    """Of /proc/PID/stat: the process, and the number of its parent."""

    process: Process
    parent: int


def output_pipe(number: int = STDOUT) -> dict[str, tuple[int, int] | None]:
    """Return the pipe that a descriptor of ours is, by its link; {}: it is none."""
    try:
        found = os.fstat(number)
        link = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return {}
    if not stat.S_ISFIFO(found.st_mode):
        return {}
    return {link: None if link.startswith(UNNAMED) else (found.st_dev, found.st_ino)}


def find(
    pipes: Pipes,
    breathe: Callable[[], None] = lambda: None,
    spared: Collection[Identity] = (),
) -> list[Process]:
    """Return who reads these pipes, and the pipes that are the standard output of those who do.

    A reader has a pipe as its standard input, or has it for reading and not for writing: a shell
    that makes a pipeline has both ends. Ancestors of ours, and process 1, are never returned.

    Args:
        pipes: Where to begin.
        breathe: Called again and again; what it raises ends the search.
        spared: Who is not returned, beside the ancestors of now.

    Returns:
        At most 16, in order of the pipeline. A process without a right to be looked at is none.
    """
    found: dict[Identity, Process] = {}
    wanted, known = dict(pipes), set(pipes)
    while wanted and len(found) < MOST:
        passed = {*spared, *ancestors(), *found}
        new = list(_readers(wanted, passed, breathe))
        found |= {it.identity: it for it in new}
        wanted = {it: None for it in map(_written, new) if it and it not in known}
        known |= set(wanted)
    return list(found.values())[:MOST]


def ancestors() -> set[Identity]:
    """Return this process, its parent, that one's parent, and so on."""
    found: set[Identity] = set()
    pid = os.getpid()
    while (status := status_of(pid)) is not None and status.process.identity not in found:
        found.add(status.process.identity)
        pid = status.parent
    return found


def status_of(pid: int) -> Status | None:
    """Return what proc says of a process, None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    if len(fields) < 20:
        return None
    return Status(Process(pid, int(fields[19]), head.partition("(")[2]), int(fields[1]))


def _readers(
    pipes: Pipes, passed: Collection[Identity], breathe: Callable[[], None]
) -> Iterator[Process]:
    """Yield who reads one of the pipes, 16 at most, but for those that are passed over."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    left = MOST
    for count, pid in enumerate(pids):
        if count % BETWEEN_BREATHS == 0:
            breathe()
        process = _reader(pid, pipes) if pid != INIT else None
        if process is not None and process.identity not in passed:
            yield process
            left -= 1
        if not left:
            return


def _reader(pid: int, pipes: Pipes) -> Process | None:
    """Return a process that reads one of the pipes; None: it does not."""
    ends: dict[str, list[str]] = {}
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in islice(entries, MOST_DESCRIPTORS):
                if (link := _link(entry.path)) in pipes and _is_the(entry.path, pipes[link]):
                    ends.setdefault(link, []).append(entry.path)
    except OSError:
        return None
    for link, paths in ends.items():
        # once it is known who has the number: if it still is the reader, it has been all the time
        if _reads(paths) and (status := status_of(pid)) is not None and _link(paths[0]) == link:
            return status.process
    return None


def _reads(paths: list[str]) -> bool:
    """Say whether a process with these ends of a pipe is its reader."""
    modes = {path: _mode(path) for path in paths[:MOST_ENDS]}
    readable = {path for path, mode in modes.items() if mode & stat.S_IRUSR}
    if any(path.endswith(f"/fd/{STDIN}") for path in readable):
        return True
    return bool(readable) and not any(mode & stat.S_IWUSR for mode in modes.values())


def _written(process: Process) -> str:
    """Return the unnamed pipe that is the standard output of a process, "" if none is."""
    link = _link(f"/proc/{process.pid}/fd/{STDOUT}")
    return link if link.startswith(UNNAMED) else ""


def _is_the(path: str, identity: tuple[int, int] | None) -> bool:
    # a FIFO of this very path is on a file system that we have open too
    if identity is None:
        return True
    try:
        found = os.stat(path)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == identity


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0
