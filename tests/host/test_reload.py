# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the real agent reads its file again, without a record less."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.host.agent import COMMAND, Agent, Record, file_records, losses

pytestmark = pytest.mark.host

SERVICE = ["setsid", *COMMAND]  # has no terminal
FILES = 101
HEAD = "kflowd: settings"


class Run:
    """An agent with a file of settings, and what it says on standard error."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "kflowd.toml"
        self.said = (folder / "stderr").open("w+b")
        self.lines = 0

    def write(self, *lines: str) -> None:
        self.file.write_text("\n".join((*lines, "")))

    def agent(self, *options: str) -> Agent:
        return Agent("-C", str(self.file), *options, command=SERVICE, stderr=self.said.fileno())

    def told(self, agent: Agent, number: int = 1) -> str:
        """Send signals; return the last of as many lines at most that it says of them."""
        for _ in range(number):
            agent.process.send_signal(signal.SIGHUP)
        return self.next_line()

    def next_line(self) -> str:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = [it for it in _text(self.said).splitlines() if it.startswith(HEAD)]
            if len(found) > self.lines:
                self.lines = len(found)
                return found[-1].removeprefix(HEAD + " ")
            time.sleep(0.05)
        raise AssertionError(f"nothing is said: {_text(self.said)}")


def _text(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), 1 << 20, 0).decode()


def records_of(path: Path) -> list[Record]:
    return [json.loads(it) for it in path.read_bytes().splitlines()]


def work(folder: Path, name: str, count: int = FILES) -> set[str]:
    """Write files; return their names."""
    found = {f"{name}{number}" for number in range(count)}
    for each in found:
        (folder / each).write_bytes(b"x")
    return found


def names(records: list[Record], folder: Path) -> list[str]:
    return [each["File"] for each in file_records(records, folder)]


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Return a run to be."""
    made = Run(tmp_path)
    with made.said:
        yield made


@pytest.fixture
def place(folder: Path) -> Path:
    """Return a folder with nothing but the work."""
    path = folder / "place"
    path.mkdir()
    return path


def test_times_token_and_outputs_change_while_it_runs(
    run: Run, place: Path, tmp_path: Path
) -> None:
    """No record is lost or told twice, of the outputs that stay and of those that come and go."""
    one, two = tmp_path / "one", tmp_path / "two"
    all_of_it = f'[[output]]\n[[output]]\nsink = "file"\npath = "{one}"'
    run.write("[trace]", "idle = 60", all_of_it)
    with run.agent("-m", "file") as agent:
        first = work(place, "a")
        held = os.open(place / "held", os.O_CREAT | os.O_RDWR)
        os.write(held, b"x")
        until(lambda: len(records_of(one)) >= FILES)
        run.write(
            "[trace]", "idle = 2", "file_entries = 4096", "[enrich]", 'token = "host7"',
            all_of_it, f'[[output]]\nsink = "file"\npath = "{two}"\nformat = "ecs"',
        )  # fmt: skip
        line = run.told(agent)
        assert line == (
            "reloaded: trace.idle 60 -> 2; enrich.token none -> ***; "
            f"output file {two} added; needs a restart: trace.file_entries"
        )
        # what is idle by the new time is told now
        until(lambda: "held" in names(records_of(one), place))
        second = work(place, "b")
        until(lambda: second <= set(names(records_of(one), place)))
        until(lambda: all(f'/{it}"' in two.read_text() for it in second))
        run.write("[trace]", "idle = 2", all_of_it)
        assert run.told(agent) == (f"reloaded: enrich.token *** -> none; output file {two} removed")
        third = work(place, "c")
        agent.settle()
        os.close(held)
        result = agent.stop()

    assert result.exit_code == 0, _text(run.said)
    assert losses(result.records) == {}
    told = names(result.records, place)
    assert sorted(it for it in told if it != "held") == sorted(first | second | third)
    assert names(records_of(one), place) == told
    tokens = {it["File"][0]: it.get("InfoHostToken") for it in file_records(result.records, place)}
    assert (tokens["a"], tokens["b"], tokens["c"]) == (None, "host7", None)
    texts = two.read_text()
    assert {it for it in second if f'/{it}"' in texts} == second
    assert not [it for it in (*first, *third) if f'/{it}"' in texts]


def _made_a_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda file: file.unlink(), "reading .*: No such file or directory"),
        (
            lambda file: file.write_text("[trace]\nidel = 3\n"),
            ".*:2: trace.idel: no such setting;.*",
        ),
        (lambda file: file.write_bytes(bytes(1 << 20)), "reading .*: it has more than 256 KiB"),
        (
            lambda file: file.chmod(0o666),
            "reading .*: kflowd runs as root, and others may write .*",
        ),
        (
            _made_a_fifo,
            "reading .*: it is no regular file",
        ),
    ],
    ids=["vanished", "wrong", "huge", "writable", "fifo"],
)
def test_a_wrong_file_is_a_line_and_no_change(
    run: Run, place: Path, spoil: Callable[[Path], object], cause: str
) -> None:
    """What held goes on to hold, and the next file is read."""
    run.write("[trace]", "idle = 1")
    with run.agent("-m", "file") as agent:
        spoil(run.file)
        line = run.told(agent)
        expected = work(place, "a", 7)
        run.file.unlink(missing_ok=True)
        run.write("[trace]", "idle = 3")
        run.file.chmod(0o600)
        assert run.told(agent) == "reloaded: trace.idle 1 -> 3"
        result = agent.finish()
    assert re.fullmatch(f"not reloaded, the old ones hold: {cause}", line)
    assert set(names(result.records, place)) == expected


# The real agent, which gets the signal in the midst of loading.
_AT_LOAD = """\
import os, signal
from kflowd import cli
from kflowd.bpf.loading.loader import Loader
load = Loader.load
def hung_up(loader):
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGHUP)
    return load(loader)
Loader.load = hung_up
cli.entry()
"""


def test_signals_at_any_time(run: Run, place: Path) -> None:
    """While it loads, many in a row, and while it ends: it goes on, and ends as it should."""
    run.write("[trace]", "idle = 1", "[[output]]")
    command = ["setsid", sys.executable, "-c", _AT_LOAD]
    options = ("-C", str(run.file), "-m", "file")
    with Agent(*options, command=command, stderr=run.said.fileno()) as agent:
        assert run.next_line() == "reloaded: nothing has changed"
        for number in range(2, 60):
            run.write("[trace]", f"idle = {number}", "[[output]]")
            agent.process.send_signal(signal.SIGHUP)
        until(lambda: f"-> {59}" in _text(run.said))
        expected = work(place, "a", 7)
        agent.process.send_signal(signal.SIGHUP)
        agent.process.send_signal(signal.SIGINT)
        for _ in range(20):
            agent.process.send_signal(signal.SIGHUP)
        result = agent.wait()
    assert result.exit_code == 0, _text(run.said)
    assert "Traceback" not in _text(run.said)
    assert set(names(result.records, place)) == expected


def test_a_hung_up_run_without_a_file_ends(place: Path) -> None:
    """There is nothing to read again."""
    with Agent("-m", "file", "-C", "/dev/null", command=SERVICE) as agent:
        expected = work(place, "a", 7)
        result = agent.stop(signal.SIGHUP)
    assert result.exit_code == 0
    assert set(names(result.records, place)) == expected
