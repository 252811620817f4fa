# SPDX-License-Identifier: Apache-2.0
"""One machine with an instruction clock: what it sees, and what it says."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.vm import Drive, VmError, project_drives, run
from tests.vm.host import need
from tests.vm.image import PROJECT

KERNEL = "6.1"
OUTPUT = PROJECT / "build" / "cost"
HERE = Path(__file__).parent
SECONDS = 1800.0
LAST_LINES = 30
# `tests` has no __init__: Python joins /cost/tests with /project/tests, and takes ours first
PYTHONPATH = "/cost:/project/src:/project/site-packages:/project"


def drives(tree: Path) -> tuple[Drive, ...]:
    """Return the drives: a built tree of kflowd with its packages, and what measures it.

    Args:
        tree: The one to measure; this one or an older version.

    Raises:
        VmError: the tree was not built, or the workloads cannot be compiled.
    """
    if not list(tree.glob("src/kflowd/bpf/objects/*.bpf.o")):
        raise VmError(f"measuring {tree}: it has no BPF objects (make build)")
    project, *packages = project_drives(tree / ".venv")
    return (dataclasses.replace(project, source=tree), *packages, _tools())


def _tools() -> Drive:
    """Return the drive with this package and the compiled workloads."""
    folder = OUTPUT / "drive"
    package = folder / "tests" / "cost"
    package.mkdir(parents=True, exist_ok=True)
    for path in HERE.glob("*.py"):
        shutil.copy2(path, package / path.name)
    source, program = HERE / "workload.c", folder / "workload"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        argv = [need("gcc", "gcc"), "-O2", "-static", "-o", str(program), str(source)]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        if done.returncode:
            raise VmError(f"compiling the workloads: {done.stderr.strip()}")
    return Drive("cost", folder, "/cost")


def measure(name: str, seen: tuple[Drive, ...]) -> dict[str, Any]:
    """Boot a machine, measure in it, and return what the guest wrote.

    Args:
        name: An attach mode, or "base" for the workloads alone.
        seen: The drives.

    Raises:
        VmError: there is no result.
    """
    result = run(
        KERNEL,
        ["python3", "-m", "tests.cost.guest", name, "/cost"],
        timeout=SECONDS,
        drives=seen,
        icount=True,
        memory="2G",
        environment={"PYTHONPATH": PYTHONPATH, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    data = result.results.get("run.json")
    OUTPUT.joinpath(f"{name}.output").write_text(result.output + result.console)
    if data is None:
        last = "\n".join(result.output.splitlines()[-LAST_LINES:])
        raise VmError(f"measuring {name}: {result.failure or f'exit {result.exit_code}'}\n{last}")
    OUTPUT.joinpath(f"{name}.json").write_bytes(data)
    print(f"{name}: {result.seconds:.0f} s", file=sys.stderr, flush=True)
    found: dict[str, Any] = json.loads(data)
    return found
