# SPDX-License-Identifier: Apache-2.0
"""What is easily told wrong: failed calls, changes of size, misleading names, other kinds."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host.agent import Agent, Result, file_records
from tests.host.edges import (
    changed_root,
    cut_and_write,
    failed_closes,
    other_kinds,
    rename_over,
    shared_to_the_end,
)
from tests.host.operations import forked
from tests.host.test_files import known_file, only
from tests.host.workloads import READ_BYTES, READS, WRITE_BYTES, WRITES, Done, Facts, write_file


def observe(
    workload: Callable[..., Facts], *arguments: Path, options: tuple[str, ...] = ()
) -> tuple[Done, Result]:
    """Run one workload under an agent for files."""
    with Agent("-m", "file", *options) as agent:
        done = forked(workload, *map(str, arguments))
        return done, agent.stop()


def test_changes_add_up_over_exports(folder: Path) -> None:
    """With -e the changes of size of all records are the size of the file."""
    _, result = observe(write_file, folder / "exported", options=("-e", "3"))

    found = file_records(result.records, folder)
    assert [each["FileEventCount"] for each in found] == [3, 3, 3, 1]
    changes = [each.get("FileSizeChange", 0) for each in found]
    assert sum(changes) == WRITES * WRITE_BYTES
    assert [each["FileSize"] for each in found] == [sum(changes[: n + 1]) for n in range(4)]


def test_closed_twice_at_the_end(folder: Path) -> None:
    """Two descriptors that are left open are one CLOSE_WRITE when the process ends."""
    _, result = observe(shared_to_the_end, folder / "shared")

    record = only(result, folder)
    assert record["FileEvents"]["CLOSE_WRITE"] == 1
    assert "FileNotes" not in record


def test_failed_closes_close_nothing(folder: Path) -> None:
    """dup3, close_range and dup2 that fail leave the file open: one CLOSE_NOWRITE, at its close."""
    first, second = known_file(folder / "first"), known_file(folder / "second")

    done, result = observe(failed_closes, first, second)

    assert done.facts["failed"] == 3
    events = {each["File"]: each["FileEvents"] for each in file_records(result.records, folder)}
    assert events == {
        "first": {"OPEN": 1, "CLOSE_NOWRITE": 1},
        "second": {"OPEN": 1, "ACCESS": 1, "CLOSE_NOWRITE": 1},
    }
    assert len(file_records(result.records, folder)) == 2


def test_no_change_of_size_is_guessed(folder: Path) -> None:
    """The size before an open that cuts is known in some modes only: it is right, or absent."""
    path = known_file(folder / "cut")

    _, result = observe(cut_and_write, path)

    record = only(result, folder)
    assert record["FileEvents"] == {"OPEN": 1, "MODIFY": 2, "CLOSE_WRITE": 1}
    assert record["FileSize"] == 3
    assert record.get("FileSizeChange", 3 - READS * READ_BYTES) == 3 - READS * READ_BYTES


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_rename_over_is_about_the_renamed(place: str, folder: Path) -> None:
    """The inode is that of the file that was renamed, not of the one that is gone."""
    base = folder if place == "disk" else Path("/dev/shm") / folder.name
    base.mkdir(exist_ok=True)
    try:
        old, new = known_file(base / "old"), known_file(base / "new", 3)
        done, result = observe(rename_over, old, new)
    finally:
        if place == "memory":
            shutil.rmtree(base)

    (record,) = file_records(result.records, base)
    assert record["FileEvents"] == {"MOVED_FROM": 1, "MOVED_TO": 1}
    assert (record["File"], record["FileOrigin"]) == ("new", "old")
    assert record.get("FileInode", done.facts["inode"]) == done.facts["inode"]
    assert record.get("FileSize", READS * READ_BYTES) == READS * READ_BYTES


def test_other_kinds_are_not_reported(folder: Path) -> None:
    """Directories, pipes and devices give no file record, whatever is done to them."""
    _, result = observe(other_kinds, folder)

    assert file_records(result.records, folder) == []


def test_path_behind_a_chroot_is_whole(folder: Path) -> None:
    """The path is that of the mount namespace, not of the process's root."""
    known_file(folder / "inside")

    _, result = observe(changed_root, folder)

    record = only(result, folder)
    assert record["FilePath"] == f"{folder}/"
    assert record["FileEvents"] == {"ATTRIB": 1}
