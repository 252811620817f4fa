# SPDX-License-Identifier: Apache-2.0
"""Through which mount a path goes, and where it ends: compared with /proc/self/fd and stat(2).

A workload prints what is true: of each file that it has open the kernel's own words for its path
and what stat says. Its mounts are in a mount namespace of its own, which goes with it.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.host.agent import Agent, Record
from tests.host.whole import MAY_TRACE

APART = """
import ctypes, json, os, subprocess, sys
folder = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)

def call(result):
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result

def mount(*words):
    subprocess.check_call(["mount", *words])

def shown(fd, what, **more):
    st = os.fstat(fd)
    path = os.readlink(str(fd), dir_fd=proc)
    truth.append({"what": what, "path": path, "ino": st.st_ino, "dev": st.st_dev} | more)

truth = []
proc = os.open("/proc/self/fd", os.O_RDONLY)
call(libc.unshare(0x20000))
mount("--make-rprivate", "/")
"""
TOLD = """
print(json.dumps({"pid": os.getpid(), "files": truth}))
"""

# the root is a tmpfs, and both volumes are of one file system, as those of a container
VOLUMES = """
for name in ("host/one", "host/two/sub", "root"):
    os.makedirs(f"{folder}/{name}")
mount("-t", "tmpfs", "none", f"{folder}/root")
for name in ("data", "logs", "old"):
    os.mkdir(f"{folder}/root/{name}")
mount("--bind", f"{folder}/host/one", f"{folder}/root/data")
mount("--bind", f"{folder}/host/two", f"{folder}/root/logs")
os.chdir(f"{folder}/root")
call(libc.syscall({"x86_64": 155, "aarch64": 41}[os.uname().machine], b".", b"old"))
os.chdir("/")
call(libc.umount2(b"/old", 2))
os.chdir(sys.argv[2])
name = "/logs/sub/file"
with open(name, "w") as file:
    file.write("x")
    shown(file.fileno(), "file")
os.chmod(name, 0o640)
os.truncate(name, 0)
os.rename(name, name + "-moved")
os.link(name + "-moved", name + "-link")
os.symlink("nowhere", name + "-symlink")
os.unlink(name + "-link")
os.unlink(name + "-moved")
"""

# what is mounted for a moment, with a source and a type that only its own records can know
MOMENT = """
os.mkdir(f"{folder}/mount")
for number in range(3):
    mount("-t", "tmpfs", f"source{number}", f"{folder}/mount")
    with open(f"{folder}/mount/file{number}", "w") as file:
        file.write("x")
        shown(file.fileno(), f"file{number}", source=f"source{number}")
    os.unlink(f"{folder}/mount/file{number}")
    call(libc.umount2(f"{folder}/mount".encode(), 0))
"""

ENDS = """
def written(fd, what, **more):
    os.write(fd, b"x" * 7)
    shown(fd, what, **more)
    os.close(fd)

written(os.memfd_create("kf-memfd"), "memfd", notes=["DELETED", "UNREACHABLE"])
written(os.open(folder, os.O_TMPFILE | os.O_RDWR), "tmpfile", notes=["DELETED"])
os.mkdir(f"{folder}/gone")
fd = os.open(f"{folder}/gone", os.O_TMPFILE | os.O_RDWR)
os.rmdir(f"{folder}/gone")
written(fd, "deleted directory", notes=["DELETED"])
fd = os.open(f"{folder}/removed", os.O_CREAT | os.O_RDWR)
os.unlink(f"{folder}/removed")
written(fd, "removed", notes=["DELETED"])
os.mkdir(f"{folder}/mount")
mount("-t", "tmpfs", "lazy", f"{folder}/mount")
os.mkdir(f"{folder}/mount/dir")
os.chdir(f"{folder}/mount/dir")
call(libc.umount2(f"{folder}/mount".encode(), 2))
written(os.open("detached", os.O_CREAT | os.O_RDWR), "detached", notes=["UNREACHABLE"])
os.rename("detached", "renamed")
os.unlink("renamed")
"""


def reported(folder: Path, program: str, *arguments: str) -> tuple[list[Record], list[Any]]:
    """Return the file records of a workload's process, and what it says is true."""
    with Agent("-m", "file") as agent:
        command = [sys.executable, "-c", APART + program + TOLD, str(folder), *arguments]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        result = agent.stop()
    told = json.loads(output)
    mine = [each for each in result.records if each.get("ProcPID") == told["pid"]]
    return [each for each in mine if each["InfoMonitor"] == "filesystem"], told["files"]


