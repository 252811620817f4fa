# SPDX-License-Identifier: Apache-2.0
"""File aggregates: join the path, merge what was forced out early, close what is left.

The hot aggregation is in the kernel's map, because Python cannot see every write. Here is what the
kernel cannot do: it sends the path of an aggregate ahead (so that its map entry stays small) and,
when a table is full, lets parts of an aggregate go.
"""

from operator import itemgetter

import msgspec

from kflowd.model import FileAggregate, FileEvent, FileFlag, FilePath

# Twice the kernel map: an aggregate that is open has one path, and the map bounds how many there
# are. The rest is for what leaves and comes between two batches.
PATHS_PER_ENTRY = 2
MAX_PATHS = 32768
# Parts leave the kernel only when its map is full; 8192 of them take some 8 MB here.
MAX_PARTIALS = 8192


_UNKNOWN = FileFlag.PATH_UNKNOWN
# Events that end an aggregate: a part that holds one is the last.
ENDING_COUNTS = itemgetter(
    FileEvent.CLOSE_WRITE, FileEvent.CLOSE_NOWRITE, FileEvent.MOVED_TO, FileEvent.DELETE
)


class FileStats(msgspec.Struct):
    """What fell out of the tables.

    Attributes:
        records: Aggregates that are complete: each is a record, and has a name or has lost it.
        names_lost: Those without a path.
        paths_evicted: Paths dropped before their aggregate came; if it comes, it has lost its name.
        partials_evicted: Partial aggregates that became a record early; no event is lost.
    """

    records: int = 0
    names_lost: int = 0
    paths_evicted: int = 0
    partials_evicted: int = 0


class FileAggregator:
    """Completes file aggregates; time is that of the records.

    Args:
        idle_ns: A partial aggregate waits this long for its next part.
        export_at: Events that make an aggregate a record at once (`-e`), 0 no limit.
    """

    def __init__(
        self,
        idle_ns: int,
        export_at: int = 0,
        max_paths: int = MAX_PATHS,
        max_partials: int = MAX_PARTIALS,
    ) -> None:
        self.stats = FileStats()
        self._idle_ns = idle_ns
        self._export_at = export_at
        self._max_paths = max_paths
        self._max_partials = max_partials
        self._paths: dict[bytes, FilePath] = {}
        self._partials: dict[bytes, FileAggregate] = {}

    def add_path(self, value: FilePath) -> None:
        """Keep the path of an aggregate that comes later."""
        # at the end of the dict, so that the oldest is evicted first
        self._paths.pop(value.key, None)
        self._paths[value.key] = value
        if len(self._paths) > self._max_paths:
            del self._paths[next(iter(self._paths))]
            self.stats.paths_evicted += 1

    def add(self, value: FileAggregate) -> tuple[FileAggregate, ...]:
        """Take an aggregate or a part of one; return what is complete now."""
        complete = self._add(value)
        if complete:
            self._count(complete)
        return complete

    def _count(self, complete: tuple[FileAggregate, ...]) -> None:
        stats = self.stats
        for value in complete:
            stats.records += 1
            if value.flags & _UNKNOWN:
                stats.names_lost += 1

    def _add(self, value: FileAggregate) -> tuple[FileAggregate, ...]:
        flags = value.flags
        if flags & FileFlag.NO_INODE:
            # the key is the same for all files of the process that nobody could identify
            if not value.path:
                value.flags |= FileFlag.PATH_UNKNOWN
            return (value,)
        partial = flags & FileFlag.PARTIAL and not any(ENDING_COUNTS(value.counts))
        alone = value.path and value.events == 1  # none was sent ahead of it: it had no aggregate
        if not value.path:
            self._add_path(value)
        if not partial:
            if self._paths and not alone:
                self._drop_path(value)
            if not self._partials and not flags & FileFlag.PARTIAL:
                return (value,)
        earlier = self._partials.pop(value.key, None)
        if earlier is not None:
            value = merge(earlier, value)
        if not partial:
            value.flags &= ~FileFlag.PARTIAL
            return (value,)
        if self._export_at and value.events >= self._export_at:
            return (value,)
        self._partials[value.key] = value
        return self._evicted()

    def tick(self, now_ns: int) -> tuple[FileAggregate, ...]:
        """Return the partial aggregates that have waited too long at `now_ns`."""
        idle = [
            key for key, value in self._partials.items() if now_ns - value.ts_ns > self._idle_ns
        ]
        complete = tuple(self._partials.pop(key) for key in idle)
        self._count(complete)
        return complete

    def retime(self, idle_ns: int) -> None:
        """Let partial aggregates wait for another time."""
        self._idle_ns = idle_ns

    def close(self) -> tuple[FileAggregate, ...]:
        """Return all that is left."""
        left = tuple(self._partials.values())
        self._count(left)
        self._partials.clear()
        self._paths.clear()
        return left

    def _drop_path(self, value: FileAggregate) -> None:
        """Forget the path of an aggregate, but not the one of the next with its key."""
        known = self._paths.get(value.key)
        if known is not None and known.ts_ns <= value.ts_ns:
            del self._paths[value.key]

    def _add_path(self, value: FileAggregate) -> None:
        known = self._paths.get(value.key)
        if known is None or not known.path:
            value.flags |= FileFlag.PATH_UNKNOWN
        else:
            value.path = known.path
            value.flags |= known.flags
            value.mount, value.point = known.mount, known.point

    def _evicted(self) -> tuple[FileAggregate, ...]:
        if len(self._partials) <= self._max_partials:
            return ()
        self.stats.partials_evicted += 1
        return (self._partials.pop(next(iter(self._partials))),)


def merge(one: FileAggregate, other: FileAggregate) -> FileAggregate:
    """Return two parts of one aggregate as one, in whatever order they came."""
    first = one if one.first_ns <= other.first_ns else other
    last = one if one.last_ns > other.last_ns else other
    named = last if last.path else first  # after a rename the new name
    flags = one.flags | other.flags
    flags &= ~FileFlag.NO_BASELINE | first.flags
    if named.path:
        flags &= ~FileFlag.PATH_UNKNOWN
    return FileAggregate(
        ts_ns=max(one.ts_ns, other.ts_ns),
        key=one.key,
        process=first.process,
        image=first.image,
        first_ns=first.first_ns,
        last_ns=last.last_ns,
        size_first=first.size_first,
        mtime_first_ns=first.mtime_first_ns,
        mode_first=first.mode_first or one.mode_first or other.mode_first,
        flags=flags,
        inode=last.inode,
        counts=tuple(map(int.__add__, one.counts, other.counts)),
        events=one.events + other.events,
        path=named.path,
        origin=first.origin or last.origin,
        mount=named.mount,
        point=named.point,
    )
