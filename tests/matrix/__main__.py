# SPDX-License-Identifier: Apache-2.0
"""The command line: `python -m tests.matrix`, or `make matrix`."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

from tests.matrix import cells, report
from tests.matrix.cells import Cell
from tests.matrix.run import DOCS, OUTPUT, drives_of, run_cell
from tests.matrix.verdict import Column
from tests.vm import VmError, cache

SHOWN = 12  # programs with the most verified instructions; the file has all


def main(argv: Sequence[str] | None = None) -> int:
    """Run the matrix; return 0 if everything is as doctor predicts, else 1."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        chosen = cells.chosen(
            arguments.sets.split(), arguments.kernels.split(), arguments.modes.split()
        )
    except ValueError as error:
        print(f"tests.matrix: {error}", file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        columns = _run(chosen, arguments)
    except VmError as error:
        print(f"tests.matrix: {error}", file=sys.stderr)
        return 1
    text = report.document(chosen, columns)
    OUTPUT.joinpath("matrix.md").write_text(text + "\n")
    OUTPUT.joinpath("verified").write_text(report.verified(columns) + "\n")
    if arguments.docs:
        report.write_docs(DOCS, text)
    failed = report.failures(columns)
    parts = (report.verified(columns, SHOWN), text, failed, report.totals(columns))
    print("\n\n".join(part for part in parts if part))
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _run(chosen: Sequence[Cell], arguments: argparse.Namespace) -> list[Column]:
    """Run the cells, some at a time."""
    with cache.scratch() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        builds = dict.fromkeys(cell.build for cell in chosen)
        drives = {build: drives_of(build, folder) for build in builds}
        waiting = [
            pool.submit(run_cell, cell, drives[cell.build], arguments.tests, arguments.smp)
            for cell in chosen
        ]
        return [each.result() for each in waiting]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--sets", default="modes lockdown", help="modes lockdown arm64 clang")
    parser.add_argument("--kernels", default="", help="names, all if not given")
    parser.add_argument("--modes", default="", help="fentry kprobe tracepoint best")
    parser.add_argument("--tests", default="", help='arguments of pytest: "-k rename"')
    parser.add_argument("--docs", action="store_true", help="write the table into docs/kernels.md")
    parser.add_argument("--jobs", type=int, default=2, help="machines at a time")
    parser.add_argument("--smp", type=int, default=1, help="processors of a machine")
    return parser


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End at once; the machines die with their parent, and a later run removes their files."""
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
