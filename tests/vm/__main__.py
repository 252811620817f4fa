# SPDX-License-Identifier: Apache-2.0
"""The command line: `python -m tests.vm run|shell|build|list`."""

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tests.vm import boot, cache
from tests.vm.errors import VmError
from tests.vm.image import drive_image, project_drives, root_image
from tests.vm.kernels import AMD64, KERNELS, get
from tests.vm.machine import CRASH_CODE, run
from tests.vm.result import Result

_SHELL_SECONDS = 86400.0
_CONSOLE_LINES = 40


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: the guest command's, 1 for our own errors."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    actions = {"run": _run, "shell": _shell, "build": _build, "list": _list}
    try:
        return actions[arguments.action](arguments)
    except VmError as error:
        print(f"tests.vm: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    runs = actions.add_parser("run", help="run a command in a fresh machine")
    runs.add_argument("--timeout", type=float, default=300, help="seconds from power-on")
    runs.add_argument("--icount", action="store_true", help="virtual time counts instructions")
    runs.add_argument("--console", action="store_true", help="show the kernel's log at the end")
    runs.add_argument("--results", type=Path, help="where to put what is left in /results")
    shell = actions.add_parser("shell", help="a shell in a fresh machine, on this terminal")
    for each in (runs, shell):
        each.add_argument("kernel", help=f"one of {', '.join(KERNELS)}")
        each.add_argument("--append", default="", help="further kernel parameters")
        each.add_argument("--smp", type=int, default=2, help="number of processors")
        each.add_argument("--memory", default="1G", help="memory of the guest")
        each.add_argument("--venv", type=Path, help="virtual environment to take packages from")
    runs.add_argument("command", nargs="+", help="the command, after --")
    build = actions.add_parser("build", help="fill the cache")
    build.add_argument("kernels", nargs="*", metavar="kernel", help="all for this machine if none")
    build.add_argument("--refresh", action="store_true", help="look for newer kernel packages")
    actions.add_parser("list", help="list the kernels and what is in the cache")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    result = run(
        arguments.kernel,
        arguments.command,
        timeout=arguments.timeout,
        drives=project_drives(arguments.venv),
        append=arguments.append,
        smp=arguments.smp,
        memory=arguments.memory,
        icount=arguments.icount,
        echo=sys.stdout.buffer,
    )
    if arguments.results is not None:
        _write_results(arguments.results, result)
    if result.failure or arguments.console:
        lines = result.console.splitlines()
        shown = lines if arguments.console else lines[-_CONSOLE_LINES:]
        print("--- kernel log", *shown, "---", sep="\n", file=sys.stderr)
    if result.failure:
        print(f"tests.vm: {result.failure} after {result.seconds:.1f} s", file=sys.stderr)
    return result.exit_code


def _write_results(folder: Path, result: Result) -> None:
    """Write the files that the command left, below `folder` only."""
    for name, data in result.results.items():
        path = (folder / name).resolve()
        if path.is_relative_to(folder.resolve()):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _shell(arguments: argparse.Namespace) -> int:
    if not sys.stdin.isatty():
        raise VmError("starting a shell: standard input is no terminal (use run)")
    size = shutil.get_terminal_size()
    result = run(
        arguments.kernel,
        ["bash", "-i"],
        timeout=_SHELL_SECONDS,
        drives=project_drives(arguments.venv),
        append=arguments.append,
        smp=arguments.smp,
        memory=arguments.memory,
        environment={"TERM": os.environ.get("TERM", "xterm")},
        terminal=(size.lines, size.columns),
    )
    if result.exit_code == CRASH_CODE:
        print(result.console, file=sys.stderr)
    return result.exit_code


def _build(arguments: argparse.Namespace) -> int:
    names = arguments.kernels or [name for name, each in KERNELS.items() if each.arch == AMD64]
    for name in names:
        ready = boot.prepare(get(name), refresh=arguments.refresh)
        root_image(get(name).arch)
        print(f"{name}: {ready.release}", flush=True)
    for drive in project_drives():
        drive_image(drive)
    return 0


def _list(_arguments: argparse.Namespace) -> int:
    print(f"cache: {cache.directory()}")
    for name, kernel in KERNELS.items():
        found = cache.directory().glob(f"kernel-{name}-{'[0-9a-f]' * 16}/release")
        ready = ", ".join(sorted({path.read_text() for path in found})) or "not built"
        print(f"{name:12} {kernel.arch.name:6} {kernel.suite:18} {ready}")
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Leave by an exception, so that the machine is stopped and its files are removed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
