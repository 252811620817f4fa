# SPDX-License-Identifier: Apache-2.0
"""Joins the stages: batches of the kernel in, finished records out.

Each stage is passed in and does not know the next. No I/O happens here and no clock is read: time
comes with the records, so a recording gives the same records as the run it was made in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from kflowd.model import (
    Counters,
    EnrichedFile,
    EnrichedSocket,
    EnrichedUnix,
    Session,
    Tick,
    Value,
)
from kflowd.serialize import Record

Batch = bytes | memoryview
Named = EnrichedFile | EnrichedSocket | EnrichedUnix


class Aggregate(Protocol):
    """Stage 3: completes what left the kernel in parts."""

    def feed(self, values: Iterable[Value], /) -> list[Value]:
        """Return what is complete."""

    def close(self) -> list[Value]:
        """Return what is left."""


class Enrich(Protocol):
    """Stage 4: adds names."""

    def feed(self, values: Iterable[Value], /) -> Iterable[Named | Counters | Session | Tick]:
        """Return the values with names."""


class HealthWatch(Protocol):
    """Says when losses are worth a record."""

    def count(self, values: Iterable[Value], /) -> None:
        """Count what has arrived."""

    def note(self, counters: Counters, /) -> None:
        """Take the newest counters."""

    def due(self) -> list[Record]:
        """Return a record if something was lost."""

    def final(self) -> list[Record]:
        """Return the last record."""


class Pipeline:
    """Stages 2 to 5.

    Args:
        decode: Batch to values; never raises on what the kernel sends.
        aggregate, enrich: The stages after it.
        begin: Takes what a session says of the host.
        build: Value with names to record.
        health: Watches the counters.
        tables: Called with the time of the session and of each tick: look-up tables that refresh.
    """

    def __init__(
        self,
        *,
        decode: Callable[[Batch], list[Value]],
        aggregate: Aggregate,
        enrich: Enrich,
        begin: Callable[[Session], Any],
        build: Callable[[Named], Record],
        health: HealthWatch,
        tables: Sequence[Callable[[int], Any]] = (),
    ) -> None:
        self._decode = decode
        self._aggregate = aggregate
        self._enrich = enrich
        self._begin = begin
        self._build = build
        self._health = health
        self._tables = tables

    def feed(self, batch: Batch) -> list[Record]:
        """Return the records that a batch completes, in order."""
        values = self._decode(batch)
        self._health.count(values)
        return self._finish(self._aggregate.feed(values))

    def close(self) -> list[Record]:
        """Return what is left when nothing more comes, and the last health record."""
        return self._finish(self._aggregate.close()) + self._health.final()

    def _finish(self, values: Iterable[Value]) -> list[Record]:
        records: list[Record] = []
        for value in self._enrich.feed(values):
            if isinstance(value, Tick):
                self._refresh(value.ts_ns)
                records += self._health.due()
            elif isinstance(value, Counters):
                self._health.note(value)
            elif isinstance(value, Session):
                self._begin(value)
                self._refresh(value.ts_ns)
            else:
                records.append(self._build(value))
        return records

    def _refresh(self, now_ns: int) -> None:
        for table in self._tables:
            table(now_ns)
