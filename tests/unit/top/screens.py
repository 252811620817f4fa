# SPDX-License-Identifier: Apache-2.0
"""`kflowd top` in a real terminal, and what stands on its screen."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pyte

from kflowd.closeable import Closeable

COMMAND = (sys.executable, "-P", "-m", "kflowd", "top")
SECONDS = 20.0


class Screen(Closeable):
    """The command in a terminal of its own, which is its controlling one.

    Args:
        arguments: Of the command.
        place: Its working directory.
        size: Columns and lines.
    """

    def __init__(self, *arguments: str, place: Path, size: tuple[int, int] = (80, 24)) -> None:
        self._master, slave = pty.openpty()
        self.slave = slave
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.sent = b""
        self.resize(*size)
        self.before = attributes(slave)
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "7", "LINES": "7"}
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *COMMAND, *arguments],
            stdin=slave, stdout=slave, stderr=slave, cwd=place, env=environment,
        )  # fmt: skip

    def lines(self) -> list[str]:
        """Return the lines of the screen as they are."""
        return [line.rstrip() for line in self._screen.display]

    def until(self, found: Callable[[list[str]], object]) -> list[str]:
        """Read until something is on the screen, and return its lines."""
        end = time.monotonic() + SECONDS
        while not found(self.lines()):
            assert time.monotonic() < end, "\n".join(self.lines())
            self._read(0.05)
        return self.lines()

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """Give it another size, as a window that is dragged."""
        self._screen.resize(height, width)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        end = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < end, "\n".join(self.lines())
            self._read(0.05)
        self._read(0.05)
        return self.process.returncode

    def hang_up(self) -> None:
        """Close the terminal."""
        os.close(self.slave)
        os.close(self._master)
        self._master = self.slave = -1

    def close(self) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self._master >= 0:
            self.hang_up()

    def __enter__(self) -> Self:
        return self

    def _read(self, wait_s: float) -> None:
        while select.select([self._master], [], [], wait_s)[0]:
            data = os.read(self._master, 65536)
            self.sent += data
            self._stream.feed(data)
            wait_s = 0


def attributes(number: int) -> list[object]:
    """Return how a terminal is set."""
    return list(termios.tcgetattr(number))
