# SPDX-License-Identifier: Apache-2.0
"""Lives of processes: what is told of them, when, and what is not counted twice."""

from collections.abc import Iterable
from typing import Any

import pytest

from kflowd.aggregate import process as lives
from kflowd.aggregate.process import ProcessAggregator
from kflowd.faults import Faults
from kflowd.model import (
    FileAggregate,
    FileFlag,
    Process,
    ProcessAggregate,
    ProcessExit,
    ProcessFlag,
    ProcessSeen,
    ProcessSource,
    SocketFlag,
    Tick,
    Value,
)
from tests.unit.make import SECOND, file, inode, key, process, seen, socket, unix

PARENT = process(tgid=50, start_ns=3 * SECOND, comm="bash")


def forked(of: Process, at: int = 6, creator: Process = PARENT) -> ProcessSeen:
    """Return the fork of a process."""
    identity = creator.tgid, creator.start_ns
    return seen(ts_ns=at * SECOND, process=of, source=ProcessSource.FORK, creator=identity)


def executed(of: Process, at: int = 7) -> ProcessSeen:
    """Return an exec of a process."""
    return seen(ts_ns=at * SECOND, process=of)


def exited(of: Process, at: int = 8, status: int = 0) -> ProcessExit:
    """Return the end of a process."""
    return ProcessExit(at * SECOND, of, status, 13, 17)


def ticks(*seconds: int) -> list[Value]:
    """Return ticks."""
    return [Tick(second * SECOND) for second in seconds]


def told(values: Iterable[Value]) -> list[ProcessAggregate]:
    """Return the process aggregates of some values."""
    return [value for value in values if isinstance(value, ProcessAggregate)]


def written(of: Process, ino: int, **changes: Any) -> Value:
    """Return a file that a process has written."""
    raw = key("file", ino=ino, start_ns=of.start_ns, tgid=of.tgid, dev=7, gen=1)
    return file(process=of, key=raw, inode=inode(ino=ino), **changes)


def summary(one: ProcessAggregate) -> tuple[int, int, int, bool]:
    """Return pid, execs, forks, and whether it has ended."""
    return one.process.tgid, one.execs, one.forks, one.end is not None


def test_a_process_is_told_two_ticks_behind_its_end() -> None:
    """Not ahead of what comes in the sweep behind its end."""
    it = process()
    lived = ProcessAggregator(1800 * SECOND)
    assert told(lived.feed([forked(it), executed(it), exited(it), *ticks(9)])) == []
    late = written(it, 5)
    (one,) = told(lived.feed([late, *ticks(10)]))
    assert summary(one) == (100, 1, 1, True)
    assert one == ProcessAggregate(8 * SECOND, it, 1, 1, exited(it), 0, 1, 0)
    assert told(lived.feed(ticks(11, 12, 5000))) == []
    assert lived.close() == []


def test_the_last_two_threads_may_both_be_the_last() -> None:
    """Then there is one end, the first."""
    it = process()
    lived = ProcessAggregator(1800 * SECOND)
    ends = [exited(it, 8, 9), exited(it, 9, 15)]
    (one,) = told(lived.feed([forked(it), *ends, *ticks(10, 11, 12)]))
    assert one.end == ends[0]


def test_a_zombie_that_is_listed_does_not_live_again() -> None:
    """When records were lost all processes are listed, those too that wait for their parent."""
    it = process()
    lived = ProcessAggregator(10 * SECOND)
    listed = seen(process=it, source=ProcessSource.SNAPSHOT)
    assert len(told(lived.feed([forked(it), exited(it), listed, *ticks(9, 10)]))) == 1
    assert told(lived.feed(ticks(50))) == []


def test_children_count_with_who_forked_them() -> None:
    """Whoever their parent is, and once each; a child is told by itself."""
    lived = ProcessAggregator(1800 * SECOND)
    children = [process(tgid=200 + n, ppid=1) for n in range(3)]
    values = [seen(process=PARENT, source=ProcessSource.SNAPSHOT)]
    values += [forked(it) for it in children + children]
    lived.feed([*values, exited(PARENT)])
    done = told(lived.feed(ticks(9, 10)))
    assert [(it.process.tgid, it.children) for it in done] == [(50, 3)]
    assert [summary(it) for it in told(lived.close())] == [(200 + n, 0, 1, False) for n in range(3)]


def test_who_was_there_before_and_did_nothing_is_not_told() -> None:
    """Neither after the active time nor at the end of kflowd; nor is what the kernel runs."""
    lived = ProcessAggregator(10 * SECOND)
    kernel = process(tgid=9, flags=ProcessFlag.KTHREAD)
    values: list[Value] = [seen(process=process(), source=ProcessSource.SNAPSHOT), forked(kernel)]
    assert told(lived.feed([*values, *ticks(20, 40)])) == []
    assert lived.close() == []


