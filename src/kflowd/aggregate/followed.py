# SPDX-License-Identifier: Apache-2.0
"""Follows a process and its descendants: lets their records pass, and those of nobody else.

Who is a descendant is told by the process records: that of a fork names who forked. Where such a
record was lost the parent tells: it is followed only if its children are. An orphan is adopted by
an ancestor (PR_SET_CHILD_SUBREAPER) or by one that is none of them, never the other way.
"""

from collections.abc import Iterable, Iterator

from kflowd.faults import Faults
from kflowd.model import (
    FileAggregate,
    Process,
    ProcessAggregate,
    ProcessExit,
    ProcessSeen,
    SocketAggregate,
    SocketFlag,
    UnixAggregate,
    Value,
)

Identity = tuple[int, int]

# Descendants that run at once, and those that have ended and may have records yet: a socket is of
# who made it, however long others use it. Some 150 bytes each.
MAX_RUNNING = 1 << 18
MAX_ENDED = 1 << 17


class Followed:
    """A process and its descendants.

    Args:
        root: Its tgid, as the first record of a process with that number has it.
        faults: Counts the values that an internal error costs.

    Attributes:
        hidden: Records of others that were left out.
        lost: Descendants that there was no room for: their records are left out, too.
    """

    def __init__(
        self,
        root: int,
        faults: Faults | None = None,
        max_running: int = MAX_RUNNING,
        max_ended: int = MAX_ENDED,
    ) -> None:
        self.hidden = 0
        self.lost = 0
        self._root = root  # 0: it is among them
        self._faults = faults or Faults()
        self._max_running = max_running
        self._max_ended = max_ended
        self._running: set[Identity] = set()
        self._ended: dict[Identity, None] = {}  # by when they did

    def feed(self, values: Iterable[Value]) -> list[Value]:
        """Return the values without what is of other processes, in order."""
        passed: list[Value] = []
        self._faults.survive(lambda rest: self._feed(rest, passed), values)
        return passed

    def _feed(self, values: Iterator[Value], passed: list[Value]) -> None:
        for value in values:
            if isinstance(value, FileAggregate | ProcessAggregate):
                wanted = self._has(value.process)
            elif isinstance(value, SocketAggregate | UnixAggregate):
                wanted = self._uses(value)
            else:
                wanted = True  # names are made of it
                if isinstance(value, ProcessSeen):
                    self._seen(value)
                elif isinstance(value, ProcessExit):
                    self._exited(value.process)
            if wanted:
                passed.append(value)
            else:
                self.hidden += 1

    def _seen(self, value: ProcessSeen) -> None:
        process = value.process
        identity = process.tgid, process.start_ns
        if process.tgid == self._root:
            self._root = 0
            self._running.add(identity)
        elif not self._knows(identity) and (
            self._knows(value.creator) or self._knows((process.ppid, process.parent_start_ns))
        ):
            self.lost += not self._add(identity)

    def _exited(self, process: Process) -> None:
        identity = process.tgid, process.start_ns
        if not self._has(process):
            return
        self._running.discard(identity)
        self._ended[identity] = None
        if len(self._ended) > self._max_ended:
            del self._ended[next(iter(self._ended))]

    def _uses(self, value: SocketAggregate | UnixAggregate) -> bool:
        """Say whether one of them owns a socket or has used it, or may be part of a sum."""
        if value.flags & SocketFlag.NO_OWNER:
            # without an owner a fold is of several processes
            owned = bool(value.flags & SocketFlag.FOLDED)
        else:
            owned = self._has(value.process)
        if owned:
            return True
        return value.usage is not None and any(self._has(it.process) for it in value.usage.users)

    def _has(self, process: Process) -> bool:
        identity = process.tgid, process.start_ns
        if self._knows(identity):
            return True
        # the record of its fork was lost
        return self._knows((process.ppid, process.parent_start_ns)) and self._add(identity)

    def _knows(self, identity: Identity) -> bool:
        return identity in self._running or identity in self._ended

    def _add(self, identity: Identity) -> bool:
        """Follow one more; say whether there was room."""
        if len(self._running) >= self._max_running:
            return False
        self._running.add(identity)
        return True
