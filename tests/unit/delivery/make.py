# SPDX-License-Identifier: Apache-2.0
"""Records, a sink that does what a test says, and waiting for a thread."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from kflowd.delivery import Output
from kflowd.delivery.sinks.base import SinkGoneError
from kflowd.model import Counters, EnrichedProcess
from kflowd.serialize import Builder, Record, UserCounters
from kflowd.serialize.blocks.info import Host, Stamp, Uptime
from kflowd.settings import QueueSettings
from tests.unit.make import COUNTERS, actor, lived

SECONDS = 10.0


def records(number: int, first: int = 1) -> list[Record]:
    """Return records whose text is their number, as `text_of` makes it."""
    return [numbered(str(n)) for n in range(first, first + number)]


def numbered(name: str) -> Record:
    """Return a record of no kind that can be told from others."""
    host = Host(InfoHostName=name, InfoHostIP="", InfoSystem="", InfoKernel="", InfoVersion="")
    stamp = Stamp(InfoSequenceNumber=1, InfoTimestamp=1, InfoMonitor="")
    return Record(stamp=stamp, host=host, uptime=Uptime(InfoUptime=1), moment=None)


def text_of(record: Record) -> bytes:
    """Return the text of a record of `records`, `h` for one of health."""
    return (record.host.InfoHostName or "h").encode()


def health() -> Record:
    """Return a health record."""
    return Builder().health(Counters(1, (0,) * COUNTERS, 0), UserCounters())


def process_record() -> Record:
    """Return a record of a process."""
    return Builder().record(EnrichedProcess(actor(), lived()))


def until(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.001)


def narrow(
    size: int, name: str, sink: "Sink", form: str = "json", *, lossless: bool = False
) -> Output:
    """Return an output whose queue has room for so many bytes."""
    return Output(name, sink, form, lossless=lossless, queue=QueueSettings(bytes=size))


class Sink:
    """A sink that takes, stalls, refuses, goes away or hangs, as it is told.

    Attributes:
        room: How many texts it takes before it stalls.
        error: What it raises instead of taking.
        hang: Called in each write.
    """

    REOPENS: ClassVar[bool] = True

    def __init__(self, room: int = 1 << 30) -> None:
        self.texts: list[bytes] = []
        self.room = room
        self.error: Exception | None = None
        self.hang: Callable[[], object] = bool
        self.writes = 0
        self.closed = False
        self._reader, self._writer = os.pipe()

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        self.writes += 1
        self.hang()
        if self.error is not None:
            raise self.error
        taken = min(self.room, len(texts))
        self.room -= taken
        self.texts += texts[:taken]
        return (taken, 0) if taken else (0, offset)

    def stall(self) -> None:
        """Take nothing until `go_on`."""
        self.room = 0
        os.set_blocking(self._writer, False)
        os.write(self._writer, bytes(1 << 16))

    def go_on(self) -> None:
        """Take all that comes."""
        self.room = 1 << 30
        os.read(self._reader, 1 << 16)

    def go_away(self) -> None:
        self.error = SinkGoneError()

    def fileno(self) -> int:
        return self._writer

    def close(self) -> None:
        self.closed = True
        os.close(self._reader)
        os.close(self._writer)


class Standing(Sink):
    """One that does not begin anew."""

    REOPENS: ClassVar[bool] = False


class Anew(Sink):
    """One that is closed and written to again.

    Attributes:
        closes: How often it was closed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.closes = 0

    def close(self) -> None:
        """Stay as it is."""
        self.closes += 1
