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
from tests.host.whole import MAX_ANCESTORS, ancestors
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


def _shell_names(folder: Path) -> list[Path]:
    """Return shells with names of their own."""
    names = [folder / f"kf-{letter}" for letter in "abcd"]
    for name in names:
        shutil.copy(Path(shutil.which("sh") or "/bin/sh").resolve(), name)
    return names


def _listed(*shells: tuple[int, Path]) -> list[Record]:
    """Return these ancestors, and those of this test above them."""
    above = [{"Pid": pid, "Name": path.name} for pid, path in shells]
    return [*above, *ancestors(os.getpid())][:MAX_ANCESTORS]


def test_ancestors_of_a_chain(folder: Path) -> None:
    """Each shell starts the next; each has those above it, the parent first, and nobody else."""
    one, two, three, _ = _shell_names(folder)
    files = [folder / "1", folder / "2", folder / "3"]
    say = 'echo $$ $PPID > "{}"'.format
    second = f'{say(files[1])}; "$0" -c "$1"; :'
    first = f'{say(files[0])}; "$0" -c "$1" "$2" "$3"; :'
    third = say(files[2]) + "; :"
    with Agent("-m", "file") as agent:
        subprocess.run([one, "-c", first, two, second, three, third], check=True, timeout=60)
        result = agent.stop()

    found = {it["File"]: it for it in file_records(result.records, folder) if it["File"] in "123"}
    (pid_1, above_1), (pid_2, above_2), (pid_3, above_3) = (
        map(int, file.read_text().split()) for file in files
    )
    assert (above_1, above_2, above_3) == (os.getpid(), pid_1, pid_2)
    assert [found[name]["ProcPID"] for name in "123"] == [pid_1, pid_2, pid_3]
    assert found["1"]["ProcAncestors"] == _listed()
    assert found["2"]["ProcAncestors"] == _listed((pid_1, one))
    assert found["3"]["ProcAncestors"] == _listed((pid_2, two), (pid_1, one))


def test_ancestors_of_an_orphan_whose_parents_pid_is_given_again(folder: Path) -> None:
    """It keeps those of its birth; the other process with that number is no ancestor of it."""
    one, two, three, four = _shell_names(folder)
    orphan, go = folder / "orphan", folder / "go"
    wait = f'until [ -e "{go}" ]; do sleep 0.05; done; exec {three} -c \'echo x > "{orphan}"\''
    with Agent("-m", "file") as agent:
        # nobody waits for what it writes: its pipes are not ours
        parent = subprocess.Popen(
            [one, "-c", '"$0" -c "$1" & echo $!', two, wait],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert parent.wait(60) == 0
        parent.stdout.close()
        _start_as(parent.pid, four, f"{three} -c 'echo x > \"{folder}/other\"'; :")
        go.touch()
        _wait_for(lambda: orphan.exists() and orphan.stat().st_size == 2)
        _wait_for(lambda: not Path(f"/proc/{child}").exists())
        result = agent.stop()

    records = file_records(result.records, folder)
    (mine,) = [each for each in records if each["File"] == "orphan"]
    assert (mine["ProcPID"], mine["Proc"]) == (child, three.name)
    assert mine["ProcPPID"] != parent.pid
    assert mine["ProcAncestors"] == _listed((parent.pid, one))
    (other,) = [each for each in records if each["File"] == "other"]
    assert other["ProcPPID"] == parent.pid
    assert other["ProcAncestors"] == _listed((parent.pid, four))


def _start_as(pid: int, shell: Path, script: str) -> None:
    """Run a script in a process with this number, which is free."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    for _ in range(200):
        last.write_text(str(pid - 1))
        process = subprocess.Popen([shell, "-c", f"[ $$ = {pid} ] || exit 0; {script}"])
        assert process.wait(60) == 0
        if process.pid == pid:
            return
    raise AssertionError("others took the number each time")


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


# Writes file after file, each by a name of its own, from before the agent is there.
BUSY = """
import sys
folder, number = sys.argv[1], 0
while True:
    with open(f"{folder}/busy-{number % 997}", "w") as file:
        file.write("x")
    number += 1
    if number == 997:
        print(flush=True)
"""


def test_what_is_at_work_when_kflowd_starts_is_known_in_its_first_record(folder: Path) -> None:
    """The processes are listed before the first program tells of files."""
    command = [sys.executable, "-c", BUSY, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as busy:
        assert busy.stdout is not None
        busy.stdout.readline()
        with Agent("-m", "file") as agent:
            time.sleep(0.5)
            busy.kill()
            result = agent.stop()

    found = file_records(result.records, folder)
    assert len(found) > 97
    assert {each["ProcPID"] for each in found} == {busy.pid}
    known = {(each["Proc"], each["ProcPPID"], *each.get("ProcNotes", ())) for each in found}
    assert known == {(INTERPRETER, os.getpid())}
