# SPDX-License-Identifier: Apache-2.0
"""File records of an agent with options; what needs none is a case of tests/host/cases.py."""

from pathlib import Path

import pytest

from tests.host.agent import Agent, Record, Result, file_records
from tests.host.workloads import WRITE_BYTES, WRITES, Done, start

# Order of the contract for a file record without version and checksums.
CONTRACT_ORDER = [
    *("InfoSequenceNumber", "InfoTimestamp", "InfoMonitor", "InfoHostName", "InfoHostIP"),
    *("InfoSystem", "InfoKernel", "InfoVersion", "InfoUptime"),
    *("ProcParent", "Proc", "ProcUser", "ProcGroup", "ProcPPID", "ProcPID", "ProcTID", "ProcUID"),
    *("ProcGID", "ProcAge"),
    *("FilePath", "File", "FileOrigin", "FileMode", "FileEventCount", "FileEvents"),
    *("FileEventsDuration", "FileInode", "FileInodeLinkCount", "FileDevice", "FilePermissions"),
    *("FileUser", "FileGroup", "FileUID", "FileGID", "FileSize", "FileSizeChange"),
    *("FileAccessTime", "FileStatusChangeTime", "FileModificationTime"),
    "FileModificationTimeChange",
]
OPTIONAL = {"FileOrigin", "FileSizeChange", "FileModificationTimeChange"}


def observe(name: str, *arguments: Path, options: tuple[str, ...]) -> tuple[Done, Result]:
    """Run one workload under an agent for files."""
    with Agent("-m", "file", *options) as agent:
        done = start(name, *arguments)
        return done, agent.stop()


def written(folder: Path, *options: str) -> list[Record]:
    """Return the records of one file that was made, written and closed."""
    _, result = observe("write_file", folder / "written", options=options)
    assert result.exit_code == 0
    return file_records(result.records, folder)


def test_strict_leaves_the_fields_of_the_contract_only(folder: Path) -> None:
    """--strict prints the fields of the contract in their order, all of them and no other."""
    (record,) = written(folder, "--strict")

    assert list(record) == [name for name in CONTRACT_ORDER if name in record]
    assert set(CONTRACT_ORDER) - set(record) <= OPTIONAL


def test_more_fields_follow_those_of_the_contract(folder: Path) -> None:
    """Without --strict they stand at the end."""
    (record,) = written(folder)

    contract = [name for name in CONTRACT_ORDER if name in record]
    assert list(record)[: len(contract)] == contract
    assert list(record)[len(contract)] == "ProcExe"


def test_each_event_for_itself(folder: Path) -> None:
    """-e 1 makes a record of every event."""
    found = written(folder, "-e", "1")

    events = [name for each in found for name in each["FileEvents"]]
    assert ["CREATE", "OPEN", *["MODIFY"] * WRITES, "CLOSE_WRITE"] == events
    assert {1} == {each["FileEventCount"] for each in found}
    assert {"written"} == {each["File"] for each in found}


@pytest.mark.parametrize(("export_at", "counts"), [(1, [1] * 10), (3, [3, 3, 3, 1])])
def test_changes_add_up_over_exports(export_at: int, counts: list[int], folder: Path) -> None:
    """With -e the changes of size of all records are the size of the file."""
    found = written(folder, "-e", str(export_at))

    assert [each["FileEventCount"] for each in found] == counts
    changes = [each.get("FileSizeChange", 0) for each in found]
    assert sum(changes) == WRITES * WRITE_BYTES
    sizes = [sum(changes[: n + 1]) for n in range(len(changes))]
    assert [each["FileSize"] for each in found] == sizes


def test_pseudo_file_systems_are_off() -> None:
    """Files of proc are reported with --pseudo-fs only; other files of the process are always."""
    done, without = observe("read_pseudo", options=())
    again, with_them = observe("read_pseudo", options=("--pseudo-fs",))

    def files(result: Result, pid: int, below: str) -> set[str]:
        records = file_records(result.records, below)
        return {each["File"] for each in records if each["ProcPID"] == pid}

    assert files(without, done.pid, "/proc") == set()
    assert files(without, done.pid, "/") != set()
    assert {"status", "maps", "version"} <= files(with_them, again.pid, "/proc")
