# SPDX-License-Identifier: Apache-2.0
"""The Proc fields of the real agent: who, whose child, which thread, since when."""

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.host import executables
from tests.host.agent import Agent, Record, Result, file_records, part
from tests.host.executables import KINDS
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


class _Shell:
    """A shell of a kind of executable, between its first file and its last."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.exe = folder / f"kf-{kind}"
        self._files = [folder / f"{kind}-{letter}" for letter in "abc"]
        shutil.copy(Path(shutil.which("sh") or "/bin/sh").resolve(), self.exe)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", executables.__file__, kind, self.exe, *self._files],
            stdin=subprocess.PIPE,
        )
        _wait_for(self._files[0].exists)

    def says_deleted(self) -> bool:
        """Return what the kernel says of its executable."""
        return os.readlink(f"/proc/{self._process.pid}/exe").endswith(" (deleted)")

    def go_on(self) -> None:
        """Let it write its other files."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        _wait_for(lambda: self._files[2].exists() and self._files[2].stat().st_size == 2)

    def end(self) -> None:
        """Let it end."""
        self._process.communicate(timeout=60)


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def _shells(folder: Path) -> Iterator[dict[str, _Shell]]:
    shells = {kind: _Shell(kind, folder) for kind in KINDS}
    try:
        yield shells
    finally:
        for shell in shells.values():
            shell.end()


def _notes(result: Result, folder: Path, letters: str) -> dict[str, object]:
    """Return the notes of the processes that wrote files of these letters."""
    found: dict[str, object] = {}
    for record in file_records(result.records, folder):
        kind, _, letter = record["File"].partition("-")
        if kind in KINDS and letter in letters and letter:
            found[record["File"]] = record.get("ProcNotes", [])
    return found


def _expected(letters: str) -> dict[str, list[str]]:
    return {f"{kind}-{letter}": KINDS[kind][1] for kind in KINDS for letter in letters}


def test_executables_without_a_name(folder: Path) -> None:
    """Noted is what the executable was when it was started, of a child that of its parent."""
    with Agent("-m", "file") as agent:
        with _shells(folder) as shells:
            deleted = {kind for kind, shell in shells.items() if shell.says_deleted()}
            for kind in ("named", "script"):
                shells[kind].exe.unlink()  # later: it had its name when it was started
                assert shells[kind].says_deleted()
            for shell in shells.values():
                shell.go_on()
        result = agent.stop()

    assert deleted == {kind for kind, (_, notes) in KINDS.items() if notes}
    assert _notes(result, folder, "abc") == _expected("abc")


def test_executables_without_a_name_from_before_the_start(folder: Path) -> None:
    """Of what is older than kflowd, noted is what its executable was when kflowd began."""
    with _shells(folder) as shells, Agent("-m", "file") as agent:
        for kind in ("named", "script"):
            shells[kind].exe.unlink()
        for shell in shells.values():
            shell.go_on()
        result = agent.stop()

    assert _notes(result, folder, "bc") == _expected("bc")
