# SPDX-License-Identifier: Apache-2.0
"""The consumer that sends records out: one text for each record and form, to all outputs."""

import os
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from kflowd.delivery.consumer import Ending
from kflowd.delivery.exchange import Exchange
from kflowd.delivery.formats import MORE, Format, make_format
from kflowd.delivery.output import Output, State
from kflowd.delivery.outputs import screen_of
from kflowd.delivery.retiring import Retiring, failure_of
from kflowd.delivery.where import make_where
from kflowd.faults import Faults
from kflowd.laps import Lap, no_lap
from kflowd.serialize import HealthRecord, OutputCounters, Record
from kflowd.settings.outputs import KINDS

# How often the end looks whether it has waited long enough.
LOOK_S = 0.05


class Group:
    """Outputs that get the same texts.

    Args:
        outputs: One at least.
        faults: Counts the records that an expression fails at.

    Attributes:
        format: Makes the texts.
        outputs: As above.
    """

    def __init__(self, outputs: Sequence[Output], faults: Faults) -> None:
        first = outputs[0]
        self.outputs = outputs
        self._faults = faults
        self.format = make_format(first.form, first.screen, first.wrap, os.getpid())
        self._more = MORE.get(first.form)
        self._all = first.records >= set(KINDS)
        self._records = first.records
        self._where = None if first.where is None else make_where(first.where)

    def wanted(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return those of some records that the outputs are to get; count what `where` left out."""
        if not self._all:
            records = [it for it in records if it.MONITOR in self._records]
        if self._where is None:
            return records
        found = [it for it in records if self._holds(it)]
        for output in self.outputs:
            output.filtered += len(records) - len(found)
        return found

    def texts_of(self, record: Record) -> int:
        """Return how many texts of a record the outputs are to get."""
        if not ((self._all or record.MONITOR in self._records) and self._holds(record)):
            return 0
        return 1 if self._more is None else len(self.with_more((record,)))

    def with_more(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return records, and behind each what the form has texts of beside it."""
        if self._more is None:
            return records
        found: list[Record] = []
        for record in records:
            found.append(record)
            try:
                found += self._more(record)
            except Exception as error:  # noqa: BLE001 - it costs these texts; the run goes on
                self._faults.record(error)
        return found

    def _holds(self, record: Record) -> bool:
        try:
            return self._where is None or self._where(record)
        except Exception as error:  # noqa: BLE001 - it costs one record; the run goes on
            self._faults.record(error)
            return False


def _alike(outputs: Sequence[Output]) -> list[list[Output]]:
    """Return outputs that get the same texts together."""
    groups: dict[object, list[Output]] = {}
    for output in outputs:
        same = (output.form, output.screen, output.records, output.wrap, output.where)
        groups.setdefault(same, []).append(output)
    return list(groups.values())


class Delivery:
    """Formats records and hands them to outputs. A context manager that leaves none running.

    Args:
        outputs: Where to; none: records are counted only.
        count: How many records the run is to give, by its first output; None: no limit. What that
            output loses does not count.
        faults: Counts the records that cannot be written in a form.
        lap: Called when texts are made, and when they are handed over.

    Attributes:
        records: How many were taken.
        outputs: As above.
    """

    def __init__(
        self,
        outputs: Sequence[Output],
        count: int | None = None,
        faults: Faults | None = None,
        lap: Lap = no_lap,
    ) -> None:
        self.records = 0
        self._lap = lap
        self._faults = faults or Faults()
        self._outputs = outputs
        self._left = Retiring()
        self._count = count
        self._groups = [Group(each, self._faults) for each in _alike(outputs)]

    @property
    def outputs(self) -> Sequence[Output]:
        """Where records go now."""
        return self._outputs

    @property
    def settled(self) -> bool:
        """Whether all outputs that an exchange has left have ended."""
        return not self._left.count

    @property
    def gone(self) -> bool:
        """Whether there were outputs, and each one's sink is gone."""
        return bool(self._outputs) and all(each.state is State.GONE for each in self._outputs)

    @property
    def reopens(self) -> bool:
        """Whether there is an output that `reopen` does something for."""
        return any(output.reopens for output in self._outputs)

    @property
    def done(self) -> bool:
        """Whether the run is to end: nobody takes records, or there are as many as were wanted."""
        return self.gone or (self._count is not None and self._missing() <= 0)

    def put(self, records: Sequence[Record]) -> None:
        """Take records; see `Consumer.put`. With lossless outputs it waits for their sinks."""
        if self._count is not None:
            records = self._up_to_count(records)
        self.records += len(records)
        if records:
            for group in self._groups:
                self._share(records, group)

    def exchange(self, exchange: Exchange) -> None:
        """Take other outputs, from the next record on; to be called by who puts records."""
        for output, wanted in exchange.told:
            output.tell(wanted.form, wanted.records, screen_of(wanted), wanted.where)
        self._groups = [Group(each, self._faults) for each in _alike(exchange.outputs)]
        self._outputs = exchange.outputs
        for left in exchange.left:
            self._left.take(left)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def close(self, ending: Ending) -> None:
        """Let all sinks take what is queued, and give up those that `ending` says."""
        for output in self._outputs:
            output.end()
        self._left.close(ending)
        for output in self._outputs:
            while not output.finished and not ending.over(output.progress_ns):
                output.join(LOOK_S)
        self.leave()

    def reopen(self) -> None:
        """Let all sinks begin anew: files that were renamed, connections."""
        for output in self._outputs:
            output.reopen()

    def leave(self) -> None:
        """End at once; what is queued is lost. May be called twice."""
        self._left.leave()
        for output in self._outputs:
            output.leave()

    def counters(self) -> list[OutputCounters]:
        """Return what each output did, in their order."""
        return [output.counters() for output in self._outputs]

    def lost(self) -> int:
        """Return how many records outputs have lost, but for those that a newer one replaced."""
        counts = [output.counts() for output in self._outputs]
        return self._left.lost() + sum(sum(it.lost.values()) - it.replaced for it in counts)

    def unwritten(self) -> list[tuple[str, int]]:
        """Return how many records each output has taken and not written; for any thread."""
        now = [(each.name, each.unwritten()) for each in self._outputs]
        return [*self._left.unwritten(), *now]

    def summary(self) -> Iterator[str]:
        """Yield a line for each output that lost records, with the reasons."""
        lines = *(output.summary() for output in self._outputs), self._left.summary()
        yield from filter(None, lines)

    def failure(self) -> Exception | None:
        """Return the error of a sink that refused records so that some were lost."""
        found = (self._left.failure(), *map(failure_of, self._outputs))
        return next((error for error in found if error is not None), None)

    def _up_to_count(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return records up to the last one of which the first output has to give a text."""
        missing = self._missing()
        for place, record in enumerate(records):
            if missing <= 0:
                return records[:place]
            missing -= self._groups[0].texts_of(record) if self._groups else 1
        return records

    def _share(self, records: Sequence[Record], group: Group) -> None:
        """Make each text once, and give all to the outputs that get the same.

        For a sink that is gone there are no more records: it does not lose any either.
        """
        there = [output for output in group.outputs if output.state is not State.GONE]
        if not there:
            return
        texts: list[bytes] = []
        notices: list[int] = []
        rest = iter(group.with_more(group.wanted(records)))
        while True:
            try:
                _form(rest, group.format, texts, notices)
            except Exception as error:  # noqa: BLE001 - it costs one record; the run goes on
                self._faults.record(error)
            else:
                break
        self._lap("serialize")
        for output in there:
            output.put(texts, notices)
        self._lap("deliver")

    def _missing(self) -> int:
        """Return how many records are missing to the count."""
        given = self.records
        if self._outputs:
            counts = self._outputs[0].counts()
            given = counts.written + counts.queued
        return (self._count or 0) - given


def _form(records: Iterator[Record], form: Format, texts: list[bytes], notices: list[int]) -> None:
    """Append the texts of records, and the places of health records among them."""
    for record in records:
        text = form(record)
        if type(record) is HealthRecord:
            notices.append(len(texts))
        texts.append(text)
