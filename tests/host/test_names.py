# SPDX-License-Identifier: Apache-2.0
"""Names that change while a file is open, and files that are used by several mounts.

Each record has the path that its own events used. Under which path a workload did what is what the
kernel told it at that moment, by /proc/self/fd.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.host.agent import Agent, Record
from tests.host.test_paths import APART
from tests.host.whole import MAY_TRACE

# the other process: it does what it is told, line by line, and says when it is done
OTHER = """
import os, sys
for line in sys.stdin:
    call, *names = line.split()
    getattr(os, call)(*names)
    print("done", flush=True)
"""
FIRST, SECOND, THIRD = 3, 5, 7
BEGIN = f"""
FIRST, SECOND, THIRD = {FIRST}, {SECOND}, {THIRD}
other = subprocess.Popen([sys.executable, "-I", "-S", "-c", {OTHER!r}], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

def elsewhere(call, *names):
    other.stdin.write(" ".join([call, *names]) + "\\n")
    other.stdin.flush()
    assert other.stdout.readline() == "done\\n"

def used(fd, count, **more):
    # under this name so many events more
    for _ in range(count):
        os.write(fd, b"x")
    done.append([os.readlink(str(fd), dir_fd=proc), count, more])

def make(name):
    return os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)

done = []
os.chdir(folder)
"""
END = """
other.stdin.close()
other.wait()
print(json.dumps({"pid": os.getpid(), "other": other.pid, "done": done, "files": truth}))
"""

RENAMED = """
fd = make(f"{folder}/x")
used(fd, FIRST)
elsewhere("rename", f"{folder}/x", f"{folder}/y")
used(fd, SECOND)
elsewhere("rename", f"{folder}/y", f"{folder}/z")
used(fd, THIRD)
os.close(fd)
"""
ABOVE = """
os.makedirs(f"{folder}/a/b/c")
fd = make(f"{folder}/a/b/c/x")
used(fd, FIRST)
elsewhere("rename", f"{folder}/a", f"{folder}/d")
used(fd, SECOND)
os.rename(f"{folder}/d/b", f"{folder}/e")
used(fd, THIRD)
os.close(fd)
"""
# nothing is done under the second name but the close
CLOSED = """
fd = make(f"{folder}/x")
used(fd, FIRST)
elsewhere("rename", f"{folder}/x", f"{folder}/y")
used(fd, 0)
os.close(fd)
"""
# the name is the same again, or was another one's
SAME = """
fd = make(f"{folder}/x")
used(fd, FIRST)
elsewhere("rename", f"{folder}/x", f"{folder}/y")
elsewhere("rename", f"{folder}/y", f"{folder}/x")
os.close(make(f"{folder}/u"))
elsewhere("rename", f"{folder}/u", f"{folder}/v")
elsewhere("mkdir", f"{folder}/w")
elsewhere("rename", f"{folder}/w", f"{folder}/t")
used(fd, SECOND)
os.close(fd)
"""
# a name that goes was used all the same
LINKED = """
fd = make(f"{folder}/x")
used(fd, FIRST)
elsewhere("link", f"{folder}/x", f"{folder}/y")
elsewhere("unlink", f"{folder}/x")
used(fd, SECOND)
os.close(fd)
done[1][0] = done[0][0]
"""
# what was done under the first name is not of the rename that comes later
OWN = """
fd = make(f"{folder}/x")
used(fd, FIRST)
elsewhere("rename", f"{folder}/x", f"{folder}/y")
os.rename(f"{folder}/y", f"{folder}/z")
used(fd, SECOND)
os.close(fd)
"""
REMOVED = """
fd = make(f"{folder}/x")
used(fd, FIRST)
elsewhere("rename", f"{folder}/x", f"{folder}/y")
os.unlink(f"{folder}/y")
os.close(fd)
"""
TWO_MOUNTS = """
for name in ("1", "2", "3"):
    os.mkdir(f"{folder}/{name}")
os.close(make("1/f"))
for name in ("2", "3"):
    mount("--bind", f"{folder}/1", f"{folder}/{name}")
one, two = (os.open(f"{folder}/{name}/f", os.O_RDWR) for name in "12")
for _ in range(2):
    used(one, FIRST)
    used(two, SECOND)
