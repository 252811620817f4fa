# SPDX-License-Identifier: Apache-2.0
"""Real programs that kflowd sends to or answers to, each with files and ports of the test alone.

`make build/test-deps.stamp` unpacks them below build/peers; one that is installed will do as well.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import pytest

from kflowd.closeable import Closeable
from tests.host.agent import ROOT

TREE = ROOT / "build" / "peers" / "root"
SECONDS = 60.0
_FOLDERS = [str(TREE / "usr" / name) for name in ("bin", "sbin")]
_LIBRARIES = [str(it) for it in TREE.glob("usr/lib/*-linux-gnu")]
# modules of rsyslog
MODULES = [f"{it}/rsyslog" for it in _LIBRARIES]
PYTHON = "/usr/bin/python3"  # packages of Debian are for its own
ENVIRONMENT = {
    **os.environ,
    "LD_LIBRARY_PATH": ":".join(_LIBRARIES),
    "PYTHONPATH": str(TREE / "usr/lib/python3/dist-packages"),
}


def program(name: str) -> str:
    """Return the path of a program; skip where it is not there."""
    places = os.pathsep.join((*_FOLDERS, os.environ["PATH"], "/usr/sbin", "/sbin"))
    found = shutil.which(name, path=places)
    if found is None:
        pytest.skip(f"needs {name}: make build/test-deps.stamp")
    return found


def output(*command: str, stdin: str = "") -> str:
    """Return what a program prints; its exit code has to be 0."""
    done = subprocess.run(
        [program(command[0]), *command[1:]],
        input=stdin,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(condition: Callable[[], bool], about: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, about
        time.sleep(0.1)


class Peer(Closeable):
    """A program in the foreground that listens. A context manager that ends it.

    Args:
        command: The path of the program, and arguments.
        log: What it says goes there.
        port: It listens there, on 127.0.0.1, when the block begins.
    """

    def __init__(self, command: Sequence[str], log: Path, port: int) -> None:
        self._command = command
        self._log = log
        self._port = port
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT
            )
        try:
            until(self._listens, "it does not listen")
        except BaseException as error:
            self.close()
            error.add_note(self._log.read_text(errors="replace"))
            raise
        return self

    def _listens(self) -> bool:
        assert self._process.poll() is None, "it has ended"
        with socket.socket() as channel:
            return channel.connect_ex(("127.0.0.1", self._port)) == 0

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
