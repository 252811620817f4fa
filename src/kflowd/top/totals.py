# SPDX-License-Identifier: Apache-2.0
"""What processes did so far: one entry for each, as many as there is room for."""

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from kflowd.constants import SECOND_NS
from kflowd.top.flows import Flows
from kflowd.top.history import BACK_SECONDS, History
from kflowd.top.losses import Losses
from kflowd.top.records import FILE, HEALTH, PROCESS, SOCKET, Seen, decode

# Who starts processes chooses how many there are: those without a record for the longest time go.
# 4096 take about 5 MB.
MOST_PROCESSES = 4096
# names are shorter, but in a record that somebody made
MOST_LETTERS = 256
# how exactly the beginning of a process follows from its age
SLACK_NS = 50_000_000

# host and number; of one that has ended and whose number another has, also a count of those
Key = tuple[str, int | None, int]


class ProcessTotals(msgspec.Struct, kw_only=True):
    """Sums of one process; names are those of its last record.

    Attributes:
        pid: None: of sockets whose process is not known.
        files: Records of files.
        events: Of files and of the process.
        sent: Bytes.
        received: Bytes.
        connections: TCP connections, peers of UDP sockets, UNIX sockets.
        last_ns: When the latest record happened.
        history: Its records.
    """

    pid: int | None
    history: History
    name: str = ""
    user: str = ""
    exe: str = ""
    files: int = 0
    events: int = 0
    sent: int = 0
    received: int = 0
    connections: int = 0
    last_ns: int = 0


class Totals:
    """Adds up records.

    Args:
        most: How many processes are kept.

    Attributes:
        records: How many were taken, health records too.
        bad: Texts that were no records.
        left_out: Processes that were dropped because there were too many.
        now: Second of the latest record, of the clock that is used.
        losses: What kflowd says that it lost.
    """

    def __init__(self, most: int = MOST_PROCESSES) -> None:
        self.records = 0
        self.bad = 0
        self.left_out = 0
        self.now = 0
        self.losses = Losses()
        self.history = History(0)
        self._most = most
        self._ended = 0
        self._flows = Flows()
        self._processes: OrderedDict[Key, ProcessTotals] = OrderedDict()

    def processes(self) -> Iterable[ProcessTotals]:
        """Return all that are kept."""
        return self._processes.values()

    def take(self, texts: Iterable[bytes], second: int | None) -> None:
        """Take texts of records.

        Args:
            texts: JSON objects.
            second: Now; None: a record comes when it happened.
        """
        for text in texts:
            seen = decode(text)
            if seen is None:
                self.bad += 1
            elif seen.InfoMonitor != HEALTH:
                self._add(seen, second)
            elif not self.losses.take(seen.InfoHostName[:MOST_LETTERS], text):
                self.bad += 1
            else:
                self.records += 1

    def _add(self, seen: Seen, second: int | None) -> None:
        wall_ns = seen.wall_ns
        if second is None:
            second = self.now if wall_ns is None else wall_ns // SECOND_NS
        if not 0 <= self.now - second <= BACK_SECONDS:
            self.now = second
        self.records += 1
        self.history.add(second)
        process = self._process(seen, wall_ns, second)
        process.history.add(second)
        process.name = seen.Proc[:MOST_LETTERS]
        number = "" if seen.ProcUID is None else str(seen.ProcUID)
        process.user = (seen.ProcUser or number)[:MOST_LETTERS]
        process.exe = seen.ProcExe[:MOST_LETTERS]
        if seen.InfoMonitor == FILE:
            process.files += 1
            process.events += seen.FileEventCount
        elif seen.InfoMonitor == SOCKET:
            process.sent += seen.SockTxBytes
            process.received += seen.SockRxBytes
            process.connections += self._flows.new(seen)
        elif seen.InfoMonitor == PROCESS:
            process.events += sum(seen.ProcEvents.values())

    def _process(self, seen: Seen, wall_ns: int | None, second: int) -> ProcessTotals:
        """Return the entry of a record's process."""
        key: Key = (seen.InfoHostName[:MOST_LETTERS], seen.ProcPID, 0)
        found = self._processes.get(key)
        if found is not None and wall_ns is not None:
            began_ns = seen.began_ns(wall_ns)
            if began_ns is not None and began_ns > found.last_ns + SLACK_NS and found.last_ns:
                self._end(key)
                found = None
        if found is None:
            found = self._processes[key] = ProcessTotals(pid=seen.ProcPID, history=History(second))
            if len(self._processes) > self._most:
                self._processes.popitem(last=False)
                self.left_out += 1
        else:
            self._processes.move_to_end(key)
        if wall_ns is not None:
            found.last_ns = max(found.last_ns, wall_ns)
        return found

    def _end(self, key: Key) -> None:
        """Keep what has ended beside the process that has its number now, as the first to go."""
        self._ended += 1
        ended = (*key[:2], self._ended)
        self._processes[ended] = self._processes.pop(key)
        self._processes.move_to_end(ended, last=False)
