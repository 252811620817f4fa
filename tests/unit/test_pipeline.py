# SPDX-License-Identifier: Apache-2.0
from typing import Any, ClassVar

import msgspec
import pytest

from kflowd.aggregate import Aggregator
from kflowd.aggregate.file import FileAggregator
from kflowd.aggregate.followed import Followed
from kflowd.aggregate.socket import SocketAggregator
from kflowd.contract import constants
from kflowd.delivery import Delivery
from kflowd.delivery.formats import FORMATS
from kflowd.enrich import Enricher, Enrichment
from kflowd.enrich.base import NoFacts
from kflowd.enrich.processes import Processes
from kflowd.faults import Faults
from kflowd.filters import Filter, Rules
from kflowd.laps import FILTERED, MIXED, SERIALIZED
from kflowd.model import FileFlag
from kflowd.pipeline import SAMPLED, Pipeline
from kflowd.records.session import encode_session
from kflowd.serialize import Builder, UserCounters
from kflowd.serialize.record import FileRecord, HealthRecord
from tests.unit.make import SECOND, record, session

AT = constants()
NAME = b"name\0"
FILE = record("FILE", NAME, path_len=len(NAME), agg__counts=(1,) * 11)
PART = record("FILE", NAME, path_len=len(NAME), agg__flags=FileFlag.PARTIAL)


class Refreshed(Enricher):
    """Notes when it is told the time."""

    FACTS: ClassVar[type[msgspec.Struct]] = NoFacts

    def __init__(self) -> None:
        self.notes: list[int] = []

    def refresh(self, now_ns: int) -> bool:
        self.notes.append(now_ns)
        return False


class Tape:
    """Stands for a recorder."""

    lost = 0


class Stages:
    """A pipeline and its stages."""

    def __init__(self) -> None:
        self.tape = Tape()
        self.faults = Faults()
        self.refreshed = Refreshed()
        self.aggregator = Aggregator(FileAggregator(SECOND), SocketAggregator(), self.faults)
        self.followed = Followed(1)
        self.processes = Processes()
        enrichment = Enrichment([self.processes, self.refreshed], self.faults)
        self.builder = Builder()
        self.hiding = Filter(Rules())
        self.laps: list[str] = []
        self.pipeline = Pipeline(
            self.aggregator,
            enrichment,
            self.builder,
            Delivery([]),
            faults=self.faults,
            hiding=self.hiding,
            unrecorded=lambda: self.tape.lost,
            lap=self.laps.append,
        )


def counters(**values: int) -> bytes:
    """Return a record of the kernel's counters."""
    counts = [0] * AT["KF_CNT_MAX"]
    for name, value in values.items():
        counts[AT[f"KF_CNT_{name}"]] = value
    return record("COUNTERS", hdr__ts_ns=4, counters=tuple(counts))


def test_records_keep_the_order_of_values() -> None:
    """Records come out in order, a health record at the tick that makes it due."""
    stages = Stages()
    batch = counters(FILE_LOST_RING=1) + FILE + record("TICK", ts_ns=7) + FILE
    made = stages.pipeline.feed(batch)
    assert [type(each) for each in made] == [FileRecord, HealthRecord, FileRecord]
    assert [each.stamp.InfoSequenceNumber for each in made] == [1, 2, 3]
    assert stages.refreshed.notes == [7]


def test_session_and_counters_are_no_records() -> None:
    """A session sets the host and refreshes enrichers, counters go to the health watch."""
    stages = Stages()
    begin = encode_session(session(host_name="dev"))
    assert stages.pipeline.feed(begin) == []
    assert stages.refreshed.notes == [5 * SECOND]
    (file,) = stages.pipeline.feed(FILE + counters(FILE_EVENTS=5))
    assert file.host.InfoHostName == "dev"
    (health,) = stages.pipeline.close()
    assert isinstance(health, HealthRecord)
    assert health.kernel.HealthFileEvents == 5
    assert health.kernel.HealthFileReported == 11
    assert health.uptime.InfoUptime == 4 - 5 * SECOND


