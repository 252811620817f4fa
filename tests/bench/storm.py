# SPDX-License-Identifier: Apache-2.0
"""How fast a storm of file operations is beside kflowd: `make storm`, as root.

Two processes make, write, rename and delete 50,021 files, each before the next, without an agent
and beside one at default sizes in each attach mode. Runs of all kinds take turns, so that a busy
host is busy for all of them, and medians count.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple

from tests.host.agent import ROOT, Agent
from tests.host.storm import run
from tests.vm import Drive, project_drives
from tests.vm import run as run_machine

FILES, PROCESSES = 50_021, 2
ROUNDS = 5
ATTACH_MODES = ("fentry", "kprobe", "tracepoint")
SECONDS = 7200.0


class Kind(NamedTuple):
    """What takes turns: an attach mode and the tree of kflowd; none is the workload alone."""

    attach_mode: str = ""
    tree: Path = ROOT


class Storm(NamedTuple):
    """One run.

    Attributes:
        speed: Files per second.
        own: Processor time of the workload for a file, in microseconds.
        cpu: What the agent took for all, in seconds.
        named: Files that are in a record with both of their names.
    """

    speed: float
    own: float
    cpu: float = 0.0
    named: int = 0


def storm(kind: Kind) -> Storm:
    """Run the workload, beside an agent or alone."""
    with tempfile.TemporaryDirectory() as folder:
        if not kind.attach_mode:
            return Storm(*_workload(folder))
        environment = {"PYTHONPATH": ":".join([str(kind.tree / "src"), *sys.path])}
        options = ("-m", "file", f"--attach={kind.attach_mode}")
        with (
            os.fdopen(os.memfd_create("storm"), "w+b") as stdout,  # a disk may be slower than it
            Agent(*options, environment=environment, stdout=stdout.fileno()) as agent,
        ):
            before = agent.cpu_seconds()
            speed, own = _workload(folder)
            agent.settle()
            cpu = agent.cpu_seconds() - before
            result = agent.stop()
            stdout.seek(0)
            named = _named(stdout, folder)
        if named < FILES:
            print(f"{kind}, {named} files: {result.stderr}", file=sys.stderr)
        return Storm(speed, own, cpu, named)


def _workload(folder: str) -> tuple[float, float]:
    """Return files per second, and microseconds of a processor per file."""
    seconds, own = map(float, run("many", folder, FILES, PROCESSES).communicate()[0].split())
    return FILES / seconds, own / FILES * 1e6


def _named(stdout: IO[bytes], folder: str) -> int:
    """Return how many files of a folder are in a record with both of their names."""
    start = json.dumps(f"{folder}/").encode()
    found = set()
    for line in stdout:
        if b"FileOrigin" in line and start in line:
            record = json.loads(line)
            found.add((record["FileOrigin"], record["File"]))
    return len(found & {(f"f{number}", f"g{number}") for number in range(FILES)})


def table(runs: Mapping[Kind, Sequence[Storm]]) -> str:
    """Return a line for each kind; "of alone" is the part of the speed without kflowd."""
    alone = median(each.speed for each in runs[Kind()])
    heads = ("files/s", "of alone", "lowest", "highest", "own us/file", "agent s")
    lines = [f"{'':24}" + "".join(f"{head:>12}" for head in heads) + "  files with both names"]
    for kind, found in runs.items():
        speeds = [each.speed for each in found]
        title = f"{kind.attach_mode} {kind.tree.name}" if kind.attach_mode else "alone"
        line = f"{title:24}{median(speeds):12,.0f}{median(speeds) / alone:12.3f}"
        line += f"{min(speeds):12,.0f}{max(speeds):12,.0f}"
        line += f"{median(each.own for each in found):12.1f}"
        if kind.attach_mode:
            line += f"{median(each.cpu for each in found):12.2f}"
            line += f"  {min(each.named for each in found):,} of {FILES:,}"
        lines.append(line)
    return "\n".join(lines)


def here(attach_modes: Iterable[str], trees: Sequence[Path], rounds: int) -> int:
    """Measure on this machine, print the table, and return 0 if this tree lost no name."""
    kinds = [Kind(), *(Kind(mode, tree) for mode in attach_modes for tree in trees)]
    runs: dict[Kind, list[Storm]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            runs[kind].append(storm(kind))
    print(table(runs))
    mine = [each for kind in kinds[1:] if kind.tree == ROOT for each in runs[kind]]
    return int(any(each.named < FILES for each in mine))


def there(kernel: str, arguments: argparse.Namespace) -> int:
    """Measure in a virtual machine with two processors."""
    command = ["python3", "-m", "tests.bench.storm", f"--rounds={arguments.rounds}"]
    command += ["--modes", arguments.modes]
    drives = list(project_drives())
    for number, tree in enumerate(arguments.trees):
        exclude = (".git", ".venv", "build", "tests")
        where = f"/tree{number}/{tree.resolve().name}"
        drives.append(Drive(f"tree{number}", tree.resolve(), where, exclude))
        command.append(where)
    result = run_machine(
        kernel, command, timeout=SECONDS, drives=drives, memory="2G", echo=sys.stdout.buffer
    )
    return result.exit_code


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.storm", description=__doc__)
    parser.add_argument("--kernel", help="in a virtual machine with this kernel")
    parser.add_argument("--modes", default=" ".join(ATTACH_MODES), help="attach modes")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each kind")
    parser.add_argument("trees", type=Path, nargs="*", help="other trees of kflowd, built")
    arguments = parser.parse_args()
    if arguments.kernel:
        return there(arguments.kernel, arguments)
    return here(arguments.modes.split(), [ROOT, *arguments.trees], arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())
