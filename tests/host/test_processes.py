# SPDX-License-Identifier: Apache-2.0
"""The Proc fields of the real agent: who, whose child, which thread, since when."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

from tests.host.agent import Agent, Record, file_records, part
from tests.host.workloads import NOBODY, start

INTERPRETER = Path(sys.executable).resolve().name
PARENT = Path("/proc/self/exe").resolve().name


def test_user_name_and_task_name(folder: Path) -> None:
    """A process under another user and another task name shows both."""
    folder.chmod(0o777)
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)

    with Agent("-m", "file") as agent:
        done = start("named_write", "kf-other-name", folder / "named")
        result = agent.stop()

    (record,) = file_records(result.records, folder)
    expected: Record = {
        "ProcParent": PARENT,
        "Proc": f"{INTERPRETER}/kf-other-name",
        "ProcUser": pwd.getpwuid(NOBODY).pw_name,
        "ProcPPID": os.getpid(),
        "ProcPID": done.pid,
        "ProcTID": done.pid,
        "ProcUID": NOBODY,
        "ProcGID": NOBODY,
        "FileUID": NOBODY,
    }
    assert expected == part(record, *expected)


def test_thread_of_the_first_event(folder: Path) -> None:
    """ProcTID is the thread that began, ProcPID its process; the age is the process's."""
    with Agent("-m", "file") as agent:
        done = start("thread_write", folder / "by-thread")
        result = agent.stop()

    (record,) = file_records(result.records, folder)
    assert {"ProcPID": done.pid, "ProcTID": done.facts["tid"]} == part(record, "ProcPID", "ProcTID")
    assert done.pid != done.facts["tid"]
    assert f"{INTERPRETER}/kf-thread" == record["Proc"]


def test_process_from_before_the_start(folder: Path) -> None:
    """What ran before kflowd has its names all the same: this test itself."""
    with Agent("-m", "file") as agent:
        (folder / "mine").write_bytes(b"x")
        result = agent.stop()

    mine = [each for each in file_records(result.records, folder) if each["File"] == "mine"]
    assert {os.getpid()} == {each["ProcPID"] for each in mine}
    assert {os.getppid()} == {each["ProcPPID"] for each in mine}
    parent = Path(f"/proc/{os.getppid()}/exe").resolve().name
    assert {parent} == {each["ProcParent"] for each in mine}
    assert all(each["Proc"].partition("/")[0] == INTERPRETER for each in mine)
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    age = uptime - started / os.sysconf("SC_CLK_TCK")
    assert abs(mine[0]["ProcAge"] - age) < 5


def test_extra_fields_tell_program_and_arguments(folder: Path) -> None:
    """Beyond the contract: path of the executable and its arguments, at the end of the record."""
    path = folder / "by shell"
    script = f'echo x > "{path}"'

    with Agent("-m", "file") as agent:
        with subprocess.Popen(["/bin/sh", "-c", script, "arg 0", ""]) as shell:
            shell.wait(30)
        result = agent.stop()

    (record,) = file_records(result.records, folder)
    assert ["/bin/sh", "-c", script, "arg 0", ""] == record["ProcArgs"]
    assert str(Path("/bin/sh").resolve()) == record["ProcExe"]
    assert shell.pid == record["ProcPID"]
    assert list(record).index("ProcExe") > list(record).index("FileModificationTime")
