# SPDX-License-Identifier: Apache-2.0
"""One cell: boot its machine, run the suite inside, and say what came of it."""

import dataclasses
import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.matrix import foreign
from tests.matrix.cells import ARM64, Cell
from tests.matrix.verdict import Column, judge, judge_load, tests_of
from tests.vm import Drive, Result, VmError, project_drives, run
from tests.vm.image import PROJECT

OUTPUT = PROJECT / "build" / "matrix"
DOCS = PROJECT / "docs" / "kernels.md"
SECONDS = 1200.0
# A preempted kernel on an emulated machine may skip program runs in spite of the standbys.
ATTEMPTS = 3
LAST_LINES = 30
FAILURE_LINES = 40


def drives_of(build: str, folder: Path) -> tuple[Drive, ...]:
    """Return the drives of the cells of a build, with the project as it is now: edit it meanwhile.

    Args:
        build: "" for what `make build` has made, else arm64 or a compiler's name.
        folder: Where the copy of the project goes.

    Raises:
        VmError: the build failed.
    """
    project, *others = project_drives()
    tree = folder / (build or "host")
    ignore = shutil.ignore_patterns(*project.exclude)
    shutil.copytree(project.source, tree, symlinks=True, ignore=ignore)
    if build == ARM64:
        foreign.build_extension(tree)
        foreign.build_objects(tree, ("ARCH=arm64",))
        others = [Drive("packages", foreign.packages(), "/project/site-packages")]
    elif build:
        strip = build.replace("clang", "llvm-strip")
        foreign.build_objects(tree, (f"CLANG={build}", f"LLVM_STRIP={strip}"))
    return (dataclasses.replace(project, source=tree), *others)


def run_cell(cell: Cell, drives: Sequence[Drive], tests: str, smp: int) -> Column:
    """Boot a machine, run the suite in it, and say what came of it.

    Where the agent itself tells that the kernel skipped its programs, what is missing proves
    nothing: such a run is repeated.
    """
    for _ in range(ATTEMPTS):
        column = _run_once(cell, drives, tests, smp)
        what = f"{len(column.verified)} programs load"
        if not cell.load_only:
            passed = sum(test.passed for test in column.tests)
            what = f"{passed} of {len(column.tests)} tests passed"
        again = ", program runs skipped" if column.skipped else ""
        print(f"{cell.name}: {what}, {column.seconds:.0f} s{again}", file=sys.stderr, flush=True)
        for failure in column.failures:  # at once: who ends the run early wants them too
            lines = failure.splitlines()[:FAILURE_LINES]
            print("\n    ".join(("  FAIL", *lines)), file=sys.stderr, flush=True)
        if not (column.skipped and column.failures):
            break
    return column


def _run_once(cell: Cell, drives: Sequence[Drive], tests: str, smp: int) -> Column:
    options = ["--load-only"] if cell.load_only else shlex.split(tests)
    if not tests and not cell.load_only:
        options = [f"--deselect={each}" for each in cell.without]
    command = ["python3", "-m", "tests.matrix.guest", cell.attach_mode or "best", *options]
    environment = {
        "KFLOWD_TEST_MACHINE": "1",
        "KFLOWD_TEST_ATTACH_MODE": cell.attach_mode,
        "KFLOWD_REQUIRE_REAL": "1",
        "KFLOWD_TEST_START_SECONDS": str(SECONDS / 2),
    }
    try:
        result = run(
            cell.kernel,
            command,
            timeout=SECONDS,
            drives=drives,
            append=cell.append,
            smp=smp,
            environment=environment,
        )
    except VmError as error:
        return Column(cell.name, {}, problem=str(error))
    return _column(cell, result, narrowed=bool(tests))


def _column(cell: Cell, result: Result, *, narrowed: bool) -> Column:
    folder = OUTPUT / cell.name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.joinpath("output").write_text(result.output)
    folder.joinpath("console").write_text(result.console)
    data = result.results.get("cell.json")
    if data is None:
        last = "\n".join(result.output.splitlines()[-LAST_LINES:])
        problem = f"{result.failure or 'no result'}, exit code {result.exit_code}\n{last}"
        return Column(cell.name, {}, problem=problem, seconds=result.seconds)
    folder.joinpath("cell.json").write_bytes(data)
    values = json.loads(data)
    judged = judge_load(values) if cell.load_only else judge(values, narrowed=narrowed)
    return Column(cell.name, judged, tests_of(values), values["programs"], seconds=result.seconds)
