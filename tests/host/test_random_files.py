# SPDX-License-Identifier: Apache-2.0
"""Thousands of random operations on files, compared with a log of the same run.

KFLOWD_TEST_SEED repeats a run; KFLOWD_TEST_OPERATIONS makes it longer.
"""

import os
import secrets
from collections import Counter, defaultdict
from typing import NamedTuple

import pytest

from tests.host import random_files
from tests.host.agent import Agent, Record, losses
from tests.host.naming import is_traced
from tests.host.random_files import Event
from tests.host.running import running

OPERATIONS = int(os.environ.get("KFLOWD_TEST_OPERATIONS", "3000"))
# by tracepoint a path that is not whole, or not known to be right, says so
UNSURE = {"NO_INODE", "PATH_UNRESOLVED", "PATH_TRUNCATED"}


class File(NamedTuple):
    """A file as one process has used it."""

    pid: int
    device: int
    inode: int


class Both(NamedTuple):
    """What was done and what was reported."""

    done: dict[int, list[Event]]
    records: list[Record]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Run the workload beside the agent."""
    folder = tmp_path_factory.mktemp("random").resolve()
    seed = os.environ.get("KFLOWD_TEST_SEED", secrets.token_hex(4))
    print(f"KFLOWD_TEST_SEED={seed}")
    arguments = (seed, str(OPERATIONS), str(folder))
    with Agent("-m", "file") as agent:
        with running(*arguments, prefix=(), program=random_files.__file__) as workload:
            said = workload.said()
            agent.settle()
        result = agent.finish()
    assert losses(result.records) == {}
    done = {int(pid): [Event(*each) for each in events] for pid, events in said.items()}
    files = [each for each in result.records if each["InfoMonitor"] == "filesystem"]
    return Both(done, [each for each in files if pid_of(each) in done])


def pid_of(record: Record) -> int:
    """Return the process of a record."""
    return int(record["ProcPID"])


def path_of(record: Record) -> str:
    """Return the path of a record's file."""
    return f"{record['FilePath']}{record['File']}"


def file_of(record: Record) -> File | None:
    """Return the identity of a record's file, None if it has none, or says that it has another."""
    if "DEVICE_OF_MOUNT" in record.get("FileNotes", ()):
        return None
    number, _, _ = record.get("FileDevice", "").partition("h:")
    if not number:
        return None
    return File(pid_of(record), int(number, 16), record["FileInode"])


def file_done(pid: int, event: Event) -> File:
    """Return the identity of a file that was used; the device as records have it."""
    device = os.major(event.device) << 8 | os.minor(event.device)
    return File(pid, device, event.inode)


def told(event: str) -> str | None:
    """Return what a record says of what happened; None: the attach mode does not see it."""
    if event != "REPLACED":
        return event
    return None if is_traced() else "DELETE"


def test_sums_of_processes_are_exact(both: Both) -> None:
    """Each event of each process is in a record, once."""
    wanted = Counter(
        (pid, event) for pid, done in both.done.items() for it in done if (event := told(it.event))
    )
    found: Counter[tuple[int, str]] = Counter()
    for record in both.records:
        for event, count in record["FileEvents"].items():
            found[pid_of(record), event] += count
    differ = {key: (found[key], wanted[key]) for key in found | wanted}
    assert {key: both for key, both in differ.items() if both[0] != both[1]} == {}


def test_sums_of_files_are_exact(both: Both) -> None:
    """Each event is in a record of the file that it was about."""
    wanted = Counter(
        (file_done(pid, it), event)
        for pid, done in both.done.items()
        for it in done
        if (event := told(it.event))
    )
    found: Counter[tuple[File, str]] = Counter()
    unknown: Counter[tuple[int, str]] = Counter()
    for record in both.records:
        file = file_of(record)
        assert file or is_traced() or "DEVICE_OF_MOUNT" in record["FileNotes"]
        for event, count in record["FileEvents"].items():
            if file is None:
                unknown[pid_of(record), event] += count
            else:
                found[file, event] += count
    assert not found - wanted
    missing: Counter[tuple[int, str]] = Counter()
    for (of, event), count in (wanted - found).items():
        missing[of.pid, event] += count
    assert missing == unknown


def test_each_name_is_one_that_was_used(both: Both) -> None:
    """No record has a name that its process did not use for the file, unless it says so."""
    names: defaultdict[File, set[str]] = defaultdict(set)
    for pid, events in both.done.items():
        for it in events:
            names[file_done(pid, it)].add(it.path)
    wrong = [
        (path_of(record), sorted(names[file]), record.get("FileNotes"))
        for record in both.records
        if (file := file_of(record))
        and path_of(record) not in names[file]
        and not (is_traced() and UNSURE & set(record.get("FileNotes", ())))
    ]
    assert wrong == []
