# SPDX-License-Identifier: Apache-2.0
"""Joins stages 2 to 5: batches of records in, finished records out.

No I/O happens here and no clock is read: time comes with the records, so a recording gives the same
records as the run it was made in. What a stage takes is measured by who asks for that.
"""

from collections.abc import Callable, Iterable, Iterator

from kflowd.aggregate import Aggregator
from kflowd.aggregate.messages import MessageStats
from kflowd.aggregate.names import RemoteNames
from kflowd.delivery import Delivery
from kflowd.enrich import Enrichment
from kflowd.enrich.stage import Output
from kflowd.faults import Faults
from kflowd.filters import Filter
from kflowd.health import Health
from kflowd.laps import FILTERED, MIXED, SERIALIZED, Lap, no_lap
from kflowd.model import ClockStep, Counters, Enriched, Lost, Session, Tick, facts_of
from kflowd.records import Decoder
from kflowd.serialize import Builder, Record, UserCounters
from kflowd.settings import TraceSettings

Batch = bytes | memoryview
Shows = Callable[[Enriched], bool]
# The filter is timed in one of so many pieces of batches.
SAMPLED = 16


class Pipeline:
    """The stages of one run.

    Args:
        aggregator: Completes what left the kernel in parts.
        enrichment: Adds names.
        builder: Makes the records.
        delivery: Where they go; health records tell how that went.
        faults: Counts the records that an internal error costs, of all stages.
        hiding: Hides records; None: all are shown.
        unrecorded: Returns how many records a recording lacks.
        lap: Called at the end of each stage.

    Attributes:
        health: What was seen, reported and lost.
    """

    def __init__(
        self,
        aggregator: Aggregator,
        enrichment: Enrichment,
        builder: Builder,
        delivery: Delivery,
        *,
        faults: Faults | None = None,
        hiding: Filter | None = None,
        unrecorded: Callable[[], int] = int,
        lap: Lap = no_lap,
    ) -> None:
        self._lap = lap
        self._finished = 0
        self._faults = faults or Faults()
        self._unrecorded = unrecorded
        self._filter = hiding
        self._decoder = Decoder()
        self._aggregator = aggregator
        self._enrichment = enrichment
        self._builder = builder
        self._delivery = delivery
        self._lost = Lost()
        decodes = aggregator.messages
        self._messages = decodes.stats if decodes is not None else MessageStats()
        self._names = (decodes and decodes.names) or RemoteNames()
        self.health = Health(self.user_counters, delivery.lost, self._health_record)

    def feed(self, batch: Batch) -> list[Record]:
        """Return the records that a batch completes, in order.

        They do not depend on where the stream is cut into batches: a replay reads larger ones.
        """
        records: list[Record] = []
        lap = self._lap
        for values in self._decoder.pieces(batch):
            lap("decode")
            self.health.count(values)
            complete = self._aggregator.feed(values)
            lap("aggregate")
            named = self._enrichment.feed(complete)
            lap("enrich")
            records += self._finish(named)
        return records

    def close(self) -> list[Record]:
        """Return what waits in the stages, and the health of the run as the last record."""
        try:
            left = self._aggregator.close()
        except Exception as error:  # noqa: BLE001 - the run's health is told nevertheless
            self._faults.record(error)
            left = []
        left_records = self._finish(self._enrichment.feed(left))
        return [*left_records, *self._finish(self._enrichment.close()), *self.health.final()]

    @property
    def waiting(self) -> int:
        """How many records wait for answers, which come as news."""
        return self._enrichment.waiting.count

    def retime(self, trace: TraceSettings) -> None:
        """Take other times than the run began with, from now on."""
        self._aggregator.retime(trace)

    def tell_hidden_groups(self, tell: Callable[[int], None]) -> None:
        """Call something with the number of a control group whenever rules hide what it did."""
        if self._filter is not None:
            self._filter.on_group = tell

    def user_counters(self) -> UserCounters:
        """Return what user space has counted so far."""
        decoded, processes = self._decoder.stats, self._enrichment.processes.stats
        file, socket = self._aggregator.file.stats, self._aggregator.socket.stats
        followed, messages = self._aggregator.followed, self._messages
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
            records_failed=self._faults.records,
            names_failed=self._faults.names,
            recording_lost=self._unrecorded(),
            lookups_lost=self._lost.lookups_lost,
            ends_lost=self._lost.ends_lost + socket.ends_lost,
            records_waiting=self._enrichment.waiting.count,
            waits_ended=self._enrichment.waiting.given_up,
            records_hidden=(followed.hidden if followed else 0)
            + (self._filter.hidden if self._filter else 0),
            descendants_lost=followed.lost if followed else 0,
            messages_lost=messages.lost,
            conversations_lost=messages.evicted + messages.too_large + messages.failed,
            remote_names_evicted=self._names.evicted,
            plugin_faults=self._lost.plugin_faults,
            plugin_parts_lost=self._lost.plugin_parts_lost,
            plugins_disabled=self._lost.plugins_disabled,
        )

    def _health_record(self, kernel: Counters, ours: UserCounters) -> Record:
        return self._builder.health(kernel, ours, self._delivery.counters())

    def _finish(self, values: Iterable[Output]) -> list[Record]:
        records: list[Record] = []
        shows, stage = self._shows()
        self._faults.survive(lambda rest: self._build(rest, records, shows=shows), values)
        self._lap(stage)
        return records

    def _shows(self) -> tuple[Shows | None, str]:
        """Return what decides on records, None: all are shown; and whose time that will be."""
        if self._filter is None:
            return None, "serialize"
        self._finished += 1
        if self._finished % SAMPLED != 1:
            return self._filter.shows, MIXED
        return self._timed, SERIALIZED

    def _timed(self, value: Enriched) -> bool:
        self._lap(SERIALIZED)
        shown = self._filter is None or self._filter.shows(value)
        self._lap(FILTERED)
        return shown

    def _build(
        self, values: Iterator[Output], records: list[Record], *, shows: Shows | None
    ) -> None:
        append, make = records.append, self._builder.record
        for value in values:
            if isinstance(value, Tick):
                self._enrichment.refresh(value.ts_ns)
                records.extend(self.health.due())
            elif isinstance(value, Counters):
                self.health.note(value)
            elif isinstance(value, ClockStep):
                self._builder.step(value)
            elif isinstance(value, Session):
                self._learn(facts_of(Lost, value.facts))
                self._builder.begin(value)
                self._enrichment.refresh(value.ts_ns)
            elif shows is None or shows(value):
                append(make(value))

    def _learn(self, lost: Lost) -> None:
        """Take what a session tells; the first one, and one that tells of others, has zeros."""
        known = self._lost
        for name in known.__struct_fields__:
            setattr(known, name, max(getattr(known, name), getattr(lost, name)))
