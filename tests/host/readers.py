# SPDX-License-Identifier: Apache-2.0
"""Readers of the agent's standard output that stand still, are slow, or go away."""

import fcntl
import os
import re
import sys
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

from tests.host.agent import SEPARATOR, Record, parse

# One signal is enough, whatever a reader does.
END_SECONDS = 5.0
_SUMMARY = re.compile(r"^  stdout: (\d+) written, (\d+) lost \((.*)\)$", re.MULTILINE)
_GIVEN = re.compile(r"^kflowd: (\d+) records? (?:in|replayed)", re.MULTILINE)
_SCRIPT = """\
import sys
from kflowd import cli
from kflowd.delivery import output
size, queue = int(sys.argv.pop(1)), output.Queue
output.Queue = lambda _size, *rest: queue(size, *rest)
cli.entry()
"""


def with_queue(size: int) -> list[str]:
    """Return the command of the real agent with another bound of its queue, in bytes."""
    return [sys.executable, "-c", _SCRIPT, str(size)]


class Told(NamedTuple):
    """What the summary on stderr says of records.

    Attributes:
        given: Records that the run made.
        written, lost: Of them, by stdout; nothing lost is no line, and written then is `given`.
        reasons: Lost by reason.
    """

    given: int
    written: int
    lost: int
    reasons: dict[str, int]


def told(stderr: str) -> Told:
    """Read the summary."""
    given = _GIVEN.search(stderr)
    assert given, stderr
    found = _SUMMARY.search(stderr)
    if not found:
        return Told(int(given[1]), int(given[1]), 0, {})
    pairs = (each.partition(" ") for each in found[3].split(", "))
    reasons = {reason: int(number) for number, _, reason in pairs}
    return Told(int(given[1]), int(found[1]), int(found[2]), reasons)


def whole_records(stdout: bytes) -> list[Record]:
    """Return the records of an output that may end within one."""
    end = stdout.rfind(SEPARATOR) + len(SEPARATOR)
    return parse(stdout[:end]) if end >= len(SEPARATOR) else []


class Pipe:
    """A pipe whose reader stands still until it is told to read. A context manager.

    Args:
        size: Of the pipe in bytes; 0: as it is made.
        blocking: Whether its writing end waits.

    Attributes:
        writer: What the agent gets as standard output.
    """

    def __init__(self, size: int = 0, *, blocking: bool = True) -> None:
        self._reader, self.writer = os.pipe()
        if size:
            fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, size)
        os.set_blocking(self.writer, blocking)
        self._found = bytearray()
        self._thread: threading.Thread | None = None
        self._pause = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish()

    def read(self, pause: float = 0.0) -> None:
        """Begin to read, with a pause of so many seconds after each piece."""
        self._pause = pause
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def hurry(self) -> None:
        """Pause no more."""
        self._pause = 0.0

    def finish(self) -> bytes:
        """Close our writing end, and return all that came out by its end."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1
            if self._thread is None:
                self.read()
            assert self._thread is not None
            self._thread.join()
            os.close(self._reader)
        return bytes(self._found)

    def records(self) -> list[Record]:
        """Return the whole records that came out."""
        return whole_records(self.finish())

    def __len__(self) -> int:
        return len(self._found)

    def _read(self) -> None:
        while found := os.read(self._reader, 1 << 20):
            self._found += found
            time.sleep(self._pause)