@pytest.mark.parametrize("size", [2, 3, 5, 100])
def test_health_does_not_depend_on_the_size_of_batches(size: int) -> None:
    """A recording is read in larger batches than it was made of, and gives the same bytes."""
    unknown = record("TICK", kind=999)
    stream = [encode_session(session())]
    for at in range(1, 5):
        lost = counters(FILE_LOST_RING=at, FILE_EVENTS=11 * at)
        stream += [FILE, lost, unknown, FILE, record("TICK", ts_ns=at * SECOND), FILE, PART]

    def replayed(size: int) -> list[bytes]:
        stages, text = Stages(), FORMATS["json"]()
        batches = (b"".join(stream[at : at + size]) for at in range(0, len(stream), size))
        made = [each for batch in batches for each in stages.pipeline.feed(batch)]
        assert sum(type(each) is HealthRecord for each in made) == 4
        return [text(each) for each in (*made, *stages.pipeline.close())]

    assert replayed(size) == replayed(1)


def test_a_batch_may_be_a_view() -> None:
    """The drain hands out memory that it uses again."""
    assert len(Stages().pipeline.feed(memoryview(FILE))) == 1


def test_close_gives_the_rest_and_the_last_health_record() -> None:
    """What waits in the stages comes out, then the health of the run."""
    stages = Stages()
    assert stages.pipeline.feed(PART + counters()) == []
    file, health = stages.pipeline.close()
    assert (type(file), type(health)) == (FileRecord, HealthRecord)
    assert isinstance(file, FileRecord)
    assert file.notes is not None
    assert file.notes.FileNotes == ("PARTIAL",)


def test_without_counters_there_is_no_health_record() -> None:
    """A kernel that was never asked has no health."""
    stages = Stages()
    assert [type(each) for each in stages.pipeline.feed(FILE)] == [FileRecord]
    assert stages.pipeline.close() == []


@pytest.mark.parametrize("name", UserCounters.__struct_fields__)
def test_each_counter_of_user_space_has_its_place(name: str) -> None:
    """What one stage has counted is told by one counter."""
    stages = Stages()
    decoder = stages.pipeline._decoder.stats
    of: dict[str, tuple[Any, str]] = {
        "decode_unknown": (decoder, "unknown"),
        "decode_short": (decoder, "short"),
        "decode_corrupt": (decoder, "corrupt"),
        "paths_evicted": (stages.aggregator.file.stats, "paths_evicted"),
        "partials_evicted": (stages.aggregator.file.stats, "partials_evicted"),
        "sockets_evicted": (stages.aggregator.socket.stats, "sockets_evicted"),
        "processes_evicted": (stages.processes.stats, "evicted"),
        "file_records": (stages.aggregator.file.stats, "records"),
        "names_lost": (stages.aggregator.file.stats, "names_lost"),
        "processes_incomplete": (stages.processes.stats, "incomplete"),
        "processes_unknown": (stages.processes.stats, "unknown"),
        "records_failed": (stages.faults, "records"),
        "names_failed": (stages.faults, "names"),
        "recording_lost": (stages.tape, "lost"),
        "lookups_lost": (stages.pipeline._lost, "lookups_lost"),
        "ends_lost": (stages.pipeline._lost, "ends_lost"),
        "plugin_faults": (stages.pipeline._lost, "plugin_faults"),
        "plugin_parts_lost": (stages.pipeline._lost, "plugin_parts_lost"),
        "plugins_disabled": (stages.pipeline._lost, "plugins_disabled"),
        "records_waiting": (stages.pipeline._enrichment.waiting, "count"),
        "waits_ended": (stages.pipeline._enrichment.waiting, "given_up"),
        "records_hidden": (stages.followed, "hidden"),
        "descendants_lost": (stages.followed, "lost"),
        "messages_lost": (stages.pipeline._messages, "lost"),
        "conversations_lost": (stages.pipeline._messages, "evicted"),
        "remote_names_evicted": (stages.pipeline._names._answers, "evicted"),
    }
    stages.aggregator.followed = stages.followed
    setattr(*of[name], 7)
    assert stages.pipeline.user_counters() == UserCounters(**{name: 7})