def test_a_process_that_goes_on_is_told_after_the_active_time() -> None:
    """With what it did since, and again if it did more; not how it ended."""
    it = process()
    lived = ProcessAggregator(10 * SECOND)
    assert told(lived.feed([forked(it, 6), executed(it), *ticks(15)])) == []
    (one,) = told(lived.feed(ticks(16)))
    assert summary(one) == (100, 1, 1, False)
    assert one.ts_ns == 16 * SECOND
    assert told(lived.feed(ticks(27))) == []
    lived.feed([written(it, 5), written(it, 5)])
    (two,) = told(lived.feed(ticks(38)))
    assert summary(two) == (100, 0, 0, False)
    assert two.files_written == 1


EACH = [(1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 1)]


@pytest.mark.parametrize(("at", "wanted"), [(1, EACH), (2, [(1, 1, 0), (0, 1, 1)])])
def test_events_make_a_record_at_once(at: int, wanted: list[tuple[int, int, int]]) -> None:
    """Of each event one, or of so many; the end is told when all is known."""
    it = process()
    lived = ProcessAggregator(1800 * SECOND, at)
    values = lived.feed([forked(it), executed(it), executed(it), exited(it), *ticks(9, 10)])
    assert [(one.forks, one.execs, int(one.end is not None)) for one in told(values)] == wanted
    # behind the value that names it
    assert [type(one) for one in values].index(ProcessAggregate) == at


def test_what_is_not_wanted_does_not_pass() -> None:
    """But counts."""
    it = process()
    values: list[Value] = [forked(it), written(it, 5), socket(process=it), unix(process=it)]
    for files in (False, True):
        for sockets in (False, True):
            lived = ProcessAggregator(1800 * SECOND, files=files, sockets=sockets)
            passed = lived.feed(values)
            assert passed == [
                values[0],
                *(values[1:2] if files else ()),
                *(values[2:] if sockets else ()),
            ]
            (one,) = lived.close()
            assert (one.files_written, one.connections) == (1, 1)


def test_files_and_connections_count_once() -> None:
    """By inode and generation, whatever the name; without an inode by path. Reads are none."""
    it = process()
    lived = ProcessAggregator(1800 * SECOND)
    read = (0, 1, 0, 5, 0, 0, 0, 1, 0, 0, 0)
    again = key("file", ino=5, start_ns=1, tgid=2, dev=7, gen=2)
    nameless = {"inode": inode(ino=0), "flags": FileFlag.NO_INODE}
    lived.feed([forked(it), written(it, 5), written(it, 5, path="/other"), written(it, 6)])
    lived.feed([written(it, 7, counts=read), written(it, 8, flags=FileFlag.FAILED)])
    lived.feed([file(process=it, key=again, inode=inode(ino=5))])
    lived.feed([file(process=it, path="/x", **nameless), file(process=it, path="/y", **nameless)])
    lived.feed([file(process=it, path="/x", **nameless), written(process(tgid=9), 9)])
    one = socket(process=it, key=b"1")
    lived.feed([one, one, socket(process=it, key=b"2")])
    lived.feed([socket(process=it, key=b"3", flags=SocketFlag.NO_OWNER)])
    lived.feed([socket(process=it, key=b"4", flags=SocketFlag.FOLDED, begun=3, folded=9)])
    (done,) = lived.close()
    assert (done.files_written, done.connections, done.rough) == (5, 5, False)


def test_what_is_told_apart_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it things count again, and the record says so; of all processes together, too."""
    monkeypatch.setattr(lives, "MAX_THINGS", 3)
    monkeypatch.setattr(lives, "MAX_ALL_THINGS", 5)
    first, second = process(), process(tgid=101)
    lived = ProcessAggregator(1800 * SECOND)
    lived.feed([forked(first), forked(second)])
    lived.feed([written(first, n) for n in (1, 2, 3, 3, 4, 4)])
    lived.feed([written(second, n) for n in (1, 2, 2, 3, 3)])
    lived.feed([exited(first), *ticks(9, 10)])
    # what the first had is free again
    lived.feed([written(second, n) for n in (5, 5)])
    (rest,) = lived.close()
    assert (rest.files_written, rest.rough) == (5, True)


def test_without_room_who_ended_is_told_first_and_nothing_is_lost() -> None:
    """Then whose record is the oldest: early, and its end later."""
    lived = ProcessAggregator(1800 * SECOND, max_lives=2)
    first, second, third, fourth = (process(tgid=n) for n in (1, 2, 3, 4))
    assert told(lived.feed([forked(first), forked(second), exited(second)])) == []
    (one,) = told(lived.feed([forked(third)]))
    assert summary(one) == (2, 0, 1, True)
    (two,) = told(lived.feed([forked(fourth)]))
    assert (summary(two), two.partial) == ((1, 0, 1, False), True)
    values = lived.feed([exited(first), *ticks(9, 10)])
    assert [summary(it) for it in told(values)] == [(3, 0, 1, False), (1, 0, 0, True)]


def test_an_error_costs_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is counted."""
    faults = Faults()
    lived = ProcessAggregator(1800 * SECOND, faults=faults)
    it = process()

    def fails(_value: Value) -> None:
        raise RuntimeError("x")

    monkeypatch.setattr(lived, "_file", fails)
    values = lived.feed([forked(it), written(it, 5), exited(it), *ticks(9, 10)])
    assert faults.records == 1
    assert len(told(values)) == 1
    assert [each for each in values if isinstance(each, FileAggregate)] == [written(it, 5)]
