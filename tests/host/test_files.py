# SPDX-License-Identifier: Apache-2.0
"""File records of an agent with options; what needs none is a case of tests/host/cases.py."""

import calendar
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.host.agent import Agent, Record, Result, file_records, losses
from tests.host.whole import time_text
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
    assert list(record)[len(contract) : len(contract) + 2] == ["InfoTime", "ProcEUID"]


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


# what a process is changes between two records of one open file
CHANGING = """
import ctypes, os, sys
held = os.open(sys.argv[1] + "/held", os.O_CREAT | os.O_WRONLY)
os.write(held, b"1")
os.write(held, b"2")
ctypes.CDLL(None).prctl(15, b"another", 0, 0, 0)
os.setresgid(65534, 65533, 65533)
os.setresuid(65532, 65531, 65531)
for _ in range(4):
    os.write(held, b"3")
"""


def test_the_process_is_as_it_was_at_the_first_event_of_its_record(folder: Path) -> None:
    """With -e a later record of an open file has the process as it is then, not as it began."""
    with Agent("-m", "file", "-e", "4") as agent:
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", CHANGING, str(folder)], check=True, timeout=60
        )
        result = agent.stop()
    found = file_records(result.records, folder)
    assert [each["FileEvents"] for each in found] == [
        {"CREATE": 1, "OPEN": 1, "MODIFY": 2},
        {"MODIFY": 4},
        {"CLOSE_WRITE": 1},
    ]
    ids = [tuple(each[f"Proc{it}"] for it in ("UID", "EUID", "GID", "EGID")) for each in found]
    assert ids == [(0, 0, 0, 0), *2 * [(65532, 65531, 65534, 65533)]]
    assert losses(result.records) == {}


# by a name each, of a file that stays closed, and the same beside a descriptor
BY_NAME = """
import os, sys, time
folder = sys.argv[1] + "/"
held = os.open(folder + "held", os.O_RDWR)
changes = {
    "chmod": lambda path: os.chmod(path, 0o4711),
    "chown": lambda path: os.chown(path, 65534, 1),
    "utimes": lambda path: os.utime(path, ns=(1_000_000_007, 2_000_000_011)),
    "truncate": lambda path: os.truncate(path, 3),
    "held": lambda path: os.chmod(path, 0o600),
}
for name, change in changes.items():
    change(folder + name)
print(time.time_ns(), flush=True)
sys.stdin.read()
"""


def test_a_change_by_name_does_not_wait_for_the_idle_time(folder: Path) -> None:
    """Nothing will close the file, so its record is whole after a second; an open one waits."""
    names = ("chmod", "chown", "utimes", "truncate")
    for name in (*names, "held"):
        (folder / name).write_bytes(b"n" * 17)
        (folder / name).chmod(0o644)
    command = [sys.executable, "-I", "-S", "-c", BY_NAME, str(folder)]
    with (
        Agent("-m", "file", "--idle", "600") as agent,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        changed = int(process.stdout.readline()) / 1e9
        time.sleep(4)
        stopped = time.time()
        result = agent.stop()
        process.communicate()
    found = {each["File"]: each for each in file_records(result.records, folder)}
    assert set(found) == {*names, "held"}
    assert found["held"]["FileEvents"] == {"OPEN": 1, "ATTRIB": 1}
    assert found["held"]["FileNotes"] == ["STALE"]
    assert when(found["held"]) >= stopped
    for name in names:
        event = "MODIFY" if name == "truncate" else "ATTRIB"
        assert found[name]["FileEvents"] == {event: 1}
        assert "STALE" not in found[name].get("FileNotes", ())
        text = "NO_INODE" in found[name].get("FileNotes", ())  # it left at once
        assert changed + (0 if text else 0.9) <= when(found[name]) <= changed + 3.1


# Descriptors that others write through: who does what, and how the file is then. In "first" the
# parent has the last reference, in "last" a child.
INHERITED = """
import json, os, sys, time

def state(descriptor):
    it = os.fstat(descriptor)
    return {"FileSize": it.st_size, "mtime_ns": it.st_mtime_ns}

def child(descriptor, size, wait=None):
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        time.sleep(0.05)
        os.write(descriptor, b"c" * size)
        os.write(tell, json.dumps(state(descriptor)).encode())
        if wait is not None:
            os.close(held)
            os.read(wait, 1)
            os.close(descriptor)
        os._exit(0)
    os.close(tell)
    text = os.read(told, 1000)
    os.close(told)
    return pid, json.loads(text)

found = {}
first = os.open(sys.argv[1] + "/first", os.O_CREAT | os.O_WRONLY, 0o600)
os.write(first, b"p" * 3)
for size in (5, 7):
    pid, found[f"first {size}"] = child(first, size)
    os.waitpid(pid, 0)
time.sleep(0.05)
found["first 0"] = state(first)
os.close(first)

last = os.open(sys.argv[1] + "/last", os.O_CREAT | os.O_WRONLY, 0o600)
os.write(last, b"p" * 3)
found["last 0"] = state(last)
wait, held = os.pipe()
pid, found["last 11"] = child(last, 11, wait)
os.close(last)
os.close(held)
os.waitpid(pid, 0)
print(json.dumps(found))
"""


def test_each_record_shows_the_file_as_it_was_at_its_own_last_event(folder: Path) -> None:
    """Of an inherited descriptor the last record, that of the close, shows what is final."""
    with Agent("-m", "file") as agent:
        command = [sys.executable, "-I", "-S", "-c", INHERITED, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            states = json.loads(process.communicate(timeout=60)[0])
        result = agent.stop()

    opened = {"CREATE": 1, "OPEN": 1, "MODIFY": 1}
    expected = {
        ("first", 0): (opened | {"CLOSE_WRITE": 1}, []),
        ("first", 5): ({"MODIFY": 1}, ["STALE"]),
        ("first", 7): ({"MODIFY": 1}, ["STALE"]),
        ("last", 0): (opened, ["STALE"]),
        ("last", 11): ({"MODIFY": 1, "CLOSE_WRITE": 1}, []),
    }
    sizes = {8: 5, 15: 7, 14: 11}  # of the file, by what the child wrote
    shown = {}
    for record in file_records(result.records, folder):
        parent = record["ProcPID"] == process.pid
        who = (record["File"], 0 if parent else sizes[record["FileSize"]])
        assert who not in shown
        shown[who] = (record["FileEvents"], record.get("FileNotes", []))
        state = states["{} {}".format(*who)]
        assert record["FileSize"] == state["FileSize"]
        assert record["FileModificationTime"] == time_text(state["mtime_ns"])
    assert shown == expected


def when(record: Record) -> float:
    """Return the InfoTimestamp of a record in seconds since 1970."""
    day, _, fraction = record["InfoTimestamp"].removesuffix(" UTC").rpartition(".")
    return calendar.timegm(time.strptime(day, "%a, %b %d %Y %H:%M:%S")) + float(f"0.{fraction}")


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