os.close(one)
used(two, THIRD)
three = os.open(f"{folder}/3/f", os.O_RDWR)
used(three, THIRD)
used(two, FIRST)
os.close(two)
os.close(three)
"""


def reported(folder: Path, program: str) -> tuple[list[Record], Any]:
    """Return the file records of the workload's process, and what it says is true."""
    with Agent("-m", "file") as agent:
        command = [sys.executable, "-c", APART + BEGIN + program + END, str(folder)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        result = agent.stop()
    told = json.loads(output)
    mine = [each for each in result.records if each.get("ProcPID") == told["pid"]]
    return [
        each
        for each in mine
        if each["InfoMonitor"] == "filesystem" and each["FilePath"].startswith(f"{folder}/")
    ], told


def path_of(record: Record) -> str:
    """Return directory and name of a record's file."""
    return str(record["FilePath"] + record["File"])


def shown(records: list[Record]) -> list[tuple[str, dict[str, int], list[str]]]:
    """Return path, events and notes of records."""
    return [
        (Path(path_of(each)).name, each["FileEvents"], each.get("FileNotes", []))
        for each in records
    ]


MADE = {"CREATE": 1, "OPEN": 1}
CLOSE = {"CLOSE_WRITE": 1}
MOVED = {"MOVED_FROM": 1, "MOVED_TO": 1}


def wrote(count: int) -> dict[str, int]:
    """Return the events of so many writes."""
    return {"MODIFY": count}


def test_a_rename_by_another_process_ends_a_record(folder: Path) -> None:
    """Twice: the operations of each name are in a record that has this name."""
    records, told = reported(folder, RENAMED)
    assert [path_of(each) for each in records] == [path for path, *_ in told["done"]]
    assert shown(records) == [
        ("x", MADE | wrote(FIRST), ["RENAMED"]),
        ("y", wrote(SECOND), ["RENAMED"]),
        ("z", wrote(THIRD) | CLOSE, []),
    ]
    assert [each["FileSizeChange"] for each in records] == [FIRST, SECOND, THIRD]
    assert [each["FileSize"] for each in records] == [
        FIRST,
        FIRST + SECOND,
        FIRST + SECOND + THIRD,
    ]


def test_a_rename_above_ends_a_record(folder: Path) -> None:
    """Of a directory, by another process and by itself: with several in between."""
    records, told = reported(folder, ABOVE)
    assert [path_of(each) for each in records] == [path for path, *_ in told["done"]]
    assert shown(records) == [
        ("x", MADE | wrote(FIRST), ["RENAMED"]),
        ("x", wrote(SECOND), ["RENAMED"]),
        ("x", wrote(THIRD) | CLOSE, []),
    ]


def test_a_close_has_the_new_name(folder: Path) -> None:
    """It is the only event under it."""
    records, told = reported(folder, CLOSED)
    assert [path_of(each) for each in records] == [path for path, *_ in told["done"]]
    assert shown(records) == [("x", MADE | wrote(FIRST), ["RENAMED"]), ("y", CLOSE, [])]


@pytest.mark.parametrize("program", [SAME, LINKED], ids=["same", "linked"])
def test_what_keeps_its_name_has_one_record(folder: Path, program: str) -> None:
    """Renames there and back, and of others; a name that is removed was used."""
    records, told = reported(folder, program)
    mine = [each for each in records if each["File"] != "u"]
    assert {path_of(each) for each in mine} == {path for path, *_ in told["done"]}
    assert shown(mine) == [("x", MADE | wrote(FIRST + SECOND) | CLOSE, [])]


def test_a_rename_of_its_own_has_the_names_that_it_used(folder: Path) -> None:
    """Behind one of another process; by tracepoint the earlier operations come with it."""
    records, _ = reported(folder, OWN)
    origins = [each.get("FileOrigin") for each in records]
    found = [(*each, origin) for each, origin in zip(shown(records), origins, strict=True)]
    after: tuple[object, ...] = ("z", wrote(SECOND) | CLOSE, [], None)
    if len(found) == 3:
        assert found == [
            ("x", MADE | wrote(FIRST), ["RENAMED"], None),
            ("z", MOVED, [], "y"),
            after,
        ]
    else:
        assert MAY_TRACE
        assert found == [("z", MADE | wrote(FIRST) | MOVED, [], "y"), after]


def test_a_removal_has_the_new_name(folder: Path) -> None:
    """DELETE is of the name that went, not of that under which the file was opened."""
    records, _ = reported(folder, REMOVED)
    assert shown(records)[:2] == [
        ("x", MADE | wrote(FIRST), ["RENAMED"]),
        ("y", {"DELETE": 1}, []),
    ]


def test_each_mount_has_a_record_of_its_own(folder: Path) -> None:
    """One file by three mounts in turns: the sums are apart, each path is the one used."""
    records, told = reported(folder, TWO_MOUNTS)
    written: dict[str, int] = {}
    for path, count, _ in told["done"]:
        written[path] = written.get(path, 0) + count
    assert len(written) == 3
    mine = [each for each in records if "MODIFY" in each["FileEvents"]]
    assert [(path_of(each), each["FileEvents"]) for each in mine] == [
        (path, {"OPEN": 1, "MODIFY": count, "CLOSE_WRITE": 1}) for path, count in written.items()
    ]
    assert not [each for each in records if "FileNotes" in each]
    made = [each["FileEvents"] for each in records if each not in mine]
    assert made == [MADE | CLOSE]