def path_of(record: Record) -> str:
    """Return directory and name of a record's file."""
    return str(record["FilePath"] + record["File"])


def of_file(records: list[Record], truth: Any) -> list[Record]:
    """Return the records of a file, by what stat says of it; its number may be given again."""
    device = f"{truth['dev']:x}h"
    return [
        each
        for each in records
        if each.get("FileInode") == truth["ino"] and each["FileDevice"].split(":")[0] == device
    ]


@pytest.mark.parametrize("where", ["/", "/data", "/logs"])
def test_volumes_of_one_file_system_are_told_apart(folder: Path, where: str) -> None:
    """Wherever the process is: each operation on a name has the path in its own namespace."""
    records, (truth,) = reported(folder, VOLUMES, where)
    mine = [each for each in records if each["File"].startswith("file") and "logs" in path_of(each)]
    told = [
        (path_of(each), each.get("FileOrigin"), event)
        for each in mine
        for event in each["FileEvents"]
        if event not in ("OPEN", "MODIFY", "ATTRIB", "CLOSE_WRITE")
    ]
    name = truth["path"]
    assert name == "/logs/sub/file"
    assert told == [
        (name, None, "CREATE"),
        (f"{name}-moved", "file", "MOVED_FROM"),
        (f"{name}-moved", "file", "MOVED_TO"),
        (f"{name}-link", None, "CREATE"),
        (f"{name}-symlink", None, "CREATE"),
        (f"{name}-link", None, "DELETE"),
        (f"{name}-moved", None, "DELETE"),
    ]
    noted = [each for each in mine if "FileNotes" in each]
    assert not noted or MAY_TRACE
    assert all("PATH_UNRESOLVED" in each["FileNotes"] for each in noted)
    device = f"{truth['dev']:x}h:"
    for each in of_file(mine, truth):
        assert each["FileDevice"].startswith(device)
        assert each["FileDevice"].split(":")[2] == "/logs" or each in noted
    others = [path_of(each) for each in records if each.get("FileInode") == truth["ino"]]
    assert not [path for path in others if not path.startswith("/logs/sub/file")]


def test_what_is_mounted_for_a_moment_is_named(folder: Path) -> None:
    """Source, mount point and type of a mount that is gone when its records are made."""
    records, truths = reported(folder, MOMENT)
    for truth in truths:
        mine = [each for each in records if each["File"] == truth["what"]]
        known = [each for each in mine if "FileInode" in each]
        device = f"{truth['dev']:x}h:{truth['source']}:{folder}/mount:tmpfs"
        assert {each["FileDevice"] for each in known} == {device}
        assert {path_of(each) for each in mine} == {truth["path"]}
        events: dict[str, int] = {}
        for each in mine:
            for event, count in each["FileEvents"].items():
                events[event] = events.get(event, 0) + count
        assert events == dict.fromkeys(("CREATE", "OPEN", "MODIFY", "CLOSE_WRITE", "DELETE"), 1)
        assert all("FileNotes" not in each for each in known)


def test_what_ends_at_no_root_is_shown_as_by_the_kernel(folder: Path) -> None:
    """The words of /proc/self/fd, and a note: memfd, O_TMPFILE, removed files, detached mounts."""
    records, truths = reported(folder, ENDS)
    for truth in truths:
        found = [each for each in of_file(records, truth) if path_of(each) == truth["path"]]
        (record,) = [each for each in found if "CLOSE_WRITE" in each["FileEvents"]]
        assert record["FileNotes"] == truth["notes"], truth
        assert record["FileSize"] == 7
    ends = {"DELETED", "UNREACHABLE"}
    noted = [each for each in records if ends & set(each.get("FileNotes", ()))]
    paths = {truth["path"] for truth in truths}
    later = {path_of(each) for each in named(records)}
    assert {path_of(each) for each in noted} - later == paths
    assert later == {"/dir/renamed"} or MAY_TRACE
    events = [sorted(each["FileEvents"]) for each in named(records)]
    assert events == [["MOVED_FROM", "MOVED_TO"], ["DELETE"]]
    assert all(each["FileNotes"] for each in named(records))


def named(records: list[Record]) -> list[Record]:
    """Return those of operations on a name in the detached mount."""
    return [each for each in records if each["File"] == "renamed"]