def test_what_user_space_lost_is_told_by_sessions() -> None:
    """A later one that tells of something else takes nothing back; ends are lost in two places."""
    stages = Stages()
    stages.aggregator.socket.stats.ends_lost = 2
    for facts in ({"lookups_lost": 4}, {"ends_lost": 3}, {"lookups_lost": 5}, {}):
        stages.pipeline.feed(encode_session(session(**facts)))
    ours = stages.pipeline.user_counters()
    assert (ours.lookups_lost, ours.ends_lost) == (5, 3 + 2)


def fails(*_: object) -> None:
    """Stand for a mistake in a stage."""
    raise ZeroDivisionError


def test_an_error_costs_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before and behind it in its batch come out, whichever stage it is in."""
    for stage in ("aggregator.file.add", "enrichment.file", "builder.record"):
        stages = Stages()
        name, _, method = stage.rpartition(".")
        places = {
            "aggregator.file": stages.aggregator.file,
            "enrichment": stages.pipeline._enrichment,
            "builder": stages.builder,
        }
        real = getattr(places[name], method)
        met: list[object] = []

        def second_fails(value: object, real: Any = real, met: list[object] = met) -> object:
            met.append(value)
            if len(met) == 2:
                raise ZeroDivisionError
            return real(value)

        monkeypatch.setattr(places[name], method, second_fails)
        made = stages.pipeline.feed(FILE + FILE + FILE)
        assert [type(each) for each in made] == [FileRecord, FileRecord], stage
        assert (stages.faults.records, stages.faults.names) == (1, 0)
        assert isinstance(stages.faults.first, ZeroDivisionError)


def test_an_error_of_an_enricher_costs_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record comes out without them; what does not follow changes keeps what it knows."""
    stages = Stages()
    monkeypatch.setattr(stages.pipeline._enrichment, "_file", (fails,))
    monkeypatch.setattr(stages.pipeline._enrichment, "_refresh", (fails,))
    assert len(stages.pipeline.feed(FILE + record("TICK", ts_ns=7))) == 1
    assert (stages.faults.records, stages.faults.names) == (0, 2)


def test_health_is_told_after_an_error_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in a stage that fails is lost, and counted."""
    stages = Stages()
    monkeypatch.setattr(stages.aggregator, "close", fails)
    stages.pipeline.feed(counters())
    (health,) = stages.pipeline.close()
    assert isinstance(health, HealthRecord)
    assert health.user.HealthRecordsFailed == 1


def test_what_filters_hide_is_counted_with_what_a_run_is_not_for() -> None:
    """Both are records that nobody asked for."""
    stages = Stages()
    stages.aggregator.followed = stages.followed
    stages.followed.hidden, stages.hiding.hidden = 5, 3
    assert stages.pipeline.user_counters().records_hidden == 5 + 3


def test_each_stage_ends_with_a_lap() -> None:
    """A few for each piece of a batch; the filter apart for the records of a few pieces."""
    stages = Stages()
    begun = ["decode", "aggregate", "enrich"]
    stages.pipeline.feed(FILE + FILE)
    apart = [SERIALIZED, FILTERED]
    assert stages.laps == [*begun, *apart, *apart, SERIALIZED]
    stages.laps.clear()
    for _ in range(SAMPLED - 1):
        stages.pipeline.feed(FILE + FILE)
    assert stages.laps == [*begun, MIXED] * (SAMPLED - 1)
    stages.laps.clear()
    stages.pipeline.feed(FILE)
    assert stages.laps == [*begun, *apart, SERIALIZED]
