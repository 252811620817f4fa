# SPDX-License-Identifier: Apache-2.0
"""Boot a machine, run one command in it, and bring back its exit code and output."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tests.vm import boot, cache, qemu
from tests.vm.errors import VmError
from tests.vm.host import reason
from tests.vm.image import Drive, project_drives
from tests.vm.kernels import get
from tests.vm.result import Result, Status, parse_status, unpack_results

TIMEOUT_CODE = 124
CRASH_CODE = 125
_CRASHED = "QEMU ended"
_PANIC = "panic"
# QEMU 7.2's multi-threaded emulation fails with a segmentation fault about once in a hundred boots,
# and an emulated kernel may panic before anything of the project runs in it.
_ATTEMPTS = 3
_POLL_SECONDS = 0.03


def run(
    kernel: str,
    command: Sequence[str],
    *,
    timeout: float = 300,
    drives: Sequence[Drive] | None = None,
    append: str = "",
    smp: int = 2,
    memory: str = "1G",
    icount: bool = False,
    environment: Mapping[str, str] | None = None,
    echo: BinaryIO | None = None,
    terminal: tuple[int, int] | None = None,
) -> Result:
    """Run `command` as root in a fresh machine, in /project if that is mounted.

    Args:
        kernel: a name of `kernels.KERNELS`.
        command: program and arguments.
        timeout: seconds on the host's clock, from power-on.
        drives: what the guest sees of the host; the project and its packages if not given.
        append: further kernel parameters, such as "lockdown=integrity".
        smp: number of processors.
        memory: size of the guest's memory.
        icount: virtual time counts instructions (one processor), however busy the host is.
        environment: variables of the command.
        echo: where output goes as it comes, besides the result.
        terminal: rows and columns: run the command on the host's terminal.

    Raises:
        VmError: the machine could not be prepared or started.
    """
    setup = qemu.Setup(
        kernel=get(kernel),
        command=tuple(command),
        drives=tuple(project_drives() if drives is None else drives),
        append=append,
        smp=smp,
        memory=memory,
        icount=icount,
        environment=dict(environment or {}),
        terminal=terminal,
    )
    ready = boot.prepare(setup.kernel)
    with cache.scratch() as folder:
        qemu.write_initramfs(folder, ready, setup)
        argv = qemu.command_line(folder, ready, setup)
        return _boot_once(argv, folder, timeout, echo, interactive=terminal is not None)


def _boot_once(
    argv: Sequence[str], folder: Path, timeout: float, echo: BinaryIO | None, *, interactive: bool
) -> Result:
    """Run QEMU and collect what the guest wrote; try again if it died before the command."""
    for attempt in range(1, _ATTEMPTS + 1):
        began = time.monotonic()
        failure = _watch(argv, folder, began + timeout, echo, interactive=interactive)
        result = _result(folder, failure, time.monotonic() - began, attempt)
        if not failure.startswith((_CRASHED, _PANIC)) or result.boot_seconds:
            break
    return result


def _watch(
    argv: Sequence[str], folder: Path, deadline: float, echo: BinaryIO | None, *, interactive: bool
) -> str:
    """Run QEMU until the guest has reported or the time is up; return what failed, if anything."""
    output = (folder / "output").open("a+b")
    with output, _qemu_process(argv, folder, interactive=interactive) as process:
        while True:
            ended = process.poll() is not None
            status = _status(folder)
            if echo is not None:
                echo.write(output.read())
                echo.flush()
            if status.exit_code is not None:
                return ""
            if ended:
                break
            if time.monotonic() > deadline:
                return "timeout"
            time.sleep(_POLL_SECONDS)
    console = _text(folder / "console")
    if process.returncode < 0:
        return f"{_CRASHED} by signal {-process.returncode}"
    if process.returncode > 0 and not console:
        raise VmError(f"running QEMU: {reason(_text(folder / 'stderr'), process.returncode)}")
    return _PANIC if "Kernel panic" in console else "stopped"


@contextmanager
def _qemu_process(
    argv: Sequence[str], folder: Path, *, interactive: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """Start QEMU, and make sure that it has ended when the block is left."""
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            argv,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=None if interactive else errors,
            stderr=errors,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _result(folder: Path, failure: str, seconds: float, attempt: int) -> Result:
    """Collect what the guest wrote."""
    status = _status(folder)
    code = status.exit_code
    if code is None:
        code = TIMEOUT_CODE if failure == "timeout" else CRASH_CODE
    started = status.started or 0.0
    return Result(
        exit_code=code,
        output=_text(folder / "output"),
        seconds=seconds,
        failure=failure,
        console=_text(folder / "console"),
        boot_seconds=started,
        command_seconds=(status.ended or started) - started,
        results=unpack_results((folder / "results").read_bytes()),
        attempts=attempt,
    )


def _status(folder: Path) -> Status:
    return parse_status(_text(folder / "status"))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return ""
