# SPDX-License-Identifier: Apache-2.0
from kflowd.contract import constants
from kflowd.health import CLASSES, Arrived, Health
from kflowd.model import Counters, SocketFlag
from kflowd.serialize import Record, UserCounters
from tests.unit.make import file, flow, key, socket, unix
from tests.unit.serialize.text import builder

AT = constants()
SIZE = AT["KF_CNT_MAX"]
RECORD = UserCounters()  # stands for one


def counters(missed: int = 0, **values: int) -> Counters:
    counts = [0] * SIZE
    for name, value in values.items():
        counts[AT[f"KF_CNT_{name}"]] = value
    return Counters(1, tuple(counts), missed)


class Watch:
    """A Health whose records are the counters it was given."""

    def __init__(self) -> None:
        self.ours = UserCounters()
        self.outputs_lost = 0
        self.records: list[Counters] = []
        self.health = Health(lambda: self.ours, lambda: self.outputs_lost, self._make)
        self.record: Record = builder().health(counters(), self.ours)

    def _make(self, kernel: Counters, ours: UserCounters) -> Record:
        assert ours == self.ours
        self.records.append(kernel)
        return self.record


def test_nothing_lost_is_no_record() -> None:
    """As long as nothing is lost, no record is due."""
    watch = Watch()
    assert watch.health.due() == []
    watch.health.note(counters(FILE_EVENTS=5, PROC_EVENTS=7))
    assert watch.health.due() == []


def test_each_change_of_a_loss_is_one_record() -> None:
    """A loss makes one record; the next one when it has changed."""
    watch = Watch()
    for lost, expected in ((1, [watch.record]), (1, []), (2, [watch.record])):
        watch.health.note(counters(FILE_LOST_RING=lost))
        assert watch.health.due() == expected


def test_runs_that_the_kernel_skipped_are_a_loss() -> None:
    """So are losses of user space."""
    watch = Watch()
    watch.health.note(counters(missed=1))
    assert watch.health.due() == [watch.record]
    watch.ours = UserCounters(sockets_evicted=1)
    assert watch.health.due() == [watch.record]
    watch.ours = UserCounters(sockets_evicted=1, processes_unknown=9)
    assert watch.health.due() == []


def test_records_that_outputs_lost_are_a_loss() -> None:
    """A reader who cannot follow makes a record due, once for each change."""
    watch = Watch()
    watch.health.note(counters())
    assert watch.health.due() == []
    for lost, expected in ((7, [watch.record]), (7, []), (11, [watch.record])):
        watch.outputs_lost = lost
        assert watch.health.due() == expected


def test_last_record_comes_once_there_are_counters() -> None:
    """A run ends with a record if the kernel was ever asked."""
    watch = Watch()
    assert watch.health.final() == []
    watch.health.note(counters())
    assert watch.health.final() == [watch.record]


def test_reported_is_what_arrived() -> None:
    """Events and sockets are counted when they are here, by whatever way they came."""
    watch = Watch()
    watch.health.count([file(), file(counts=(1,) * 11), unix(), socket()])
    watch.health.note(counters(FILE_EVENTS=15, FILE_REPORTED=3))
    watch.health.final()

    values = watch.records[0].values
    assert values[AT["KF_CNT_FILE_REPORTED"]] == 4 + 11
    assert values[AT["KF_CNT_SOCK_REPORTED"]] == 1
    assert values[AT["KF_CNT_UNIX_REPORTED"]] == 1
    assert values[AT["KF_CNT_FILE_EVENTS"]] == 15


def test_connection_counts_once() -> None:
    """Interim records of a connection and its last one are one socket; UDP counts each time."""
    arrived = Arrived()
    interim = socket(flags=SocketFlag.STALE)
    arrived.count([interim, interim, socket(flags=SocketFlag.FINAL)])
    assert arrived.reported()["KF_CNT_SOCK_REPORTED"] == 1
    arrived.count([interim, interim])
    assert arrived.reported()["KF_CNT_SOCK_REPORTED"] == 2
    peer = key("sock", cookie=2, remote_port=53, family=2)
    arrived.count([socket(flow=flow(protocol=17), key=peer, flags=SocketFlag.STALE)] * 2)
    assert arrived.reported()["KF_CNT_SOCK_REPORTED"] == 4


def test_what_is_folded_is_reported() -> None:
    """A fold is one, and so is each member that began; what no fold took is seen and lost."""
    watch = Watch()
    fold = socket(flags=SocketFlag.FOLDED | SocketFlag.STALE, scope=2, begun=40, folded=41)
    watch.health.count([fold, fold, socket(flags=SocketFlag.FINAL)])
    watch.health.note(counters(SOCK_CREATED=90, SOCK_LOST_MAP=7, UNIX_CREATED=3, UNIX_LOST_MAP=3))
    assert "sockets: 90 seen, 83 reported, 7 lost" in watch.health.summary()
    assert "UNIX sockets: 3 seen, 0 reported, 3 lost" in watch.health.summary()


def test_summary_has_a_line_for_each_class() -> None:
    """Seen, reported, lost; what is rare has a line only when it happened."""
    watch = Watch()
    assert watch.health.summary() == []
    watch.health.count([file()])
    watch.health.note(counters(FILE_EVENTS=9, FILE_LOST_RING=2, FILE_LOST_MAP=3))
    lines = watch.health.summary()
    assert lines[0] == "file events: 9 seen, 4 reported, 5 lost"
    assert lines[1] == "file names: 0 seen, 0 reported, 0 lost"
    assert len(lines) == len(CLASSES) + 1
    watch.health.note(counters(missed=3, PATH_TRUNCATED=2))
    assert watch.health.summary()[-2:] == [
        "paths incomplete: 2",
        "program runs skipped by the kernel: 3",
    ]


def test_what_nobody_wants_is_told_and_no_loss() -> None:
    """How many records of others there were; that makes no health record."""
    watch = Watch()
    watch.health.note(counters())
    watch.ours = UserCounters(records_hidden=3)
    assert watch.health.due() == []
    assert watch.health.summary()[-1] == "records that nobody asked for, left out: 3"
    watch.ours = UserCounters(records_hidden=3, descendants_lost=1)
    assert len(watch.health.due()) == 1
    assert "descendants lost: 1" in watch.health.summary()


def test_what_filters_hide_is_told_and_not_on_its_way() -> None:
    """It is seen, and neither reported nor lost; that makes no health record."""
    watch = Watch()
    watch.health.note(counters(FILE_EVENTS=17, FILE_HIDDEN=11, SOCK_CREATED=5, SOCK_HIDDEN=3))
    assert watch.health.due() == []
    assert watch.health.summary()[-2:] == [
        "file events that filters hide in the kernel: 11",
        "sockets that filters hide in the kernel: 3",
    ]
    assert watch.health.unread() == {"file events": 6, "sockets": 2, "UNIX sockets": 0}


def test_what_is_in_the_kernel_is_what_was_seen_and_neither_reported_nor_lost() -> None:
    """As of the newest counters; not known before the first."""
    watch = Watch()
    assert watch.health.unread() == {}
    watch.health.note(counters(FILE_EVENTS=9, FILE_LOST_MAP=2, FILE_LOST_RING=3, SOCK_CREATED=1))
    assert watch.health.unread() == {"file events": 4, "sockets": 1, "UNIX sockets": 0}
