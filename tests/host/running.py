# SPDX-License-Identifier: Apache-2.0
"""Workloads beside the test: programs that tell what they do and end when they are told."""

import json
import resource
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kflowd.bpf.kernel.cgroup import MOUNTS, find_mount
from tests.host import floods
from tests.host.agent import AS_NOBODY

# that a workload may open: nobody cannot raise a limit that a machine sets low
DESCRIPTORS = 20_000


class Running:
    """A workload that runs until it is told to end."""

    def __init__(
        self,
        *arguments: str,
        prefix: Iterable[str] = AS_NOBODY,
        program: str = floods.__file__,
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if 0 <= hard < DESCRIPTORS:  # below 0 there is no limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, DESCRIPTORS))
        command = [*prefix, sys.executable, "-I", "-S", program, *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def said(self) -> dict[str, Any]:
        """Return what it tells next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the workload failed"
        return dict(json.loads(line))

    def go_on(self) -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Let it end, and wait."""
        self._process.communicate(timeout=120)
        assert self._process.returncode == 0


@contextmanager
def running(
    *arguments: str, prefix: Iterable[str] = AS_NOBODY, program: str = floods.__file__
) -> Iterator[Running]:
    """A workload; it is told to end when the block does."""
    it = Running(*arguments, prefix=prefix, program=program)
    try:
        yield it
    finally:
        it.end()


@contextmanager
def own_cgroup() -> Iterator[tuple[str, ...]]:
    """What starts a command as nobody, in a cgroup where nothing else is."""
    root = find_mount(MOUNTS.read_text())
    assert root, "cgroup2 is mounted nowhere"
    path = Path(root) / f"kflowd-test-{secrets.token_hex(4)}"
    path.mkdir()
    try:
        yield ("sh", "-c", 'echo $$ > "$0" && exec "$@"', f"{path}/cgroup.procs", *AS_NOBODY)
    finally:
        path.rmdir()
