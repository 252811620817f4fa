# SPDX-License-Identifier: Apache-2.0
"""The main loop: drain, record, feed the pipeline, hand on; each second a sweep; the end.

It waits for nothing but the ring: consumers take records at once, whatever is behind them.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Protocol, Self

from kflowd.delivery import Consumer
from kflowd.laps import Lap, no_lap
from kflowd.serialize import Record

# Long enough to sleep, short enough that records of a quiet host come at once for a reader.
DRAIN_MS = 200
# The unit of the sweeps: aggregates are idle for whole seconds.
SWEEP_NS = 1_000_000_000
# Batches at the end: more than backlog and ring hold, and a bound in case that more comes in than
# goes out.
MAX_DRAINS = 1000
# How long the end waits for what records wait for, of the five seconds that it has, and how often
# it looks.
LAST_NEWS_NS = 1_000_000_000
NEWS_PAUSE_S = 0.01
# One Ctrl-C can arrive twice, from the terminal and from a parent; an impatient one takes longer.
IMPATIENT_NS = 500_000_000
# Signals that ask for the end: all that would end the program by default, may be caught and tell of
# no fault. A closed terminal sends SIGHUP, a used up RLIMIT_CPU SIGXCPU, a power supply SIGPWR.
ENDS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
    signal.SIGPWR,
)
# Who starts a program with these ignored means it: nohup. A shell ignores SIGINT for `kflowd &`,
# too, but there a script that sends it wants the end.
ALWAYS = {signal.SIGINT, signal.SIGTERM}
# Those that ask to begin files and connections anew, if there are any. SIGHUP does so where it
# cannot mean that a terminal was closed.
REOPENS = {signal.SIGUSR1, signal.SIGHUP}
TERMINAL = "/dev/tty"


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
    """What makes records of batches; kflowd.pipeline.Pipeline is one."""

    def feed(self, batch: bytes, /) -> list[Record]:
        """Return the records that a batch completes."""

    def close(self) -> list[Record]:
        """Return the rest."""


class Writer(Protocol):
    """Takes batches as they are; kflowd.recording.Recorder is one."""

    def write(self, batch: bytes, /) -> None:
        """Append a batch."""


class Stop(Protocol):
    """Says when a run is to end; Signals is one."""

    @property
    def stop(self) -> bool:
        """Whether it is now."""


class Reloads(Protocol):
    """Reads settings again; kflowd.reload.Reload is one."""

    @property
    def wanted(self) -> bool:
        """Whether there are any to read."""

    def ask(self) -> None:
        """Ask for it; returns at once."""


class Signals:
    """Signals as a wish to stop. A context manager; restores what was before.

    The first asks; another one half a second later or more ends the program at once, also while the
    main thread is in the kernel or in C: a thread of its own waits for them.

    Attributes:
        asked_ns: When the first came (time.monotonic_ns), None before.
        number: Of the first, 0 before.
        last_words: Called with the signal that ends the program at once, in the thread.
        reopen: Called by signals that ask for that; None: they ask for the end.

    Args:
        reload: Asked by SIGHUP where it cannot mean that a terminal was closed; None: nobody.
    """

    def __init__(self, reload: Reloads | None = None) -> None:
        self._reload = reload
        self.asked_ns: int | None = None
        self.number = 0
        self.last_words: Callable[[signal.Signals], None] | None = None
        self.reopen: Callable[[], None] | None = None
        self._of_terminal = has_terminal()
        self._before = {}  # type: ignore[var-annotated] # handlers of the signal module
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._reader = self._writer = -1
        self._writer_before = -1

    @property
    def stop(self) -> bool:
        """Whether the run is to end."""
        return self.asked_ns is not None

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._thread.start()
        self._writer_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in ENDS:
            if number in ALWAYS or signal.getsignal(number) is not signal.SIG_IGN:
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
        signal.set_wakeup_fd(self._writer_before)
        os.write(self._writer, b"\0")
        self._thread.join()
        os.close(self._reader)
        os.close(self._writer)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._is_no_end(number):
            if self.reopen is not None:
                self.reopen()
            if self._reload is not None and number == signal.SIGHUP:
                self._reload.ask()
            return
        # here and not in the thread alone: what the signal interrupts is to see it
        if self.asked_ns is None:
            self.number = number
            self.asked_ns = time.monotonic_ns()

    def _watch(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        first_ns: int | None = None
        while True:
            for number in os.read(self._reader, 64):
                now_ns = time.monotonic_ns()
                if not number:
                    return
                # the pipe tells of all signals that Python handles, also of those of others
                if number not in ENDS or self._is_no_end(number):
                    continue
                if first_ns is None:
                    first_ns = now_ns
                elif now_ns - first_ns >= IMPATIENT_NS:
                    self._end(signal.Signals(number))

    def _is_no_end(self, number: int) -> bool:
        """Say whether a signal asks to begin files and connections anew, or for new settings."""
        if number not in REOPENS or (number == signal.SIGHUP and self._of_terminal):
            return False
        if self.reopen is not None:
            return True
        return number == signal.SIGHUP and self._reload is not None and self._reload.wanted

    def _end(self, number: signal.Signals) -> None:
        try:
            if self.last_words is not None:
                self.last_words(number)
        finally:
            os._exit(128 + number)


def has_terminal() -> bool:
    """Say whether the process has a terminal whose end would be told to it by SIGHUP."""
    try:
        os.close(os.open(TERMINAL, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Runner:
    """One run from the first batch to the last.

    Args:
        reader: Source of batches.
        feeder: Makes records of them.
        consumers: Take the records, each all of them.
        recorder: Gets each batch, None: nobody.
        signals: Says when to stop.
        news: Returns records of user space for the stream ahead of a batch, b"" mostly.
        redact: Each batch passes through it, ahead of recorder and feeder.
        waiting: Returns how many records wait for news.
        lap: Called when a batch is there; see kflowd.laps.
        each_second: Called with each sweep.

    Attributes:
        failure: What ended the run before its time, or kept its end from being whole.
    """

    def __init__(
        self,
        reader: Reader,
        feeder: Feeder,
        consumers: Sequence[Consumer],
        recorder: Writer | None,
        signals: Stop,
        *,
        news: Callable[[bytes], bytes] = lambda _batch: b"",
        redact: Callable[[bytes], bytes] = bytes,
        waiting: Callable[[], int] = int,
        lap: Lap = no_lap,
        each_second: Callable[[], None] = lambda: None,
    ) -> None:
        self.failure: Exception | None = None
        self._reader = reader
        self._feeder = feeder
        self._consumers = consumers
        self._recorder = recorder
        self._signals = signals
        self._news = news
        self._redact = redact
        self._waiting = waiting
        self._lap = lap
        self._each_second = each_second

    def run(self, duration_ns: int | None = None) -> float:
        """Run until it is time to stop; return the seconds that took."""
        start_ns = time.monotonic_ns()
        self._attempt(lambda: self._loop(start_ns, duration_ns))
        return (time.monotonic_ns() - start_ns) / 1e9

    def finish(self) -> None:
        """Detach and pass on all that is left in the kernel and in the stages.

        A step that fails does not keep the others from being made.
        """
        for step in (
            self._reader.stop,
            self._empty_ring,
            lambda: self._take(self._news(b"")),
            # counters behind the sweep, because it books what it takes as reported
            lambda: self._take(self._reader.final_sweep()),
            lambda: self._take(self._reader.counters()),
            self._await_news,
            lambda: self._put(self._feeder.close()),
        ):
            self._attempt(step)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - raised by who owns the run, when all is out
            self.failure = self.failure or error

    def _loop(self, start_ns: int, duration_ns: int | None) -> None:
        end_ns = None if duration_ns is None else start_ns + duration_ns
        next_sweep_ns = start_ns + SWEEP_NS
        while not self._signals.stop and not self._is_done():
            now_ns = time.monotonic_ns()
            if end_ns is not None and now_ns >= end_ns:
                break
            if now_ns >= next_sweep_ns:
                next_sweep_ns = now_ns + SWEEP_NS
                self._take(self._read(self._reader.counters))
                # it comes behind what is older: paths and processes that swept aggregates refer to
                self._take(self._read(self._sweep))
                self._each_second()
            left_ns = next_sweep_ns if end_ns is None else min(next_sweep_ns, end_ns)
            wait_ms = (left_ns - time.monotonic_ns()) // 1_000_000 + 1
            batch = self._reader.drain(max(0, min(DRAIN_MS, wait_ms)))
            self._lap("drain")
            self._take_drained(batch)

    def _read(self, reading: Callable[[], bytes]) -> bytes:
        batch = reading()
        self._lap("drain")
        return batch

    def _sweep(self) -> bytes:
        return self._reader.sweep(time.clock_gettime_ns(time.CLOCK_BOOTTIME))

    def _empty_ring(self) -> None:
        for _ in range(MAX_DRAINS):
            batch = self._reader.drain(0)
            if not batch:
                break
            self._take_drained(batch)

    def _take_drained(self, batch: bytes) -> None:
        self._take(self._news(batch))
        self._take(batch)

    def _take(self, batch: bytes) -> None:
        if batch:
            batch = self._redact(batch)
            if self._recorder is not None:
                self._recorder.write(batch)
            self._put(self._feeder.feed(batch))

    def _await_news(self) -> None:
        """Give what records wait for some time; what is not there then they go without."""
        end_ns = time.monotonic_ns() + LAST_NEWS_NS
        while self._waiting() and time.monotonic_ns() < end_ns:
            self._take(self._news(b""))
            time.sleep(NEWS_PAUSE_S)

    def _put(self, records: Sequence[Record]) -> None:
        if records:
            for consumer in self._consumers:
                consumer.put(records)

    def _is_done(self) -> bool:
        return any(consumer.done for consumer in self._consumers)
