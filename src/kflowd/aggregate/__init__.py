# SPDX-License-Identifier: Apache-2.0
"""Stage 3, aggregate: what left the kernel in parts or as totals becomes complete.

Values that are complete already pass through, in order: UNIX aggregates (the kernel lets an entry
go whole and once), processes, counters.
"""

from collections.abc import Iterable, Iterator

import msgspec

from kflowd.aggregate.file import FileAggregator
from kflowd.aggregate.followed import Followed
from kflowd.aggregate.messages import SocketMessages
from kflowd.aggregate.process import ProcessAggregator
from kflowd.aggregate.socket import SocketAggregator
from kflowd.faults import Faults
from kflowd.model import (
    FileAggregate,
    FilePath,
    Payload,
    SocketAggregate,
    SocketClosed,
    Tick,
    Value,
)
from kflowd.settings import TraceSettings


class Aggregator:
    """Feeds values to the aggregator of their kind.

    Args:
        file, socket: Aggregators of the two kinds; their `stats` are of interest to others.
        faults: Counts the values that an internal error costs.
        process: Makes aggregates of processes out of what the others complete; None: nobody.
        followed: Lets pass what is of some processes; None: of all.
        messages: Makes messages of payload; None: there is none of interest.
    """

    def __init__(
        self,
        file: FileAggregator,
        socket: SocketAggregator,
        faults: Faults | None = None,
        process: ProcessAggregator | None = None,
        followed: Followed | None = None,
        *,
        messages: SocketMessages | None = None,
    ) -> None:
        self.file = file
        self.socket = socket
        self.messages = messages
        self.followed = followed
        self._process = process
        self._faults = faults or Faults()

    def feed(self, values: Iterable[Value]) -> list[Value]:
        """Return what is complete after these values, in order."""
        complete: list[Value] = []
        self._faults.survive(lambda rest: self._feed(rest, complete), values)
        if self._process:
            complete = self._process.feed(complete)
        return self.followed.feed(complete) if self.followed else complete

    def _feed(self, values: Iterator[Value], complete: list[Value]) -> None:
        extend, append = complete.extend, complete.append
        add_file, add_socket = self.file.add, self.socket.add
        for value in values:
            kind = type(value)
            if kind is FileAggregate:
                extend(add_file(value))  # type: ignore[arg-type] # mypy does not narrow by `is`
            elif kind is SocketAggregate:
                settled = add_socket(value)  # type: ignore[arg-type]
                if settled is not None:
                    append(self._with_words(settled))
            elif kind is Payload:
                if self.messages is not None:
                    self.messages.add(value)  # type: ignore[arg-type]
            elif kind is FilePath:
                self.file.add_path(value)  # type: ignore[arg-type]
            elif kind is SocketClosed:
                self.socket.closed(value)  # type: ignore[arg-type]
            else:
                if kind is Tick:
                    extend(self.file.tick(value.ts_ns))
                    self.socket.tick()
                    if self.messages is not None:
                        self.messages.tick(value.ts_ns)
                append(value)

    def _with_words(self, settled: SocketAggregate) -> SocketAggregate:
        """Return an aggregate with what was said over it, and the name it was asked for by."""
        messages = self.messages
        if messages is None:
            return settled
        said = messages.take(settled)
        names = messages.names.of(settled) if messages.names is not None else ()
        if said is None and not names:
            return settled
        # the one without them is what the next difference begins from
        return msgspec.structs.replace(settled, messages=said, remote_names=names)

    def retime(self, trace: TraceSettings) -> None:
        """Take other times, idle and active, from now on."""
        self.file.retime(trace.idle_ns)
        if self._process:
            self._process.retime(trace.active_ns)

    def close(self) -> list[Value]:
        """Return what waits for more, when no more will come."""
        left: list[Value] = list(self.file.close())
        if self._process:
            left = [*self._process.feed(left), *self._process.close()]
        return self.followed.feed(left) if self.followed else left
