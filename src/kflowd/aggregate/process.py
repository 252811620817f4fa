# SPDX-License-Identifier: Apache-2.0
"""Process aggregates: what a process did in its life, out of the records of all kinds.

The end of a process is told before all that it did is: its files are closed behind it, and what it
did by path is swept. So its aggregate waits for that.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator

import msgspec

from kflowd.contract import span
from kflowd.faults import Faults
from kflowd.model import (
    FileAggregate,
    FileEvent,
    FileFlag,
    Process,
    ProcessAggregate,
    ProcessExit,
    ProcessFlag,
    ProcessSeen,
    ProcessSource,
    SocketAggregate,
    SocketFlag,
    Tick,
    UnixAggregate,
    Value,
)

Identity = tuple[int, int]

# The first sweep behind an end may be under way already; what the next one takes has come then.
TICKS_AFTER_END = 2
# As many as the process table has, and those that have ended within two ticks.
MAX_LIVES = 1 << 17
# So many end within two ticks where nothing else is done; their names are kept that long.
MAX_ENDED = 1 << 15
# Files and connections of one process that are told apart, and of all: some 100 MB then.
MAX_THINGS = 1024
MAX_ALL_THINGS = 1 << 20
_KEY = "struct kf_file_key"


class Life(msgspec.Struct):
    """What is known of a process since its last record.

    Attributes:
        since_ns: When that was, or when the process was met first.
        last_ns: Its last event.
        things: Its files and connections, as far as they are told apart.
        left: Ticks until it is told, once it has ended.
    """

    process: Process
    since_ns: int
    last_ns: int
    execs: int = 0
    forks: int = 0
    children: int = 0
    files: int = 0
    connections: int = 0
    rough: bool = False
    end: ProcessExit | None = None
    left: int = 0
    things: set[Hashable] = msgspec.field(default_factory=set)

    @property
    def events(self) -> int:
        """Execs, forks and exits."""
        return self.execs + self.forks + (self.end is not None)

    @property
    def told(self) -> bool:
        """Whether there is something to tell; what the kernel has for itself is not."""
        if self.process.flags & ProcessFlag.KTHREAD:
            return False
        return bool(self.events or self.children or self.files or self.connections)


class ProcessAggregator:
    """Puts process aggregates among the values that it is made of, and lets pass what is wanted.

    Args:
        active_ns: A process that runs is told of each time after this, if it did anything.
        export_at: Events that make an aggregate a record at once (`-e`), 0 no limit.
        files, sockets: Whether there are records of these, too.
        faults: Counts the values that an internal error costs.
    """

    def __init__(
        self,
        active_ns: int,
        export_at: int = 0,
        *,
        files: bool = True,
        sockets: bool = True,
        faults: Faults | None = None,
        max_lives: int = MAX_LIVES,
    ) -> None:
        self._active_ns = active_ns
        self._export_at = export_at
        self._files = files
        self._sockets = sockets
        self._faults = faults or Faults()
        self._max_lives = max_lives
        # by when their last record was, or they were met
        self._running: dict[Identity, Life] = {}
        self._ended: dict[Identity, Life] = {}
        self._all_things = 0
        self._file_id = _file_id()

    def retime(self, active_ns: int) -> None:
        """Tell of processes that run after another time."""
        self._active_ns = active_ns

    def feed(self, values: Iterable[Value]) -> list[Value]:
        """Return the values that are wanted and the aggregates, in order."""
        passed: list[Value] = []
        self._faults.survive(lambda rest: self._feed(rest, passed), values)
        return passed

    def _feed(self, values: Iterator[Value], passed: list[Value]) -> None:
        for value in values:
            # passed on first: an error costs what it counts for, and not its own record
            if isinstance(value, FileAggregate):
                if self._files:
                    passed.append(value)
                self._file(value)
            elif isinstance(value, SocketAggregate | UnixAggregate):
                if self._sockets:
                    passed.append(value)
                if isinstance(value, SocketAggregate):
                    self._socket(value)
            else:
                # ahead of the aggregate: its names are known by it
                passed.append(value)
                if isinstance(value, ProcessSeen):
                    self._seen(value, passed)
                elif isinstance(value, ProcessExit):
                    self._exited(value, passed)
                elif isinstance(value, Tick):
                    self._tick(value.ts_ns, passed)

    def close(self) -> list[ProcessAggregate]:
        """Return what is left to tell, of those that run too."""
        lives = (*self._ended.values(), *self._running.values())
        self._ended.clear()
        self._running.clear()
        return [_aggregate(it, it.last_ns) for it in lives if it.told]

    def _seen(self, value: ProcessSeen, passed: list[Value]) -> None:
        process = value.process
        identity = process.tgid, process.start_ns
        if identity in self._ended:
            return  # listed as a zombie
        known = identity in self._running
        life = self._life(process, value.ts_ns, passed)
        if value.source == ProcessSource.EXEC:
            life.execs += 1
        elif value.source == ProcessSource.FORK and not known:
            life.forks += 1
            creator = self._find(value.creator)
            if creator is not None:
                creator.children += 1
        if self._export_at and life.events >= self._export_at:
            self._interim(life, value.ts_ns, passed)

    def _exited(self, value: ProcessExit, passed: list[Value]) -> None:
        process = value.process
        identity = process.tgid, process.start_ns
        if identity in self._ended:
            return  # the last two threads may both find that they are the last one
        life = self._life(process, value.ts_ns, passed)
        del self._running[identity]
        self._ended[identity] = life
        life.end = value
        life.left = TICKS_AFTER_END

    def _life(self, process: Process, at_ns: int, passed: list[Value]) -> Life:
        """Return the life of a process that runs, in its newest state."""
        identity = process.tgid, process.start_ns
        life = self._running.get(identity)
        if life is None:
            if len(self._running) + len(self._ended) >= self._max_lives:
                self._evict(passed)
            life = self._running[identity] = Life(process, at_ns, at_ns)
        life.process = process
        life.last_ns = at_ns
        return life

    def _find(self, identity: Identity) -> Life | None:
        return self._running.get(identity) or self._ended.get(identity)

    def _evict(self, passed: list[Value]) -> None:
        """Make room by who has ended first, else by whose last record is the oldest."""
        lives = self._ended or self._running
        life = self._take(lives, next(iter(lives)))
        if life.told:
            passed.append(_aggregate(life, life.last_ns, partial=True))

    def _take(self, lives: dict[Identity, Life], identity: Identity) -> Life:
        life = lives.pop(identity)
        self._all_things -= len(life.things)
        return life

    def _interim(self, life: Life, at_ns: int, passed: list[Value]) -> None:
        """Tell of a process that runs on, and begin anew."""
        process = life.process
        identity = process.tgid, process.start_ns
        self._take(self._running, identity)
        self._running[identity] = Life(process, at_ns, at_ns)
        if life.told:
            passed.append(_aggregate(life, at_ns))

    def _tick(self, at_ns: int, passed: list[Value]) -> None:
        due = []
        for identity, life in self._ended.items():
            life.left -= 1
            if life.left <= 0:
                due.append(identity)
        lives = [self._take(self._ended, identity) for identity in due]
        passed += [_aggregate(life, at_ns) for life in lives if life.told]
        while self._running:
            life = next(iter(self._running.values()))
            if at_ns - life.since_ns < self._active_ns:
                return
            self._interim(life, at_ns, passed)

    def _file(self, value: FileAggregate) -> None:
        if not value.counts[FileEvent.MODIFY] or value.flags & FileFlag.FAILED:
            return
        life = self._find((value.process.tgid, value.process.start_ns))
        if life is not None and self._is_new(life, self._file_id(value)):
            life.files += 1

    def _socket(self, value: SocketAggregate) -> None:
        life = self._find((value.process.tgid, value.process.start_ns))
        if life is None or value.flags & SocketFlag.NO_OWNER:
            return
        if value.flags & SocketFlag.FOLDED:
            life.connections += value.begun
        elif self._is_new(life, value.key):
            life.connections += 1

    def _is_new(self, life: Life, thing: Hashable) -> bool:
        """Say whether a file or connection is met for the first time."""
        if thing in life.things:
            return False
        if len(life.things) >= MAX_THINGS or self._all_things >= MAX_ALL_THINGS:
            life.rough = True
        else:
            life.things.add(thing)
            self._all_things += 1
        return True


def _file_id() -> Callable[[FileAggregate], Hashable]:
    """Return a function that says which file an aggregate is of: its inode, else its path."""
    ino, dev, gen = (slice(*span(_KEY, name)) for name in ("ino", "dev", "gen"))

    def of(value: FileAggregate) -> Hashable:
        key = value.key
        return key[ino] + key[dev] + key[gen] if value.inode.ino else value.path

    return of


def _aggregate(life: Life, at_ns: int, *, partial: bool = False) -> ProcessAggregate:
    return ProcessAggregate(
        ts_ns=life.end.ts_ns if life.end else at_ns,
        process=life.process,
        execs=life.execs,
        forks=life.forks,
        end=life.end,
        children=life.children,
        files_written=life.files,
        connections=life.connections,
        rough=life.rough,
        partial=partial,
    )
