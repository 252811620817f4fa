# SPDX-License-Identifier: Apache-2.0
import os
import signal
import time
from collections.abc import Iterable

import pytest

from kflowd import runner
from kflowd.runner import Output, Runner, Signals


class Kernel:
    """Plays the source: a list of batches, then nothing."""

    def __init__(self, *batches: bytes) -> None:
        self.batches = list(batches)
        self.calls: list[str] = []
        self.signals: Signals | None = None

    def drain(self, timeout_ms: int) -> bytes:
        self.calls.append("drain")
        if self.batches:
            return self.batches.pop(0)
        if self.signals is not None:
            self.signals.stop = True
        time.sleep(min(timeout_ms, 10) / 1000)
        return b""

    def sweep(self, now_ns: int) -> bytes:
        assert now_ns > 0
        self.calls.append("sweep")
        return b"swept"

    def stop(self) -> None:
        self.calls.append("stop")

    def final_sweep(self) -> bytes:
        self.calls.append("final_sweep")
        return b"rest"

    def counters(self) -> bytes:
        self.calls.append("counters")
        return b"counters"


class Echo:
    """Plays the pipeline: each batch is a text."""

    def feed(self, batch: bytes) -> list[bytes]:
        return [batch]

    def close(self) -> list[bytes]:
        return [b"end"]


class Sink:
    """Keeps texts; goes away after some."""

    def __init__(self, most: int = 1000) -> None:
        self.texts: list[bytes] = []
        self.most = most

    def write(self, texts: Iterable[bytes]) -> bool:
        self.texts += texts
        return len(self.texts) < self.most


class Tape:
    """Keeps batches."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []

    def write(self, batch: bytes) -> None:
        self.batches.append(batch)


def test_everything_passes_in_order() -> None:
    """Batches, then what is left in ring, maps and stages; the tape gets all but the stages'."""
    kernel, sink, tape, signals = Kernel(b"1", b"2"), Sink(), Tape(), Signals()
    kernel.signals = signals
    run = Runner(kernel, Echo(), Output(sink), tape, signals)

    run.run()
    kernel.batches = [b"3"]
    run.finish()

    assert sink.texts == [b"1", b"2", b"3", b"rest", b"counters", b"end"]
    assert tape.batches == sink.texts[:-1]
    assert kernel.calls[-5:] == ["stop", "drain", "drain", "final_sweep", "counters"]


def test_duration_and_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends after its time and sweeps at its pace."""
    monkeypatch.setattr(runner, "SWEEP_NS", 20_000_000)
    kernel, sink = Kernel(), Sink()

    seconds = Runner(kernel, Echo(), Output(sink), None, Signals()).run(200_000_000)

    assert 0.2 <= seconds < 5
    assert 2 <= kernel.calls.count("sweep") <= 10
    assert kernel.calls.count("counters") == kernel.calls.count("sweep")


def test_count_is_exact() -> None:
    """Just so many texts are written, also when a batch or the end has more."""
    kernel, sink = Kernel(b"1", b"2", b"3"), Sink()
    output = Output(sink, count=2)
    run = Runner(kernel, Echo(), output, None, Signals())

    run.run()
    run.finish()

    assert sink.texts == [b"1", b"2"]
    assert output.written == 2
    assert not output.gone


def test_reader_that_went_away() -> None:
    """A sink that takes no more ends the run; nothing is written after that."""
    sink = Sink(most=1)
    output = Output(sink)
    run = Runner(Kernel(b"1", b"2"), Echo(), output, None, Signals())

    run.run()
    run.finish()

    assert output.gone
    assert sink.texts == [b"1"]


def test_quiet_counts_only() -> None:
    """Quiet output writes nothing and counts."""
    sink = Sink()
    output = Output(sink, quiet=True)
    output.put([b"1", b"2"])

    assert sink.texts == []
    assert output.written == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_ask_to_stop(number: signal.Signals) -> None:
    """The first signal asks, one right behind it is the same; afterwards all is as before."""
    before = signal.getsignal(number)
    with Signals() as signals:
        states = [signals.stop]
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        states.append(signals.stop)
    assert states == [False, True]
    assert signal.getsignal(number) is before


def test_impatient_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second signal half a second later does not wait for the end."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(runner, "IMPATIENT_NS", 0)
    with Signals():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert codes == [130]
