# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterable

from kflowd.model import Counters, FileAggregate, HostFacts, Session, Tick, Value
from kflowd.pipeline import Batch, Named, Pipeline
from kflowd.serialize import Record
from tests.unit.make import file

SESSION = Session(3, 5, 0, HostFacts())
RECORD, DUE, FINAL = HostFacts("record"), HostFacts("due"), HostFacts("final")


class Stages:
    """Stages that note what they are given."""

    def __init__(self, *values: Value) -> None:
        self.values = list(values)
        self.notes: list[str] = []
        self.left: list[Value] = []

    def decode(self, batch: Batch) -> list[Value]:
        assert batch == b"batch"
        return self.values

    def feed(self, values: Iterable[Value]) -> list[Value]:
        return list(values)

    def close(self) -> list[Value]:
        return self.left

    def begin(self, session: Session) -> None:
        self.notes.append(f"begin {session.ts_ns}")

    def build(self, value: object) -> Record:
        assert isinstance(value, FileAggregate)
        return RECORD

    def table(self, now_ns: int) -> None:
        self.notes.append(f"table {now_ns}")

    def count(self, values: Iterable[Value]) -> None:
        self.notes.append(f"count {len(list(values))}")

    def note(self, counters: Counters) -> None:
        self.notes.append(f"counters {counters.ts_ns}")

    def due(self) -> list[Record]:
        return [DUE]

    def final(self) -> list[Record]:
        return [FINAL]


class Names:
    """Stands for the enrichers: values pass."""

    def feed(self, values: Iterable[Value]) -> Iterable[Named | Counters | Session | Tick]:
        return list(values)  # type: ignore[arg-type] # aggregates stand for named ones


def pipeline(stages: Stages) -> Pipeline:
    return Pipeline(
        decode=stages.decode,
        aggregate=stages,
        enrich=Names(),
        begin=stages.begin,
        build=stages.build,
        health=stages,
        tables=(stages.table,),
    )


def test_records_keep_the_order_of_values() -> None:
    """Records come out in order, a health record at the tick that makes it due."""
    stages = Stages(file(), Tick(7), file())
    assert pipeline(stages).feed(b"batch") == [RECORD, DUE, RECORD]
    assert stages.notes == ["count 3", "table 7"]


def test_session_and_counters_are_no_records() -> None:
    """A session sets the host and fills the tables, counters go to the health watch."""
    stages = Stages(SESSION, Counters(4, (), 0))
    assert pipeline(stages).feed(b"batch") == []
    assert stages.notes == ["count 2", "begin 3", "table 3", "counters 4"]


def test_close_gives_the_rest_and_the_last_health_record() -> None:
    """What waits in the stages comes out, then the health of the run."""
    stages = Stages()
    stages.left = [file()]
    assert pipeline(stages).close() == [RECORD, FINAL]
