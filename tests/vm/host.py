# SPDX-License-Identifier: Apache-2.0
"""Programs of the host: find them, run them, and say in one line what went wrong."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.vm.errors import VmError

_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def need(program: str, package: str) -> str:
    """Return the full path of `program`.

    Raises:
        VmError: it is not installed; the message names its Debian package.
    """
    path = shutil.which(program) or shutil.which(program, path=_SYSTEM_PATH)
    if path is None:
        raise VmError(f"finding {program}: not installed (Debian package {package})")
    return path


def call(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a program to its end and return its standard output.

    Raises:
        VmError: it failed; the message holds its last word on standard error.
    """
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise VmError(f"running {Path(argv[0]).name}: {reason(done.stderr, done.returncode)}")
    return done.stdout


def reason(stderr: str, code: int) -> str:
    """Return the line of an error output that tells most: the first error, else the last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E: ", "Err:"))]
    return next(iter(errors or lines[-1:]), f"exit code {code}")
