# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.top.history import BACK_SECONDS
from kflowd.top.totals import MOST_LETTERS, ProcessTotals, Totals
from tests.unit.top.made import health, record, tcp

BEGIN = 1_712_244_840  # 2024-04-04 15:34:00


def totals_of(*texts: bytes, second: int | None = None, most: int = 100) -> Totals:
    """Return the totals of some texts."""
    totals = Totals(most)
    totals.take(texts, second)
    return totals


def only(totals: Totals) -> ProcessTotals:
    """Return the one process."""
    (found,) = totals.processes()
    return found


def test_sums_of_a_process() -> None:
    """Of files, sockets and itself; the names are the last ones."""
    totals = totals_of(
        record(FileEventCount=3, Proc="bash"),
        record(FileEventCount=4),
        tcp(SockTxBytes=10, SockRxBytes=20),
        tcp(port=81, SockTxBytes=1),
        record(monitor="process", ProcEvents={"EXEC": 1, "EXIT": 1}, ProcExe="/bin/cat"),
        record(monitor="of_later"),
    )
    process = only(totals)
    assert (process.pid, process.name, process.user) == (7, "cat", "dirk")
    assert (process.files, process.events, process.connections) == (2, 9, 2)
    assert (process.sent, process.received) == (11, 20)
    assert totals.records == 6


def test_an_exec_keeps_the_process() -> None:
    """It has another program and the same age."""
    totals = totals_of(
        record(second=1, ProcAge=1.0, Proc="bash"), record(second=5, ProcAge=5.0, Proc="cat")
    )
    assert (only(totals).name, only(totals).files) == ("cat", 2)


def test_a_number_that_is_given_again_is_another_process() -> None:
    """One that began after the last record; the ended one stays, and is the first to go."""
    texts = record(second=5, ProcAge=5), record(second=9, ProcAge=1, Proc="new")
    totals = totals_of(*texts, record(8), most=3)
    assert sorted(it.name for it in totals.processes()) == ["cat", "cat", "new"]
    totals.take([record(9)], None)
    assert sorted((it.pid, it.name) for it in totals.processes()) == [
        *((7, "new"), (8, "cat"), (9, "cat")),
    ]


def test_a_swept_file_is_no_other_process() -> None:
    """Its age is that of an event before the record."""
    totals = totals_of(
        record(second=1, ProcAge=1), record(second=17, ProcAge=2, FileNotes=["STALE"])
    )
    assert only(totals).files == 2


def test_hosts_have_processes_of_their_own() -> None:
    """The same number is another process there."""
    assert len(list(totals_of(record(), record(InfoHostName="other")).processes())) == 2


def test_users_without_a_name_have_their_number() -> None:
    """0 is a number too; nothing is nothing."""
    assert only(totals_of(record(ProcUser="", ProcUID=0))).user == "0"
    assert only(totals_of(record(ProcUser=""))).user == ""


def test_processes_are_bounded() -> None:
    """Those without a record for the longest time go, and are counted."""
    totals = totals_of(*(record(pid) for pid in range(5)), record(0), record(5), most=5)
    assert [it.pid for it in totals.processes()] == [2, 3, 4, 0, 5]
    assert totals.left_out == 1


def test_names_are_bounded() -> None:
    """A record that somebody made takes no more room than others."""
    long = "x" * 100_000
    process = only(totals_of(record(Proc=long, ProcUser=long, ProcExe=long, InfoHostName=long)))
    assert {len(process.name), len(process.user), len(process.exe)} == {MOST_LETTERS}


def test_what_is_bad_is_counted() -> None:
    """Broken records, and health records with wrong counters."""
    totals = totals_of(b"{", b"[]", health(HealthOutputLost=-1), health(HealthOutputLost=2))
    assert (totals.bad, totals.records) == (3, 1)
    assert totals.losses.counts() == {"OutputLost": 2}


def test_seconds_are_those_of_records_or_of_now() -> None:
    """Of a file those of its records, also of a few that are late; else that of the clock."""
    totals = totals_of(record(second=30.5), record(second=25), record(InfoTimestamp="?"))
    assert totals.now == BEGIN + 30
    assert totals.history.last(totals.now)[-6:] == (1, 0, 0, 0, 0, 2)
    assert totals_of(record(second=30), second=7).now == 7


def test_a_clock_that_is_set_back_is_followed() -> None:
    """Or another run."""
    totals = totals_of(record(second=30), second=1000)
    totals.take([record()], 1000 - BACK_SECONDS - 1)
    assert totals.now == 1000 - BACK_SECONDS - 1


@given(pids=st.lists(st.integers(0, 12)))
def test_nothing_is_lost_without_being_told(pids: list[int]) -> None:
    """All records are in the sums if no process was dropped."""
    totals = totals_of(*map(record, pids), most=5)
    assert len(list(totals.processes())) <= 5
    kept = sum(it.files for it in totals.processes())
    assert kept == len(pids) or totals.left_out
