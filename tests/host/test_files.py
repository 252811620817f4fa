# SPDX-License-Identifier: Apache-2.0
"""File records of the real agent: exact counts, full paths, and nothing that did not happen."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.host.agent import Agent, Record, Result, file_records, part
from tests.host.workloads import NOBODY, READ_BYTES, READS, WRITE_BYTES, WRITES, Done, start

# Order of the contract for a file record without version and checksums.
CONTRACT_ORDER = [
    "InfoSequenceNumber",
    "InfoTimestamp",
    "InfoMonitor",
    "InfoHostName",
    "InfoHostIP",
    "InfoSystem",
    "InfoKernel",
    "InfoVersion",
    "InfoUptime",
    "ProcParent",
    "Proc",
    "ProcUser",
    "ProcGroup",
    "ProcPPID",
    "ProcPID",
    "ProcTID",
    "ProcUID",
    "ProcGID",
    "ProcAge",
    "FilePath",
    "File",
    "FileOrigin",
    "FileMode",
    "FileEventCount",
    "FileEvents",
    "FileEventsDuration",
    "FileInode",
    "FileInodeLinkCount",
    "FileDevice",
    "FilePermissions",
    "FileUser",
    "FileGroup",
    "FileUID",
    "FileGID",
    "FileSize",
    "FileSizeChange",
    "FileAccessTime",
    "FileStatusChangeTime",
    "FileModificationTime",
    "FileModificationTimeChange",
]
OPTIONAL = {"FileOrigin", "FileSizeChange", "FileModificationTimeChange"}
WHAT = ("Proc", "ProcPID", "FilePath", "File", "FileMode", "FileEventCount", "FileEvents")


def observe(
    name: str, *arguments: str | int | Path, options: tuple[str, ...] = ()
) -> tuple[Done, Result]:
    """Run one workload under an agent for files."""
    with Agent("-m", "file", *options) as agent:
        done = start(name, *arguments)
        return done, agent.stop()


def only(result: Result, folder: Path) -> Record:
    """Return the one record about a folder."""
    found = file_records(result.records, folder)
    assert len(found) == 1, found
    return found[0]


def known_file(path: Path, size: int = READS * READ_BYTES) -> Path:
    """Make a file before the agent starts."""
    path.write_bytes(b"k" * size)
    path.chmod(0o644)
    return path


def test_create_write_close_is_one_whole_record(folder: Path) -> None:
    """Every field of a record whose values are known, in the order of the contract."""
    path = folder / "seven-writes"

    done, result = observe("write_file", path)

    record = only(result, folder)
    size = WRITES * WRITE_BYTES
    expected: Record = {
        "InfoMonitor": "filesystem",
        "InfoHostName": os.uname().nodename,
        "InfoSystem": "Linux",
        "InfoKernel": os.uname().release,
        "ProcUser": "root",
        "ProcGroup": "root",
        "ProcPPID": os.getpid(),
        "ProcPID": done.pid,
        "ProcTID": done.pid,
        "ProcUID": 0,
        "ProcGID": 0,
        "FilePath": f"{folder}/",
        "File": "seven-writes",
        "FileMode": "regular",
        "FileEventCount": 3 + WRITES,
        "FileEvents": {"CREATE": 1, "OPEN": 1, "MODIFY": WRITES, "CLOSE_WRITE": 1},
        "FileInode": done.facts["inode"],
        "FileInodeLinkCount": 1,
        "FilePermissions": "0640/-rw-r-----",
        "FileUser": "root",
        "FileGroup": "root",
        "FileUID": 0,
        "FileGID": 0,
        "FileSize": size,
        "FileSizeChange": size,
    }
    assert expected == part(record, *expected)
    names = list(record)
    contract = [each for each in CONTRACT_ORDER if each in record]
    assert contract == names[: len(contract)]
    assert set(CONTRACT_ORDER) - OPTIONAL <= set(contract)
    device = os.stat(folder).st_dev
    assert record["FileDevice"].startswith(f"{os.major(device) << 8 | os.minor(device):x}h:")
    assert list(record["FileEvents"]) == ["CREATE", "OPEN", "MODIFY", "CLOSE_WRITE"]
    assert 0 < record["FileEventsDuration"] < 10
    assert 0 < record["ProcAge"] < 60
    assert result.exit_code == 0


def test_strict_leaves_the_fields_of_the_contract_only(folder: Path) -> None:
    """--strict prints no field beside those of the contract."""
    _, result = observe("write_file", folder / "strict", options=("--strict",))

    assert not set(only(result, folder)) - set(CONTRACT_ORDER)


def test_open_read_close(folder: Path) -> None:
    """Five reads are five ACCESS, and nothing was written."""
    path = known_file(folder / "five-reads")

    done, result = observe("read_file", path)

    record = only(result, folder)
    assert record["FileEvents"] == {"OPEN": 1, "ACCESS": READS, "CLOSE_NOWRITE": 1}
    assert done.pid == record["ProcPID"]
    assert record["FileSize"] == READS * READ_BYTES
    assert "FileSizeChange" not in record
    assert "FileModificationTimeChange" not in record


def test_attributes_by_path(folder: Path) -> None:
    """chmod, chown and utime are one ATTRIB each, truncate one MODIFY, without an open."""
    path = known_file(folder / "attributes")

    done, result = observe("change_attributes", path)

    record = only(result, folder)
    expected: Record = {
        "ProcPID": done.pid,
        "File": "attributes",
        "FileMode": "regular",
        "FileEventCount": 4,
        "FileEvents": {"ATTRIB": 3, "MODIFY": 1},
        "FilePermissions": "0604/-rw----r--",
        "FileUID": NOBODY,
        "FileGID": NOBODY,
        "FileSize": 3,
        "FileSizeChange": 3 - READS * READ_BYTES,
        "FileAccessTime": "Thu, Jan 01 1970 00:00:01.000000007 UTC",
    }
    assert expected == part(record, *expected)


def test_fchmod_counts_once(folder: Path) -> None:
    """One fchmod of an open file is one ATTRIB; the set-uid bit shows."""
    _, result = observe("one_chmod", known_file(folder / "fchmod"))

    record = only(result, folder)
    assert record["FileEvents"] == {"OPEN": 1, "ATTRIB": 1, "CLOSE_NOWRITE": 1}
    assert record["FilePermissions"] == "4711/-rws--x--x"


def test_denied_chmod_is_not_reported(folder: Path) -> None:
    """What failed did not happen: OPEN and CLOSE_NOWRITE only."""
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    path = known_file(folder / "denied")

    done, result = observe("denied_chmod", path)

    assert done.facts["denied"]
    record = only(result, folder)
    assert record["FileEvents"] == {"OPEN": 1, "CLOSE_NOWRITE": 1}
    assert record["ProcUID"] == NOBODY
    assert record["FilePermissions"] == "0644/-rw-r--r--"


def test_failed_operations_leave_no_record(folder: Path) -> None:
    """rename, unlink, link, open and truncate of a missing file are nothing."""
    done, result = observe("failed_changes", folder)

    assert done.facts["failed"] == 5
    assert file_records(result.records, folder) == []


def test_rename(folder: Path) -> None:
    """A rename has both events, the new name, and the old one as origin."""
    old = known_file(folder / "before")
    (folder / "sub").mkdir()
    inode = old.stat().st_ino

    _, result = observe("rename", old, folder / "sub" / "after")

    expected: Record = {
        "FilePath": f"{folder}/sub/",
        "File": "after",
        "FileOrigin": "before",
        "FileMode": "regular",
        "FileEventCount": 2,
        "FileEvents": {"MOVED_FROM": 1, "MOVED_TO": 1},
        "FileInode": inode,
    }
    assert expected == part(only(result, folder), *expected)


def test_hard_link(folder: Path) -> None:
    """A hard link is the creation of the new name."""
    old = known_file(folder / "original")

    _, result = observe("link", old, folder / "linked")

    expected: Record = {
        "FilePath": f"{folder}/",
        "File": "linked",
        "FileMode": "hardlink",
        "FileEventCount": 1,
        "FileEvents": {"CREATE": 1},
        "FileInode": old.stat().st_ino,
        "FileInodeLinkCount": 2,
    }
    assert expected == part(only(result, folder), *expected)


def test_symlink(folder: Path) -> None:
    """A symbolic link is as long as its target."""
    done, result = observe("symlink", "a-target-of-23-letters!", folder / "symbolic")

    expected: Record = {
        "FilePath": f"{folder}/",
        "File": "symbolic",
        "FileMode": "symlink",
        "FileEventCount": 1,
        "FileEvents": {"CREATE": 1},
        "FileInode": done.facts["inode"],
        "FilePermissions": "0777/lrwxrwxrwx",
        "FileSize": 23,
    }
    assert expected == part(only(result, folder), *expected)


def test_unlink(folder: Path) -> None:
    """A removed name is one DELETE of the inode it had."""
    path = known_file(folder / "removed")
    inode = path.stat().st_ino

    done, result = observe("unlink", path)

    expected: Record = {
        "ProcPID": done.pid,
        "FilePath": f"{folder}/",
        "File": "removed",
        "FileMode": "regular",
        "FileEventCount": 1,
        "FileEvents": {"DELETE": 1},
        "FileInode": inode,
    }
    assert expected == part(only(result, folder), *expected)


def test_exec_belongs_to_the_new_program(folder: Path) -> None:
    """OPEN_EXEC is booked on the program that was started, once."""
    program = folder / "kf-program"
    shutil.copy(shutil.which("true") or "/bin/true", program)
    program.chmod(0o755)

    done, result = observe("execute", program)

    record = only(result, folder)
    assert record["FileEvents"]["OPEN_EXEC"] == 1
    assert not {"CREATE", "MODIFY", "ATTRIB", "DELETE"} & set(record["FileEvents"])
    assert {"Proc": "kf-program", "ProcPID": done.facts["child"]} == part(record, "Proc", "ProcPID")
    assert stat.S_IMODE(program.stat().st_mode) == int(record["FilePermissions"][:4], 8)


NAMES = {
    "quotes": b'q"uo\\te"',
    "newline": b"new\nline\r\ttab",
    "control": b"\x01\x1e\x7f",
    "invalid": b"in\xff\xfe\xc3valid",
    "unicode": "höß-名前-🦊".encode(),
    "separator": b"\n\x1e\n",
    "forged": b'x", "ProcUID": 99, "y": "',
    "longest": b"n" * 255,
    "braces": b"{[,]}: ",
}


def test_names_are_escaped(folder: Path) -> None:
    """Each name comes out as it is, what is no UTF-8 replaced, and no record is forged."""
    names = [each.hex() for each in NAMES.values()]

    _, result = observe("create_named", folder, *names)

    found = file_records(result.records, folder)
    shown = [each.decode(errors="replace") for each in NAMES.values()]
    assert shown == [each["File"] for each in found]
    assert all(each["FileEvents"] == {"CREATE": 1, "OPEN": 1, "CLOSE_WRITE": 1} for each in found)
    assert {f"{folder}/"} == {each["FilePath"] for each in found}
    assert {0} == {each["ProcUID"] for each in found}


def test_deep_path_is_complete(folder: Path) -> None:
    """A path of 23 folders and over 1000 bytes is neither cut nor empty."""
    deep = folder
    for number in range(23):
        deep /= f"{number:02}-" + "d" * 47
    deep.mkdir(parents=True)

    _, result = observe("write_file", deep / "leaf")

    record = only(result, folder)
    assert f"{deep}/" == record["FilePath"]
    assert record["File"] == "leaf"


def test_each_event_for_itself(folder: Path) -> None:
    """-e 1 makes a record of every event."""
    _, result = observe("write_file", folder / "single", options=("-e", "1"))

    found = file_records(result.records, folder)
    events = [name for each in found for name in each["FileEvents"]]
    assert ["CREATE", "OPEN", *["MODIFY"] * WRITES, "CLOSE_WRITE"] == events
    assert {1} == {each["FileEventCount"] for each in found}
    assert {"single"} == {each["File"] for each in found}


def test_two_descriptors_lose_nothing(folder: Path) -> None:
    """Whatever the split, two descriptors of one file add up."""
    _, result = observe("two_descriptors", folder / "twice")

    total: dict[str, int] = {}
    for record in file_records(result.records, folder):
        for name, count in record["FileEvents"].items():
            total[name] = total.get(name, 0) + count
    assert total == {"CREATE": 1, "OPEN": 2, "MODIFY": 2, "CLOSE_WRITE": 2}


def test_file_left_open_is_closed_by_the_end(folder: Path) -> None:
    """The kernel closes what a process leaves open, and that is a CLOSE_WRITE."""
    _, result = observe("stay_open", folder / "left-open")

    record = only(result, folder)
    assert record["FileEvents"] == {"CREATE": 1, "OPEN": 1, "MODIFY": 1, "CLOSE_WRITE": 1}


def test_pseudo_file_systems_are_off() -> None:
    """Files of proc are reported with --pseudo-fs only."""
    done, without = observe("read_pseudo")
    again, with_them = observe("read_pseudo", options=("--pseudo-fs",))

    def proc_files(result: Result, pid: int) -> set[str]:
        records = file_records(result.records, "/proc")
        return {each["File"] for each in records if each["ProcPID"] == pid}

    assert set() == proc_files(without, done.pid)
    assert {"status", "maps", "version"} <= proc_files(with_them, again.pid)


@pytest.mark.parametrize("place", ["/dev/shm", "/tmp"])
def test_file_systems(place: str) -> None:
    """Tmpfs and the disk tell the same."""
    folder = Path(place) / f"kflowd-test-{os.getpid()}"
    folder.mkdir()
    try:
        _, result = observe("write_file", folder / "prime")
    finally:
        shutil.rmtree(folder)

    record = only(result, folder)
    events = {"CREATE": 1, "OPEN": 1, "MODIFY": WRITES, "CLOSE_WRITE": 1}
    assert events == record["FileEvents"]
    assert record["FileDevice"].count(":") == 3
