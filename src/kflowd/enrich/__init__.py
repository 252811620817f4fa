# SPDX-License-Identifier: Apache-2.0
"""Stage 4, enrich: an ordered tuple of callables, each of which fills in what it knows."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from kflowd.enrich.devices import Devices
from kflowd.enrich.interfaces import Interfaces
from kflowd.enrich.processes import Processes
from kflowd.enrich.users import Users
from kflowd.model import (
    Counters,
    Enriched,
    EnrichedFile,
    EnrichedSocket,
    EnrichedUnix,
    FileAggregate,
    ProcessExit,
    ProcessSeen,
    Session,
    SocketAggregate,
    SocketFlag,
    Tick,
    UnixAggregate,
    Value,
)

# What leaves the stage: aggregates with names, and what others act on.
Output = EnrichedFile | EnrichedSocket | EnrichedUnix | Counters | Session | Tick
_E = TypeVar("_E", bound=Enriched)


class Enricher:
    """Feeds the process table and runs the enrichers in their order."""

    def __init__(
        self, processes: Processes, users: Users, devices: Devices, interfaces: Interfaces
    ) -> None:
        self.processes = processes
        self.users = users
        # the order; each takes every kind of value and leaves alone what is not its own
        self.order: tuple[Callable[[Enriched], None], ...] = (
            processes.enrich,
            users.enrich,
            devices.enrich,
            interfaces.enrich,
        )

    def feed(self, values: Iterable[Value]) -> list[Output]:
        """Return the values with names; process records end here, in the table."""
        output: list[Output] = []
        append, run = output.append, self._run
        for value in values:
            if isinstance(value, FileAggregate):
                append(run(begin_file(value)))
            elif isinstance(value, SocketAggregate):
                append(run(begin_socket(value)))
            elif isinstance(value, UnixAggregate):
                append(run(begin_unix(value)))
            elif isinstance(value, ProcessSeen):
                self.processes.add(value)
            elif isinstance(value, ProcessExit):
                self.processes.exit(value)
            elif isinstance(value, Counters | Session | Tick):
                append(value)
        return output

    def _run(self, value: _E) -> _E:
        for enrich in self.order:
            enrich(value)
        return value


def begin_file(value: FileAggregate) -> EnrichedFile:
    """Return a file aggregate without names; the age of its process ends at the last event."""
    return EnrichedFile(
        value.process, value.last_ns, aggregate=value, path=value.path, flags=value.flags
    )


def begin_socket(value: SocketAggregate) -> EnrichedSocket:
    """Return a socket aggregate without names."""
    owner = None if value.flags & SocketFlag.NO_OWNER else value.process
    return EnrichedSocket(owner, value.ts_ns, aggregate=value)


def begin_unix(value: UnixAggregate) -> EnrichedUnix:
    """Return a UNIX socket aggregate without names."""
    owner = None if value.flags & SocketFlag.NO_OWNER else value.process
    return EnrichedUnix(owner, value.ts_ns, aggregate=value)
