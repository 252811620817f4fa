# SPDX-License-Identifier: Apache-2.0
"""Joins stages 2 to 5: batches of records in, finished records out.

No I/O happens here and no clock is read: time comes with the records, so a recording gives the same
records as the run it was made in.
"""

from collections.abc import Iterable

from kflowd.aggregate import Aggregator
from kflowd.delivery import Delivery
from kflowd.enrich import Enrichment
from kflowd.health import Health
from kflowd.model import Counters, Session, Tick, Value
from kflowd.records import Decoder
from kflowd.serialize import Builder, Record, UserCounters

Batch = bytes | memoryview


class Pipeline:
    """The stages of one run.

    Args:
        aggregator: Completes what left the kernel in parts.
        enrichment: Adds names.
        builder: Makes the records.
        delivery: Where they go; health records tell how that went.

    Attributes:
        health: What was seen, reported and lost.
    """

    def __init__(
        self, aggregator: Aggregator, enrichment: Enrichment, builder: Builder, delivery: Delivery
    ) -> None:
        self._decoder = Decoder()
        self._aggregator = aggregator
        self._enrichment = enrichment
        self._builder = builder
        self._delivery = delivery
        self.health = Health(self.user_counters, delivery.lost, self._health_record)

    def feed(self, batch: Batch) -> list[Record]:
        """Return the records that a batch completes, in order."""
        values = self._decoder.decode(batch)
        self.health.count(values)
        return self._finish(self._aggregator.feed(values))

    def close(self) -> list[Record]:
        """Return what waits in the stages, and the health of the run as the last record."""
        return [*self._finish(self._aggregator.close()), *self.health.final()]

    def user_counters(self) -> UserCounters:
        """Return what user space has counted so far."""
        decoded, processes = self._decoder.stats, self._enrichment.processes.stats
        file, socket = self._aggregator.file.stats, self._aggregator.socket.stats
        return UserCounters(
            decode_unknown=decoded.unknown,
            decode_short=decoded.short,
            decode_corrupt=decoded.corrupt,
            paths_evicted=file.paths_evicted,
            partials_evicted=file.partials_evicted,
            sockets_evicted=socket.sockets_evicted,
            processes_evicted=processes.evicted,
            processes_unknown=processes.unknown,
            file_records=file.records,
            names_lost=file.names_lost,
            processes_incomplete=processes.incomplete,
        )

    def _health_record(self, kernel: Counters, ours: UserCounters) -> Record:
        return self._builder.health(kernel, ours, self._delivery.counters())

    def _finish(self, values: Iterable[Value]) -> list[Record]:
        records: list[Record] = []
        append, make = records.append, self._builder.record
        for value in self._enrichment.feed(values):
            if isinstance(value, Tick):
                self._enrichment.refresh(value.ts_ns)
                records += self.health.due()
            elif isinstance(value, Counters):
                self.health.note(value)
            elif isinstance(value, Session):
                self._builder.begin(value)
                self._enrichment.refresh(value.ts_ns)
            else:
                append(make(value))
        return records
