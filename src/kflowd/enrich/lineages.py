# SPDX-License-Identifier: Apache-2.0
"""Who started whom: the ancestors of each process, as they were when it began."""

from collections.abc import Callable

from kflowd.model import Process, ProcessFlag, ProcessSeen

# Of one process; those of a session with its shells, a build, a container are some five to eight.
MAX_ANCESTORS = 8
# init and kthreadd: nobody is above them.
TOPS = {1, 2}

Identity = tuple[int, int]
# (process, name of what it ran), the parent first
Ancestors = tuple[tuple[int, str], ...]


class Lineages:
    """Keeps the ancestors of each process of the table.

    They are those of the first record of the process (its fork, or what was found running), and
    stay: who is adopted because its parent ends has the ancestors that it was born with. A process
    is found by its number and its start time, so that none that got a number again is taken for
    another. What is not known ends the list.

    Args:
        at: Returns the record of what a process ran at a time (CLOCK_BOOTTIME).
    """

    def __init__(self, at: Callable[[Identity, int], ProcessSeen | None]) -> None:
        self._at = at
        self._known: dict[Identity, Ancestors] = {}
        # of those whose list does not reach the top: their first record, to look again
        self._open: dict[Identity, ProcessSeen] = {}

    def begin(self, seen: ProcessSeen) -> None:
        """Note the ancestors of a process by the first record of it."""
        identity = (seen.process.tgid, seen.process.start_ns)
        self._note(identity, self._above(seen.process, seen.ts_ns), seen)

    def end(self, identity: Identity) -> None:
        """Forget a process; its children keep what they have of it."""
        self._known.pop(identity, None)
        self._open.pop(identity, None)

    def of(self, process: Process, at_ns: int) -> Ancestors:
        """Return the ancestors of a process, of one that is not in the table those by its record.

        Args:
            process: As a record carries it.
            at_ns: CLOCK_BOOTTIME, when it acted or later.
        """
        identity = (process.tgid, process.start_ns)
        known = self._known.get(identity)
        if known is None:
            return self._above(process, at_ns)
        seen = self._open.get(identity)
        if seen is not None:
            # what ran before may be told of in any order, children before their parents
            found = self._above(seen.process, seen.ts_ns)
            if len(found) > len(known):
                self._note(identity, found, seen)
                return found
        return known

    def _note(self, identity: Identity, known: Ancestors, seen: ProcessSeen) -> None:
        self._known[identity] = known
        if _is_whole(known):
            self._open.pop(identity, None)
        else:
            self._open[identity] = seen

    def _above(self, process: Process, at_ns: int) -> Ancestors:
        """Return the most that is known; a step for each that is not whole, mostly one."""
        found: list[tuple[int, str]] = []
        best: Ancestors = ()
        while process.ppid and len(found) < MAX_ANCESTORS:
            parent = (process.ppid, process.parent_start_ns)
            ran = self._at(parent, at_ns)
            if ran is None:
                break
            found.append((process.ppid, _name(ran)))
            known = self._known.get(parent, ())
            if len(found) + len(known) > len(best):
                best = (*found, *known)
            first = self._open.get(parent)
            if first is None:
                break
            process, at_ns = first.process, first.ts_ns
        return best[:MAX_ANCESTORS]


def _is_whole(known: Ancestors) -> bool:
    return len(known) >= MAX_ANCESTORS or (bool(known) and known[-1][0] in TOPS)


def _name(seen: ProcessSeen) -> str:
    """Return the basename of the executable; of a kernel thread, which has none, the task's."""
    if not seen.exe and seen.process.flags & ProcessFlag.KTHREAD:
        return seen.process.comm
    return seen.exe.rpartition("/")[2]
