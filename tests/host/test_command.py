# SPDX-License-Identifier: Apache-2.0
"""`kflowd -- COMMAND`: the records of a command and what it starts, and of nobody else."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.host import commanded
from tests.host.agent import (
    COMMAND,
    ROOT,
    Agent,
    Record,
    Result,
    file_records,
    health_records,
    losses,
)

SCRIPT = [sys.executable, "-I", "-S", commanded.__file__]
# sooner there than all, where only the end of a run is of interest
LITTLE = ("-m", "socket")


class Ran(NamedTuple):
    """A run for a command, beside a bystander that did the same with other names."""

    result: Result
    mine: Path
    others: Path
    recording: Path

    @property
    def root(self) -> int:
        """The number of the command."""
        return int((self.mine / "pid").read_text())


class Listener:
    """Takes connections, says a byte and closes them; a bystander, too."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(11)
                connection.sendall(b"y")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Trace the command once for all tests that look at its records."""
    folder = tmp_path_factory.mktemp("command").resolve()
    mine, others = folder / "mine", folder / "others"
    mine.mkdir()
    others.mkdir()
    listener = Listener()
    read, write = os.pipe()
    options = ("-m", "file,socket,process", "--record", str(folder / "recording"))
    command = [*SCRIPT, str(mine), str(listener.port), "wait"]
    with Agent(*options, "--", *command, stdin=read) as agent:
        done = subprocess.run(
            [*SCRIPT, str(others), str(listener.port)], check=False, capture_output=True
        )
        assert (done.returncode, done.stdout) == (7, b"said by the command\n"), done.stderr
        os.write(write, b"word\n")
        result = agent.wait()
    os.close(read)
    os.close(write)
    listener.close()
    return Ran(result, mine, others, folder / "recording")


def named(records: list[Record], folder: Path) -> set[str]:
    """Return the names of the files of a folder that records tell of."""
    return {it["File"] for it in file_records(records, folder)}


def test_every_file_of_the_command_is_told(ran: Ran) -> None:
    """Of pipelines, jobs, children, daemons, threads that execute; and nothing is lost."""
    there = {it.name for it in ran.mine.iterdir()}
    assert len(there) > commanded.CHILDREN + 10
    assert named(ran.result.records, ran.mine) == there
    assert losses(ran.result.records) == {}


def test_nothing_of_a_bystander_is_told(ran: Ran) -> None:
    """Each record is of the command or of a descendant; how many others there were is counted."""
    assert {it.name for it in ran.others.iterdir()} | {"heard"} == {
        it.name for it in ran.mine.iterdir()
    }
    assert named(ran.result.records, ran.others) == set()
    for record in ran.result.records:
        if record["InfoMonitor"] != "health":
            family = {record["ProcPID"], *(it["Pid"] for it in record["ProcAncestors"])}
            assert ran.root in family, record
    health = health_records(ran.result.records)[-1]
    assert health["HealthRecordsHidden"] > commanded.CHILDREN
    line = f"records that nobody asked for, left out: {health['HealthRecordsHidden']}"
    assert line in ran.result.stderr


def test_the_kernel_passes_by_what_others_do_with_files(ran: Ran) -> None:
    """Each file event that a program has counted is in a record of the command."""
    health = health_records(ran.result.records)[-1]
    told = sum(it.get("FileEventCount", 0) for it in ran.result.records)
    assert health["HealthFileEvents"] == health["HealthFileReported"] == told


def test_processes_and_sockets_of_the_command_are_told(ran: Ran) -> None:
    """Each process by one record; of a connection the side that is the command's."""
    kinds = [it["InfoMonitor"] for it in ran.result.records]
    assert kinds.count("process") > commanded.CHILDREN
    sockets = [it for it in ran.result.records if it["InfoMonitor"] == "socket"]
    assert [(it["ProcPID"], it["SockTxBytes"]) for it in sockets] == [(ran.root, 11)]
    (whole,) = [
        it
        for it in ran.result.records
        if it["InfoMonitor"] == "process" and it["ProcPID"] == ran.root
    ]
    assert whole["ProcEvents"] == {"EXEC": 1, "EXIT": 1}
    assert whole["ProcExitCode"] == 7


