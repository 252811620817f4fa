# SPDX-License-Identifier: Apache-2.0
"""What kflowd costs, against the stored figures: `python -m tests.cost`, or `make cost`."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tests.cost import figures, report
from tests.cost.figures import MODES, Figures
from tests.cost.machine import OUTPUT, drives, measure
from tests.vm import VmError
from tests.vm.image import PROJECT

STORED = Path(__file__).with_name("figures.json")
DOCS = PROJECT / "docs" / "cost.md"
BASE = "base"
Columns = dict[str, Figures]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, compare; return 1 if a figure has grown or is missing."""
    arguments = _parser().parse_args(argv)
    modes = arguments.modes.split() or list(MODES)
    if unknown := set(modes) - set(MODES):
        print(f"tests.cost: unknown attach mode {' '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    columns = stored()
    try:
        found = _run(arguments.tree.resolve(), modes)
    except VmError as error:
        print(f"tests.cost: {error}", file=sys.stderr)
        return 1
    OUTPUT.joinpath("found.json").write_text(_text(found))
    shown = {report.NOW: columns.get(report.NOW, {}), "found": found}
    print(report.table(shown, modes) + "\n")
    code = 0
    if arguments.update:
        name = report.NOW if arguments.update == "1" else arguments.update
        columns[name] = figures.updated(columns.get(name, {}), found, modes)
        STORED.write_text(_text(columns))
    else:
        code = _judge(columns.get(report.NOW, {}), found, modes)
    if arguments.docs:
        DOCS.write_text(report.page(DOCS.read_text(), columns, MODES))
    return code


def stored() -> Columns:
    """Return the figures of the repository: "before" and "now"."""
    columns: Columns = json.loads(STORED.read_text()) if STORED.exists() else {}
    return columns


def _run(tree: Path, modes: Sequence[str]) -> Figures:
    """Measure the workloads alone, then beside the agent, one machine at a time."""
    seen = drives(tree)
    base = measure(BASE, seen)
    found: Figures = {}
    for mode in modes:
        run = measure(mode, seen)
        found |= figures.of_mode(mode, base, run)
        for line in run["staged"]["warnings"]:
            print(f"tests.cost: {mode}: {line}", file=sys.stderr)
    return found


def _judge(wanted: Figures, found: Figures, modes: Sequence[str]) -> int:
    verdict = figures.compare(wanted, found, modes)
    for line in verdict.news:
        print(line)
    for line in verdict.failures:
        print(f"FAIL {line}")
    if verdict.failures:
        print(f"{len(verdict.failures)} figures; make cost UPDATE=1 stores what was found")
    return 1 if verdict.failures else 0


def _text(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cost", description=__doc__)
    parser.add_argument("--tree", type=Path, default=PROJECT, help="a built tree to measure")
    parser.add_argument("--modes", default="", help=f"some of {' '.join(MODES)}")
    parser.add_argument("--update", default="", help='store the figures: "1", or a column\'s name')
    parser.add_argument("--docs", action="store_true", help="write the tables of docs/cost.md")
    return parser


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End at once; a machine dies with its parent, and a later run removes its files."""
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
