# SPDX-License-Identifier: Apache-2.0
from typing import Any

import msgspec
import pytest

from kflowd.enrich import Enrichment, checksums
from kflowd.enrich.checksums import Checksums, Limits
from kflowd.enrich.devices import Devices
from kflowd.enrich.digests import Answer
from kflowd.enrich.opening import Key, Outcome, Question
from kflowd.enrich.processes import Processes
from kflowd.enrich.waiting import Waiting
from kflowd.model import EnrichedFile, FileAggregate, FileFlag, Moment, Tick
from kflowd.serialize import Builder
from tests.unit.make import SECOND, file, inode, process, session

MOUNTINFO = "1 0 9:2 / / rw - ext4 /dev/md2 rw\n2 1 0:50 / /far rw - nfs4 there:/ rw\n"
EXE = inode(mode=0o100755)
KEY = Key(EXE.dev, EXE.ino, EXE.size, EXE.mtime_ns, EXE.ctime_ns)
SUMS = ("5" * 32, "a" * 64)


class Reader:
    """Stands for threads: is asked, and answers what it is told to."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.answers: list[Answer] = []

    def ask(self, question: Question) -> None:
        self.asked.append(question)

    def news(self) -> list[Answer]:
        answers, self.answers = self.answers, []
        return answers


class Host:
    """A stage with checksums, and the one that a replay of its stream has."""

    def __init__(self, most: int = 1000, patience_ns: int = 5 * SECOND) -> None:
        self.reader = Reader()
        self.live = Checksums(live=True)
        self.live.start(Limits(most=most), self.reader)
        replayed = Checksums.recorded(Checksums.FACTS())
        replayed.start(Limits(most=most))
        self.stages = [
            Enrichment(
                [Processes(), Devices(lambda: MOUNTINFO), each], waiting=Waiting(patience_ns)
            )
            for each in (self.live, replayed)
        ]

    def feed(self, *values: FileAggregate | Moment) -> list[EnrichedFile]:
        """Return the files that come out, the same of both."""
        outputs = [
            [it for it in stage.feed(_copies(values)) if isinstance(it, EnrichedFile)]
            for stage in self.stages
        ]
        assert [_told(it) for it in outputs[0]] == [_told(it) for it in outputs[1]]
        return outputs[0]

    def answer(self, outcome: Outcome, *sums: str) -> list[EnrichedFile]:
        """Have the reader answer the last question; return what comes out."""
        self.reader.answers.append(Answer(self.reader.asked[-1].asked, outcome, *sums))
        return self.feed(session(**self.live.news()))


def _copies(values: Any) -> list[Any]:
    return [msgspec.structs.replace(each) for each in values]


def _told(value: EnrichedFile) -> tuple[object, ...]:
    return value.aggregate.ts_ns, value.sums, value.notes, value.questions


def exe(**changes: Any) -> FileAggregate:
    """Return the aggregate of an executable file."""
    return file(inode=EXE, **changes)


def test_a_file_waits_for_its_sums() -> None:
    """They are of the state that the record tells of; the next record has them at once."""
    host = Host()
    assert host.feed(exe()) == []
    (asked,) = host.reader.asked
    expected = Question(KEY, 0, "/home/dirk/malware", "ext4", 11, (100, 50))
    assert asked == expected
    (value,) = host.answer(Outcome.DONE, *SUMS)
    assert (value.sums, value.notes) == (SUMS, ())
    (value,) = host.feed(exe())
    assert (value.sums, value.notes) == (SUMS, ())
    assert len(host.reader.asked) == 1
    record = Builder().file(value)
    assert record.digests is not None
    assert (record.digests.FileMD5, record.digests.FileSHA256) == SUMS
    assert record.notes is None


def test_each_way_to_a_file_is_asked_for() -> None:
    """A file that was moved is where its last record says, and not where the first one does."""
    host = Host()
    assert host.feed(exe(ts_ns=1), exe(ts_ns=2, path="/moved")) == []
    assert host.answer(Outcome.DONE, *SUMS) == []
    first = host.reader.asked[0]
    host.reader.answers.append(Answer(first.asked, Outcome.CHANGED))
    found = host.feed(session(**host.live.news()))
    assert [(it.aggregate.ts_ns, it.sums) for it in found] == [(1, ("", "")), (2, SUMS)]


def test_two_records_of_one_state_wait_for_one_answer() -> None:
    """In their order, and what comes behind them of the same file too."""
    host = Host()
    changed = msgspec.structs.replace(EXE, mode=0o100644, ctime_ns=9)
    assert host.feed(exe(ts_ns=1), exe(ts_ns=2), file(ts_ns=3, inode=changed)) == []
    assert [it.aggregate.ts_ns for it in host.feed(file(ts_ns=4, inode=inode(ino=8)))] == [4]
    found = host.answer(Outcome.DONE, *SUMS)
    assert [(it.aggregate.ts_ns, it.sums) for it in found] == [(1, SUMS), (2, SUMS), (3, None)]


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        (Outcome.CHANGED, "CHECKSUM_CHANGED"),
        (Outcome.SKIPPED, "CHECKSUM_SKIPPED"),
        (Outcome.UNREADABLE, "CHECKSUM_UNREADABLE"),
        (Outcome.BUSY, "CHECKSUM_LATE"),
    ],
)
def test_a_record_without_sums_says_why(outcome: Outcome, note: str) -> None:
    """And the next one asks again."""
    host = Host()
    host.feed(exe())
    (value,) = host.answer(outcome)
    assert (value.sums, value.notes) == (("", ""), (note,))
    assert host.feed(exe()) == []
    assert len(host.reader.asked) == 2
    record = Builder().file(value)
    assert record.digests is not None
    assert record.digests.FileMD5 == record.digests.FileSHA256 == ""
    assert record.notes is not None
    assert record.notes.FileNotes == (note,)
    assert Builder(strict=True).file(value).notes is None


def test_nobody_waits_longer_than_told() -> None:
    """The record goes; sums that come later are for the next one."""
    host = Host(patience_ns=2 * SECOND)
    assert host.feed(exe(ts_ns=10 * SECOND), Tick(11 * SECOND)) == []
    (value,) = host.feed(Tick(12 * SECOND))
    assert (value.sums, value.notes, value.questions) == (("", ""), ("CHECKSUM_LATE",), ())
    assert host.stages[0].waiting.given_up == 1
    assert host.answer(Outcome.DONE, *SUMS) == []
    assert [it.sums for it in host.feed(exe())] == [SUMS]


def test_at_the_end_all_go() -> None:
    """Without their sums, noted."""
    host = Host()
    host.feed(exe())
    for stage in host.stages:
        (value,) = stage.close()
        assert isinstance(value, EnrichedFile)
        assert value.notes == ("CHECKSUM_LATE",)


@pytest.mark.parametrize(
    ("changes", "sums", "notes"),
    [
        ({"inode": inode(mode=0o100644)}, None, ()),
        ({"inode": inode(mode=0o120777)}, None, ()),
        ({"inode": inode(mode=0o040755)}, None, ()),
        ({"flags": FileFlag.NO_INODE}, None, ()),
        ({"inode": inode(mode=0o100755, size=1001)}, ("", ""), ("CHECKSUM_SKIPPED",)),
        ({"inode": inode(mode=0o100755, dev=50)}, ("", ""), ("CHECKSUM_SKIPPED",)),
        ({"inode": inode(mode=0o100755, dev=51)}, ("", ""), ("CHECKSUM_SKIPPED",)),
        ({"inode": inode(mode=0o100755, dev=0)}, ("", ""), ("CHECKSUM_SKIPPED",)),
        ({"path": "", "flags": FileFlag.PATH_UNKNOWN}, ("", ""), ("CHECKSUM_SKIPPED",)),
        ({"path": "malware"}, ("", ""), ("CHECKSUM_SKIPPED",)),
        ({"flags": FileFlag.PATH_TRUNCATED}, ("", ""), ("CHECKSUM_SKIPPED",)),
        ({"flags": FileFlag.PATH_UNREACHABLE}, ("", ""), ("CHECKSUM_SKIPPED",)),
        ({"flags": FileFlag.PATH_DELETED}, ("", ""), ("CHECKSUM_CHANGED",)),
        ({"counts": (0,) * 10 + (1,)}, ("", ""), ("CHECKSUM_CHANGED",)),
    ],
)
def test_what_is_not_asked_for(
    changes: dict[str, Any], sums: tuple[str, str] | None, notes: tuple[str, ...]
) -> None:
    """No regular executable file: no sums; too large, far away, not to be found: a note at once."""
    host = Host()
    (value,) = host.feed(file(**{"inode": EXE, **changes}))
    assert (value.sums, value.notes) == (sums, notes)
    assert host.reader.asked == []


@pytest.mark.parametrize("mode", [0o100100, 0o100010, 0o100001, 0o104755])
def test_any_execute_bit_counts(mode: int) -> None:
    """Of owner, group or others."""
    host = Host()
    assert host.feed(file(inode=inode(mode=mode))) == []
    assert len(host.reader.asked) == 1


def test_who_makes_files_forgets_his_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known counts as the owner's of the file, whoever uses it."""
    monkeypatch.setattr(checksums, "MAX_KNOWN", 3)
    host = Host()
    flood = process(uid=1000)
    for number, owner in ((7, 0), *((it, 1000) for it in range(20, 30))):
        it = msgspec.structs.replace(EXE, ino=number, uid=owner)
        assert host.feed(file(inode=it, process=flood)) == []
        assert len(host.answer(Outcome.DONE, *SUMS)) == 1
    assert [it.sums for it in host.feed(exe())] == [SUMS]


def test_facts_of_a_wrong_form_say_nothing() -> None:
    """A recording that was made by something else is replayed all the same."""
    host = Host()
    host.feed(exe())
    assert host.feed(session(checksums="x"), session(checksums=[[1]])) == []
    (value,) = host.feed(session(checksums=[[*KEY, host.reader.asked[0].asked.way, 99, 0, "", ""]]))
    assert value.notes == ("CHECKSUM_UNREADABLE",)


def test_until_it_is_started_nothing_is_read() -> None:
    """As for a command that needs no records."""
    assert Checksums.live().news() == {}
