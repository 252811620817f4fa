# SPDX-License-Identifier: Apache-2.0
"""Who reads the agent's output from a pipe does not feed it, and nobody else is left out."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kflowd.bpf.source import Source
from kflowd.downstream.finding import status_of
from kflowd.settings import TraceSettings
from tests.host.agent import Agent, Record, Result, file_records, losses, run
from tests.host.readers import whole_records

EACH_EVENT = ("-m", "file", "-e", "1")
# Each record of a consumer's write is written too: by then it has hundreds.
WRITES, PAUSE_S, FEEDING_S = 31, 0.02, 3.0
BYSTANDER = f"""\
import sys, time
with open(sys.argv[1], "wb", buffering=0) as file:
    for _ in range({WRITES}):
        file.write(b"w")
        time.sleep({PAUSE_S})
"""


@contextmanager
def consumed(command: Sequence[str], folder: Path) -> Iterator[int]:
    """Start who reads; yield the pipe's writing end. Its standard output is the file `out`."""
    reader, writer = os.pipe()
    with (folder / "out").open("wb") as out:
        child = subprocess.Popen(command, stdin=reader, stdout=out, cwd=folder)
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)
        child.wait(60)


def write_beside(folder: Path, ends: tuple[int, ...] = ()) -> int:
    """Write to a file of the same folder for a while, holding these; return who did."""
    command = [sys.executable, "-I", "-S", "-c", BYSTANDER, str(folder / "beside")]
    with subprocess.Popen(command, pass_fds=ends) as child:
        pass
    assert child.returncode == 0
    return child.pid


def traced(
    command: Sequence[str], folder: Path, *options: str, hold: bool = False, out: str = "out"
) -> tuple[Result, list[Record]]:
    """Run the agent into a consumer that writes to the folder, and a bystander beside it.

    Args:
        command: The consumer.
        folder: Where it writes `out`.
        options: Of the agent.
        hold: The bystander has the pipe's writing end.
        out: Where the records end up.

    Returns:
        What the agent left, and the records of the folder that came through the consumer.
    """
    with consumed(command, folder) as writer:
        with Agent(*EACH_EVENT, *options, stdout=writer) as agent:
            time.sleep(FEEDING_S / 2)
            write_beside(folder, (writer,) if hold else ())
            time.sleep(FEEDING_S / 2)
            result = agent.stop()
        assert result.exit_code == 0, result.stderr
    records = whole_records((folder / out).read_bytes())
    assert not losses(records)
    return result, file_records(records, folder)


def beside(records: list[Record]) -> int:
    """Return how many writes of the bystander were told."""
    return sum(it["FileEvents"].get("MODIFY", 0) for it in records if it["File"] == "beside")


def names(records: list[Record]) -> set[str]:
    """Return the files that records tell of."""
    return {it["File"] for it in records}


@pytest.mark.parametrize("hold", [False, True], ids=["", "holds the writing end"])
def test_the_consumer_is_left_out(folder: Path, hold: bool) -> None:
    """`kflowd -e 1 | cat > out`: none of its writes is told, all of a bystander's are."""
    result, records = traced(["cat"], folder, hold=hold)
    assert names(records) == {"beside"}
    assert beside(records) == WRITES
    assert "kflowd: leaving out cat (" in result.stderr


def test_the_consumer_is_shown_when_asked(folder: Path) -> None:
    """With --with-consumer it feeds the agent: its records make more of them."""
    result, records = traced(["cat"], folder, "--with-consumer")
    assert names(records) == {"beside", "out"}
    assert beside(records) == WRITES
    assert {it["Proc"] for it in records if it["File"] == "out"} == {"cat"}
    assert "leaving out" not in result.stderr


def test_the_whole_pipeline_is_left_out(folder: Path) -> None:
    """`kflowd | cat | tee log | grep x > out`: each of its members writes or could."""
    _, records = traced(["sh", "-c", "cat | tee log | grep -a ''"], folder)
    assert names(records) == {"beside"}
    assert beside(records) == WRITES
    assert (folder / "log").read_bytes() == (folder / "out").read_bytes()


def test_a_consumer_that_runs_another_program_stays_one(folder: Path) -> None:
    """A shell that reads a line and then is cat: exec makes no new process."""
    _, records = traced(["sh", "-c", """read -r line; printf '%s\\n' "$line"; exec cat"""], folder)
    # what exec opens is of no interest here
    assert not [it for it in records if it["File"] == "out"]
    assert beside(records) == WRITES


def test_a_loop_of_a_shell_is_left_out(folder: Path) -> None:
    """`kflowd | while read line`: what the shell writes itself, line by line."""
    loop = """while read -r line; do printf '%s\\n' "$line" >> own; done"""
    _, records = traced(["sh", "-c", loop], folder, out="own")
    assert names(records) == {"beside"}
    assert beside(records) == WRITES


def test_doctor_says_who_is_left_out() -> None:
    """Who reads what doctor prints stands for who will read a run; its own parent does not."""
    command = f"{sys.executable} -m kflowd doctor -m socket"
    pipe = f"{command} | cat; {command} --with-consumer | cat"
    done = subprocess.run(
        ["sh", "-c", pipe], check=True, capture_output=True, text=True, timeout=240
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
    assert said[0].startswith("left out: kflowd itself, cat (")
    assert said[1] == "left out: kflowd itself"
    assert "\nleft out: kflowd itself\n" in run("doctor", "-m", "socket", timeout=240).stdout


def test_who_has_the_number_later_is_not_left_out(folder: Path) -> None:
    """The tick of the clock in which a process began counts, and what it was given last."""
    status = status_of(os.getpid())
    assert status is not None
    pid, ticks = status.process.identity
    told = {}
    wanted = TraceSettings(monitor=frozenset(("file",)), events=1)
    with Source(wanted, self_tgid=1) as source:
        source.snapshot()
        for name, listed in (
            ("none", []),
            ("own", [(pid, ticks)]),
            ("later", [(pid, ticks + 1)]),
            ("earlier", [(pid, ticks - 1)]),
            ("other", [(pid + 64, ticks)]),
            ("among", [(pid + 64 * (n + 1), ticks) for n in range(15)] + [(pid, ticks)]),
        ):
            source.leave_out(listed)
            path = folder / f"left-out-{name}"
            path.write_bytes(b"w")
            batch = b"".join(iter(lambda: source.drain(0), b"")) + source.final_sweep()
            told[name] = path.name.encode() in batch
    assert told == dict.fromkeys(("none", "later", "earlier", "other"), True) | dict.fromkeys(
        ("own", "among"), False
    )
