# SPDX-License-Identifier: Apache-2.0
from typing import Any

from kflowd.aggregate.file import FileAggregator, merge
from kflowd.model import FileAggregate, FileFlag, FilePath
from tests.unit import make
from tests.unit.make import SECOND, file

KEY = file().key
OPENED = (0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
WRITTEN = (0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0)
CLOSED = (0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)


def key(number: int) -> bytes:
    return make.key("file", ino=number, start_ns=5, tgid=100, dev=1, gen=1)


def path(text: str, of: bytes = KEY, flags: int = 0, ts_ns: int = 1) -> FilePath:
    return FilePath(ts_ns, of, flags, text)


def part(**changes: Any) -> FileAggregate:
    return file(**{"flags": FileFlag.PARTIAL, "counts": WRITTEN, **changes})


def test_a_complete_aggregate_passes_at_once() -> None:
    """Nothing waits that has its path and its end."""
    assert FileAggregator(15 * SECOND).add(file()) == (file(),)


def test_the_path_that_went_ahead_is_joined() -> None:
    """The path and its flags come from the record before, once."""
    aggregator = FileAggregator(15 * SECOND)
    aggregator.add_path(path("/tmp/x", flags=FileFlag.PATH_TRUNCATED))
    (value,) = aggregator.add(file(path="", flags=FileFlag.PATH_SENT))
    assert value.path == "/tmp/x"
    assert value.flags == FileFlag.PATH_SENT | FileFlag.PATH_TRUNCATED
    (value,) = aggregator.add(file(path="", flags=FileFlag.PATH_SENT))
    assert value.path == ""
    assert value.flags & FileFlag.PATH_UNKNOWN


def test_parts_are_merged_until_one_ends_the_file() -> None:
    """Counts add up; the first part gives process and start, the last one the attributes."""
    aggregator = FileAggregator(15 * SECOND)
    first = part(first_ns=1, last_ns=1, size_first=5, counts=OPENED, path="")
    last = part(first_ns=3, last_ns=4, size_first=9, counts=CLOSED, path="/tmp/x")
    assert aggregator.add(first) == ()
    assert aggregator.add(part(first_ns=2, last_ns=2, path="")) == ()
    (value,) = aggregator.add(last)
    assert value.counts == (0, 1, 0, 0, 0, 3, 1, 0, 0, 0, 0)
    assert (value.first_ns, value.last_ns, value.size_first) == (1, 4, 5)
    assert value.inode == last.inode
    assert value.path == "/tmp/x"
    assert value.flags == 0


def test_the_order_of_parts_does_not_matter() -> None:
    """Parts of two CPUs may come in either order."""
    one = part(first_ns=1, last_ns=5, ts_ns=6, counts=OPENED, path="/old", origin="o")
    other = part(first_ns=2, last_ns=9, ts_ns=9, path="/new", size_first=77)
    assert merge(one, other) == merge(other, one)
    assert merge(one, other).path == "/new"
    assert merge(one, other).size_first == one.size_first


def test_the_mode_before_is_the_first_that_is_known() -> None:
    """A part may begin with a change whose mode before nobody saw."""
    one, other = part(first_ns=1, mode_first=0o100600), part(first_ns=2, mode_first=0o100640)
    assert merge(other, one).mode_first == 0o100600
    one.mode_first = 0
    assert merge(other, one).mode_first == 0o100640


def test_a_part_waits_as_long_as_a_file_may_be_idle() -> None:
    """A tick completes what has waited too long, and says that there may be more."""
    aggregator = FileAggregator(15 * SECOND)
    aggregator.add(part(ts_ns=10 * SECOND))
    assert aggregator.tick(25 * SECOND) == ()
    (value,) = aggregator.tick(25 * SECOND + 1)
    assert value.flags & FileFlag.PARTIAL
    assert aggregator.close() == ()


def test_what_is_left_comes_out_at_the_end() -> None:
    """Nothing that was taken in is lost at the end."""
    aggregator = FileAggregator(15 * SECOND)
    aggregator.add(part())
    assert aggregator.close() == (part(),)


def test_parts_that_reach_the_limit_are_a_record() -> None:
    """-e holds for the sum of the parts."""
    aggregator = FileAggregator(15 * SECOND, export_at=6)
    assert aggregator.add(part()) == ()
    (value,) = aggregator.add(part())
    assert sum(value.counts) == 6


def test_files_without_identity_are_never_joined() -> None:
    """All unidentified files of a process share one key."""
    aggregator = FileAggregator(15 * SECOND)
    unknown = part(flags=FileFlag.PARTIAL | FileFlag.NO_INODE)
    assert aggregator.add(unknown) == (unknown,)
    assert aggregator.add(unknown) == (unknown,)


def test_tables_are_bounded_and_what_falls_out_is_counted() -> None:
    """Ten times the limit makes evictions and no growth; no event is lost."""
    aggregator = FileAggregator(15 * SECOND, max_paths=10, max_partials=10)
    out = 0
    for number in range(100):
        aggregator.add_path(path("/x", key(number)))
        out += len(aggregator.add(part(key=key(number), path="")))
    assert aggregator.stats.paths_evicted == aggregator.stats.partials_evicted == 90
    assert out + len(aggregator.close()) == 100


def test_a_record_without_its_name_is_counted_once() -> None:
    """By the record and not by its parts; a part that has the name gives it to all."""
    aggregator = FileAggregator(15 * SECOND)
    for value in (part(path=""), part(path="", counts=CLOSED)):
        aggregator.add(value)
    assert (aggregator.stats.records, aggregator.stats.names_lost) == (1, 1)
    for value in (part(path=""), part(counts=CLOSED)):
        aggregator.add(value)
    assert (aggregator.stats.records, aggregator.stats.names_lost) == (2, 1)


def test_a_path_that_is_later_than_a_record_is_that_of_the_next() -> None:
    """A sweep comes behind what is in the ring, so the next path may come ahead of its record."""
    aggregator = FileAggregator(15 * SECOND)
    aggregator.add_path(path("/x", ts_ns=9 * SECOND))
    aggregator.add(part(path="", ts_ns=8 * SECOND, counts=CLOSED))
    (value,) = aggregator.add(part(path="", ts_ns=10 * SECOND, counts=CLOSED))
    assert value.path == "/x"


def test_an_event_that_came_alone_does_not_take_the_path_of_the_others() -> None:
    """A sweep takes an aggregate, and the close right after it is in the ring ahead of it."""
    aggregator = FileAggregator(15 * SECOND)
    aggregator.add_path(path("/x", ts_ns=1))
    (closed,) = aggregator.add(file(path="/x", events=1, counts=CLOSED, ts_ns=3))
    (others,) = aggregator.add(file(path="", events=3, counts=WRITTEN, ts_ns=2))
    assert (closed.path, others.path) == ("/x", "/x")
    assert aggregator.stats.names_lost == 0
    # with more events it had an aggregate, and the path was that one's
    aggregator.add_path(path("/y", ts_ns=4))
    aggregator.add(file(path="/z", events=2, counts=WRITTEN, ts_ns=5))
    (next_one,) = aggregator.add(file(path="", counts=WRITTEN, ts_ns=6))
    assert next_one.flags & FileFlag.PATH_UNKNOWN