def test_the_run_ends_with_the_command(ran: Ran) -> None:
    """With its status; its output is on standard error, and standard input was its own."""
    assert ran.result.exit_code == 7
    assert "said by the command\n" in ran.result.stderr
    assert b"said by the command" not in ran.result.stdout
    assert (ran.mine / "heard").read_text() == "word\n"


def test_a_replay_shows_the_same(ran: Ran) -> None:
    """It knows for whom the run was."""
    command = [*COMMAND, "replay", "-o", "json-min", str(ran.recording)]
    replayed = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, timeout=60)
    assert replayed.stdout == ran.result.stdout


SMALL = "from kflowd.bpf.loading import loader; loader.MAX_FOLLOWED = 7; from kflowd import cli;"


def test_a_full_table_in_the_kernel_loses_nobody(folder: Path) -> None:
    """Then all processes pass there, and user space tells them apart as ever."""
    begun, done = folder / "begun", folder / "done"
    text = f"cd {folder}; echo > begun; until [ -e done ]; do sleep 0.05; done; (: > last)"
    children = "for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & done;"
    command = ["sh", "-c", f"{children} {text}; kill $(jobs -p)"]
    small = [sys.executable, "-c", f"{SMALL} cli.entry()"]
    with Agent("-m", "file", "--", *command, command=small) as agent:
        while not begun.exists():
            time.sleep(0.02)
        done.write_text("by a bystander")
        result = agent.wait()
    health = health_records(result.records)[-1]
    told = sum(it.get("FileEventCount", 0) for it in result.records)
    assert named(result.records, folder) == {"begun", "last"}
    assert health["HealthFileEvents"] > told
    assert health["HealthRecordsHidden"] > 0
    assert losses(result.records) == {}


@pytest.fixture
def ready(folder: Path) -> Path:
    """Return a file that a command makes when it runs, with its number."""
    return folder / "ready"


def await_file(path: Path) -> int:
    """Wait until a command has written its number."""
    until = time.monotonic() + 30
    while not path.exists() or not path.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)
    return int(path.read_text())


@pytest.fixture
def goes_on(ready: Path) -> Iterator[list[str]]:
    """Return a command that ignores SIGTERM, and end what is left of it."""
    yield ["sh", "-c", f"trap '' TERM; echo $$ > {ready}; exec sleep 60"]
    os.kill(int(ready.read_text()), signal.SIGKILL)


def test_a_signal_is_passed_on_and_what_follows_is_told(folder: Path, ready: Path) -> None:
    """The command ends in its own way, with its own status."""
    text = f"""
        trap 'echo > {folder}/trapped; exit 9' TERM
        echo $$ > {ready}
        while :; do sleep 0.05; done
    """
    with Agent("-m", "file", "--", "sh", "-c", text) as agent:
        await_file(ready)
        result = agent.stop(signal.SIGTERM)
    assert result.exit_code == 9
    assert named(result.records, folder) == {"ready", "trapped"}


def test_a_command_that_ignores_the_signal_keeps_nobody(goes_on: list[str], ready: Path) -> None:
    """It goes on, which is said, and the run ends as ever."""
    with Agent(*LITTLE, "--", *goes_on) as agent:
        pid = await_file(ready)
        began = time.monotonic()
        result = agent.stop(signal.SIGTERM)
    assert time.monotonic() - began < 5 + 2  # a slow machine
    assert result.exit_code == 0
    assert f"({pid}) goes on: the run has ended before it" in result.stderr
    os.kill(pid, 0)


def test_a_run_that_ends_before_its_command_leaves_it(goes_on: list[str], ready: Path) -> None:
    """After --duration the command goes on, as after a reader that went away."""
    with Agent(*LITTLE, "--duration", "1", "--", *goes_on) as agent:
        result = agent.wait()
    assert result.exit_code == 0
    assert f"({await_file(ready)}) goes on: the run has ended before it" in result.stderr


def test_a_command_that_a_signal_ends_counts_as_in_a_shell() -> None:
    """128 and its number."""
    with Agent(*LITTLE, "--", "sh", "-c", "kill -9 $$") as agent:
        assert agent.wait().exit_code == 137


@pytest.mark.parametrize(("program", "code"), [("no-such-program", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_run_is_told_at_once(program: str, code: int) -> None:
    """In one line, with the code of a shell."""
    done = subprocess.run(
        [*COMMAND, "--", program], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("kflowd: running ")
    assert done.stderr.count("\n") == 1
