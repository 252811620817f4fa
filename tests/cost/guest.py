# SPDX-License-Identifier: Apache-2.0
"""Runs in the machine: workloads alone, or beside the agent. One nanosecond is one instruction.

`python3 -m tests.cost.guest base|ATTACH_MODE FOLDER` leaves run.json in /results. FOLDER has the
program that makes the workloads. With an attach mode the agent runs twice: first with a clock
around its stages, which also fills the page cache, then as it is.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from tests.cost.programs import Programs, memory
from tests.cost.sizes import COUNTED, SIZES, STAGED

RESULTS = Path("/results/run.json")
WORK = "/root"  # on the disk, as tmpfs is not what hosts write to
SHM = Path("/dev/shm")  # what is written here feeds no hook
STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
BASE = "base"
BOOT_SECONDS = 10.0  # the file system makes itself ready in the background
# Waiting costs no host time: the instruction clock jumps to the next timer.
SETTLE_SECONDS = 3.0  # the records of a workload are out, and a sweep or two
IDLE_SECONDS = 10.0
FIRST_SECONDS = 30.0
POLL_SECONDS = 0.002
SEPARATOR = b"\x1e"
HEALTH = b'"InfoMonitor": "health"'


class Agent:
    """kflowd as a process; a context manager, ready when the block begins.

    Args:
        words: After `python3 -m`.
        path: PYTHONPATH.
    """

    def __init__(self, *words: str, path: str) -> None:
        self._out = SHM / "out"
        self._out.unlink(missing_ok=True)
        name = f"\0cost-{words[0]}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(name)
            # the order of sets would differ from run to run
            changed = {"NOTIFY_SOCKET": "@" + name[1:], "PYTHONPATH": path, "PYTHONHASHSEED": "0"}
            with self._out.open("wb") as out, (SHM / "err").open("wb") as err:
                self.process = subprocess.Popen(
                    ["python3", "-m", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, **changed},
                )
            while not select.select([ready], [], [], 0.5)[0]:
                if self.process.poll() is not None:
                    raise SystemExit(f"kflowd did not start: {self.errors()}")
        self.ready_cpu = self.cpu()

    def cpu(self) -> int:
        """Return its CPU time so far, of all threads: the clock of a process."""
        return time.clock_gettime_ns((~self.process.pid << 3) | 2)

    def printed(self) -> int:
        """Return the bytes printed so far."""
        return self._out.stat().st_size

    def records(self, start: int) -> int:
        """Return the records printed since, without those about the agent's health."""
        with self._out.open("rb") as file:
            file.seek(start)
            text = file.read()
        return text.count(SEPARATOR) - text.count(HEALTH)

    def rss(self) -> int:
        """Return its resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) << 10

    def errors(self) -> str:
        """Return what it said on stderr."""
        return (SHM / "err").read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        if self.process.wait(60):
            raise SystemExit(f"kflowd ended with {self.process.returncode}: {self.errors()}")


class Work:
    """The workloads. `operations` holds how many a run was, with those to warm up.

    Args:
        folder: Where the program is.
    """

    def __init__(self, folder: str) -> None:
        self._program = f"{folder}/workload"

    def run(self, kind: str, number: int, agent: Agent | None = None) -> dict[str, int]:
        """Run one and return its line: n, ns, warm, agent_ns."""
        environment = {**os.environ, "AGENT": str(agent.process.pid)} if agent else None
        done = subprocess.run(
            [self._program, kind, str(number), WORK],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
        )
        if done.returncode:
            raise SystemExit(f"workload {kind}: exit {done.returncode} {done.stderr}")
        return dict(
            zip(("n", "ns", "warm", "agent_ns"), map(int, done.stdout.split()), strict=True)
        )


def alone(work: Work) -> dict[str, Any]:
    """Run the workloads without an agent."""
    found = {}
    for kind, number in SIZES.items():
        time.sleep(SETTLE_SECONDS)
        found[kind] = work.run(kind, number)
    return {"work": found}


def staged(work: Work, mode: str) -> dict[str, Any]:
    """Return what the stages cost: the agent stands still while work is done, then takes it all."""
    lines = SHM / "stages"
    path = os.environ["PYTHONPATH"]
    words = ("tests.cost.stages", str(lines), *_options(mode))
    with Agent(*words, path=path) as agent:
        warnings = agent.errors()
        time.sleep(SETTLE_SECONDS)
        before = _totals(agent, lines)
        time.sleep(SETTLE_SECONDS)
        found: dict[str, Any] = {"idle": _less(_totals(agent, lines), before)}
        for kind, number in STAGED.items():
            agent.process.send_signal(signal.SIGSTOP)
            work.run(kind, number)
            start, before = agent.printed(), _totals(agent, lines, signal.SIGCONT)
            time.sleep(SETTLE_SECONDS)
            found[kind] = {
                "stages": _less(_totals(agent, lines), before),
                "records": agent.records(start),
            }
    return {**found, "warnings": warnings.splitlines()}


def _totals(agent: Agent, lines: Path, *others: signal.Signals) -> dict[str, float]:
    """Ask the agent what its stages have cost so far."""
    size = lines.stat().st_size if lines.exists() else 0
    for number in (signal.SIGWINCH, *others):
        agent.process.send_signal(number)
    while not lines.exists() or lines.stat().st_size == size:
        if agent.process.poll() is not None:
            raise SystemExit(f"kflowd died: {agent.errors()}")
        time.sleep(POLL_SECONDS)
    found: dict[str, float] = json.loads(lines.read_text().splitlines()[-1])
    return found


def _less(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in after.items()}


def beside(work: Work, mode: str) -> dict[str, Any]:
    """Run the workloads beside the agent as it is, then some again with the programs counted."""
    path = ":".join(os.environ["PYTHONPATH"].split(":")[1:])
    with Agent("kflowd", *_options(mode), path=path) as agent:
        found: dict[str, Any] = {"ready_cpu": agent.ready_cpu, "first_cpu": _first(agent)}
        time.sleep(SETTLE_SECONDS)
        cpu, began = agent.cpu(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        found["idle"] = (agent.cpu() - cpu) / (time.monotonic() - began)
        found["rss_start"] = agent.rss()
        found["memory"] = memory()
        time.sleep(SETTLE_SECONDS)
        found["work"] = {kind: _with_cpu(work, agent, kind, SIZES[kind]) for kind in SIZES}
        found["rss_end"] = agent.rss()
        with Programs() as programs:
            STATS.write_text("1")
            found["bpf"] = {kind: _counted(work, programs, kind) for kind in COUNTED}
            STATS.write_text("0")
    return {**found, "stderr": agent.errors()}


def both(work: Work, mode: str) -> dict[str, Any]:
    """Run the agent twice; the first start is from the disk, the second counts."""
    return {"staged": staged(work, mode), **beside(work, mode)}


def _first(agent: Agent) -> int:
    """Return the agent's CPU time when its first record is there."""
    start, began = agent.printed(), time.monotonic()
    Path("/root/first").touch()
    while agent.printed() == start:
        if time.monotonic() - began > FIRST_SECONDS:
            raise SystemExit("no first record")
        time.sleep(POLL_SECONDS)
    return agent.cpu()


def _with_cpu(work: Work, agent: Agent, kind: str, number: int) -> dict[str, Any]:
    start, cpu, began = agent.printed(), agent.cpu(), time.monotonic()
    line: dict[str, Any] = work.run(kind, number, agent)
    time.sleep(SETTLE_SECONDS)
    line |= {"cpu": agent.cpu() - cpu, "seconds": time.monotonic() - began}
    return {**line, "records": agent.records(start)}


def _counted(work: Work, programs: Programs, kind: str) -> dict[str, Any]:
    before = programs.read()
    line: dict[str, Any] = work.run(kind, COUNTED[kind])
    after = programs.read()
    line["programs"] = {
        name: (run.ns - before[name].ns, run.runs - before[name].runs)
        for name, run in after.items()
        if run.runs != before[name].runs
    }
    time.sleep(SETTLE_SECONDS)
    return line


def _options(mode: str) -> tuple[str, ...]:
    return ("-o", "json-min", "--attach", mode)


def main() -> None:
    """Measure and write the result."""
    mode, folder = sys.argv[1:]
    work = Work(folder)
    STATS.write_text("0")
    time.sleep(BOOT_SECONDS)
    found = alone(work) if mode == BASE else both(work, mode)
    RESULTS.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
