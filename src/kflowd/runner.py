# SPDX-License-Identifier: Apache-2.0
"""The main loop: drain, record, pass through the pipeline, write; each second a sweep; the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Protocol, Self

# Long enough to sleep, short enough that records of a quiet host come at once for a reader.
DRAIN_MS = 200
# The unit of the sweeps: aggregates are idle for whole seconds.
SWEEP_NS = 1_000_000_000
# Batches before a sweep and at the end: many times a full ring, and a bound in case that more
# comes in than goes out.
MAX_DRAINS = 100
# One Ctrl-C can arrive twice, from the terminal and from a parent; an impatient one takes longer.
IMPATIENT_NS = 500_000_000


class Reader(Protocol):
    """Where records come from; kflowd.bpf.source.Source is one."""

    def drain(self, timeout_ms: int, /) -> bytes:
        """Return a batch, b"" after the timeout or on a signal."""

    def sweep(self, now_ns: int, /) -> bytes:
        """Return what is due in the maps."""

    def stop(self) -> None:
        """Detach; what is in ring and maps stays."""

    def final_sweep(self) -> bytes:
        """Return all that is left in the maps."""

    def counters(self) -> bytes:
        """Return a record of the kernel's counters."""


class Feeder(Protocol):
    """What makes texts of batches; kflowd.pipeline.Pipeline is one."""

    def feed(self, batch: bytes, /) -> list[bytes]:
        """Return the texts that a batch completes."""

    def close(self) -> list[bytes]:
        """Return the rest."""


class Writer(Protocol):
    """Takes batches as they are; kflowd.recording.Recorder is one."""

    def write(self, batch: bytes, /) -> None:
        """Append a batch."""


class Destination(Protocol):
    """Takes texts; each kflowd sink is one."""

    def write(self, texts: Iterable[bytes], /) -> bool:
        """Write texts; False if nobody takes them any more."""


class Signals:
    """SIGINT and SIGTERM as a wish to stop. A context manager; restores what was before.

    The first asks; another one half a second later or more ends the program at once.
    """

    def __init__(self) -> None:
        self.stop = False
        self._first_ns = 0
        self._before = {}  # type: ignore[var-annotated] # handlers of the signal module

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        now_ns = time.monotonic_ns()
        if self.stop and now_ns - self._first_ns >= IMPATIENT_NS:
            os._exit(128 + number)
        if not self.stop:
            self.stop, self._first_ns = True, now_ns


class Output:
    """Passes texts on to a sink, as many as were asked for.

    Args:
        sink: Where to.
        quiet: Count them only.
        count: How many; None: all.

    Attributes:
        written: Texts passed on.
        gone: The reader went away.
    """

    def __init__(self, sink: Destination, *, quiet: bool = False, count: int | None = None) -> None:
        self.written = 0
        self.gone = False
        self._sink = sink
        self._quiet = quiet
        self._count = count

    @property
    def done(self) -> bool:
        """Whether no more texts are wanted."""
        return self.gone or (self._count is not None and self.written >= self._count)

    def put(self, texts: list[bytes]) -> None:
        """Pass texts on.

        Raises:
            SinkError: If the sink cannot take them although it is there.
        """
        if self._count is not None:
            texts = texts[: self._count - self.written]
        if texts and not self.gone:
            self.gone = not self._quiet and not self._sink.write(texts)
            self.written += len(texts)


class Runner:
    """One run from the first batch to the last.

    Args:
        reader: Source of batches.
        feeder: Makes texts of them.
        output: Takes the texts.
        recorder: Gets each batch as it came, None: nobody.
        signals: Says when to stop.
    """

    def __init__(
        self,
        reader: Reader,
        feeder: Feeder,
        output: Output,
        recorder: Writer | None,
        signals: Signals,
    ) -> None:
        self._reader = reader
        self._feeder = feeder
        self._output = output
        self._recorder = recorder
        self._signals = signals

    def run(self, duration_ns: int | None = None) -> float:
        """Run until it is time to stop; return the seconds that took."""
        start_ns = time.monotonic_ns()
        end_ns = None if duration_ns is None else start_ns + duration_ns
        next_sweep_ns = start_ns + SWEEP_NS
        while not self._signals.stop and not self._output.done:
            now_ns = time.monotonic_ns()
            if end_ns is not None and now_ns >= end_ns:
                break
            if now_ns >= next_sweep_ns:
                next_sweep_ns = now_ns + SWEEP_NS
                self._take(self._reader.counters())
                # first what is older: paths and processes that swept aggregates refer to
                self._empty_ring()
                self._take(self._reader.sweep(time.clock_gettime_ns(time.CLOCK_BOOTTIME)))
            left_ns = next_sweep_ns if end_ns is None else min(next_sweep_ns, end_ns)
            wait_ms = (left_ns - time.monotonic_ns()) // 1_000_000 + 1
            self._take(self._reader.drain(max(0, min(DRAIN_MS, wait_ms))))
        return (time.monotonic_ns() - start_ns) / 1e9

    def finish(self) -> None:
        """Detach and pass on all that is left in the kernel and in the stages."""
        self._reader.stop()
        self._empty_ring()
        # counters behind the sweep, because it books what it takes as reported
        self._take(self._reader.final_sweep())
        self._take(self._reader.counters())
        self._output.put(self._feeder.close())

    def _empty_ring(self) -> None:
        for _ in range(MAX_DRAINS):
            batch = self._reader.drain(0)
            if not batch:
                break
            self._take(batch)

    def _take(self, batch: bytes) -> None:
        if batch:
            if self._recorder is not None:
                self._recorder.write(batch)
            self._output.put(self._feeder.feed(batch))
