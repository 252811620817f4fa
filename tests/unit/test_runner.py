# SPDX-License-Identifier: Apache-2.0
import functools
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kflowd import runner
from kflowd.delivery import Ending
from kflowd.runner import Runner, Signals
from kflowd.serialize import Record
from tests.unit.delivery.make import numbered


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
            self.signals.asked_ns = time.monotonic_ns()
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


def record(text: bytes) -> Record:
    """Return a record that can be told from others."""
    return numbered(text.decode())


class Echo:
    """Plays the pipeline: each batch is a record."""

    def feed(self, batch: bytes) -> list[Record]:
        return [record(batch)]

    def close(self) -> list[Record]:
        return [record(b"end")]


class Consumer:
    """Keeps records; has enough after some."""

    def __init__(self, most: int = 1000) -> None:
        self.records: list[Record] = []
        self.most = most

    @property
    def done(self) -> bool:
        return len(self.records) >= self.most

    def put(self, records: Sequence[Record]) -> None:
        self.records += records

    def close(self, ending: Ending) -> None:
        raise AssertionError(f"{ending}: that is for who made it")


class Tape:
    """Keeps batches."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []

    def write(self, batch: bytes) -> None:
        self.batches.append(batch)


def test_everything_passes_in_order() -> None:
    """Batches, then what is left in ring, maps and stages; the tape gets all but the stages'."""
    kernel, tape, signals = Kernel(b"1", b"2"), Tape(), Signals()
    consumers = [Consumer(), Consumer()]
    kernel.signals = signals
    run = Runner(kernel, Echo(), consumers, tape, signals)

    run.run()
    kernel.batches = [b"3"]
    run.finish()

    expected = [b"1", b"2", b"3", b"rest", b"counters", b"end"]
    for consumer in consumers:
        assert consumer.records == [record(text) for text in expected]
    assert tape.batches == expected[:-1]
    assert kernel.calls[-5:] == ["stop", "drain", "drain", "final_sweep", "counters"]


def test_all_that_comes_is_redacted_before_it_is_kept() -> None:
    """Recorder and pipeline get what the gate returns, of the ring, the sweeps and the news."""
    kernel, consumer, tape = Kernel(b"1", b"2"), Consumer(), Tape()
    passed: list[bytes] = []

    def redact(batch: bytes) -> bytes:
        passed.append(batch)
        return batch + b"!"

    signals = Signals()
    kernel.signals = signals
    news = iter([b"news"])
    run = Runner(
        kernel, Echo(), [consumer], tape, signals, news=lambda _: next(news, b""), redact=redact
    )
    run.run()
    run.finish()

    expected = [b"news", b"1", b"2", b"rest", b"counters"]
    assert passed == expected
    assert tape.batches == [each + b"!" for each in expected]
    assert consumer.records == [record(each) for each in (*tape.batches, b"end")]


def test_duration_and_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends after its time and sweeps at its pace."""
    monkeypatch.setattr(runner, "SWEEP_NS", 20_000_000)
    kernel = Kernel()

    seconds = Runner(kernel, Echo(), [], None, Signals()).run(200_000_000)

    assert 0.2 <= seconds < 5
    assert 2 <= kernel.calls.count("sweep") <= 10
    assert kernel.calls.count("counters") == kernel.calls.count("sweep")


def test_a_consumer_that_has_enough_ends_the_run() -> None:
    """As --count does, and a reader who went away; the others get the rest, too."""
    first, other = Consumer(), Consumer(most=2)
    run = Runner(Kernel(b"1", b"2", b"3"), Echo(), [first, other], None, Signals())

    run.run()

    assert first.records == other.records == [record(b"1"), record(b"2")]


def test_a_failure_ends_the_run_and_not_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is passed on, each step for itself; the first failure is kept."""
    kernel, consumer = Kernel(b"1"), Consumer()
    run = Runner(kernel, Echo(), [consumer], None, Signals())
    first = MemoryError()

    def fail(_wait: int) -> bytes:
        raise first

    monkeypatch.setattr(kernel, "drain", fail)
    run.run()
    run.finish()

    assert run.failure is first
    assert kernel.calls == ["stop", "final_sweep", "counters"]
    assert consumer.records == [record(text) for text in (b"rest", b"counters", b"end")]


def test_news_come_before_the_batch() -> None:
    """What user space adds to the stream is recorded and fed as a batch is."""
    kernel, tape, signals = Kernel(b"1", b"2"), Tape(), Signals()
    news = [b"", b"new"]
    kernel.signals = signals
    run = Runner(kernel, Echo(), [], tape, signals, news=lambda _: news.pop() if news else b"")

    run.run()

    assert tape.batches == [b"new", b"1", b"2"]


@pytest.fixture
def default(number: signal.Signals) -> Iterator[None]:
    """Give a signal its default: what runs in the background, or behind nohup, may ignore it."""
    before = signal.signal(number, signal.SIG_DFL)
    yield
    signal.signal(number, before)


@pytest.mark.usefixtures("default")
@pytest.mark.parametrize("number", runner.ENDS)
def test_signals_ask_to_stop(number: signal.Signals) -> None:
    """The first signal asks, one right behind it is the same; afterwards all is as before."""
    before = signal.getsignal(number)
    with Signals() as signals:
        states = [signals.stop]
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        # another thread may have taken it, which tells this one
        end = time.monotonic() + 10
        while not signals.stop and time.monotonic() < end:
            time.sleep(0.001)
        states.append(signals.stop)
    assert states == [False, True]
    assert signals.asked_ns is not None
    assert signal.getsignal(number) is before


def test_impatient_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second signal half a second later does not wait for the end; it leaves last words."""
    codes: list[int] = []
    words: list[signal.Signals] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(runner, "IMPATIENT_NS", 0)
    with Signals() as signals:
        signals.last_words = words.append
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert codes == [143]
    assert words == [signal.SIGTERM]


def test_signals_of_others_are_no_wish_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that somebody else installed, for a window that changes its size, ends nothing."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(runner, "IMPATIENT_NS", 0)
    seen: list[int] = []
    before = signal.signal(signal.SIGWINCH, lambda number, _frame: seen.append(number))
    try:
        with Signals() as signals:
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGWINCH)
            assert not signals.stop
    finally:
        signal.signal(signal.SIGWINCH, before)
    assert (len(seen), codes) == (3, [])


@pytest.mark.parametrize(
    ("number", "terminal", "stops"),
    [
        (signal.SIGUSR1, True, False),
        (signal.SIGUSR1, False, False),
        (signal.SIGHUP, True, True),
        (signal.SIGHUP, False, False),
        (signal.SIGUSR2, False, True),
    ],
)
def test_signals_that_ask_to_reopen(
    number: signal.Signals, terminal: bool, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of times; a closed terminal asks for the end, as all do without such an output."""
    monkeypatch.setattr(runner, "has_terminal", lambda: terminal)
    monkeypatch.setattr(runner, "IMPATIENT_NS", 0)
    monkeypatch.setattr(os, "_exit", lambda _code: None)
    asked: list[None] = []
    with Signals() as signals:
        signals.reopen = lambda: asked.append(None)
        for _ in range(3):
            os.kill(os.getpid(), number)
        assert signals.stop is stops
        assert len(asked) == (0 if stops else 3)
    with Signals() as signals:
        os.kill(os.getpid(), number)
        assert signals.stop


class Reading:
    """Plays what reads settings again."""

    def __init__(self, *, wanted: bool = True) -> None:
        self.wanted = wanted
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1


@pytest.mark.parametrize(
    ("number", "having", "expected"),
    [
        (signal.SIGHUP, (False, True, False), (1, 0, False)),
        (signal.SIGHUP, (False, True, True), (1, 1, False)),
        (signal.SIGHUP, (False, False, True), (1, 1, False)),
        (signal.SIGHUP, (False, False, False), (0, 0, True)),
        (signal.SIGHUP, (True, True, True), (0, 0, True)),
        (signal.SIGUSR1, (False, True, False), (0, 0, True)),
        (signal.SIGUSR1, (True, True, True), (0, 1, False)),
        (signal.SIGTERM, (False, True, True), (0, 0, True)),
    ],
)
def test_signals_that_ask_for_new_settings(
    number: signal.Signals,
    having: tuple[bool, bool, bool],
    expected: tuple[int, int, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SIGHUP without a terminal, where there is a file, beside what begins anew at it."""
    terminal, wanted, reopens = having
    monkeypatch.setattr(runner, "has_terminal", lambda: terminal)
    reading = Reading(wanted=wanted)
    reopened: list[None] = []
    with Signals(reading) as signals:
        if reopens:
            signals.reopen = lambda: reopened.append(None)
        os.kill(os.getpid(), number)
        assert (reading.asked, len(reopened), signals.stop) == expected


def test_a_terminal_is_one_that_can_be_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a service there is none."""
    monkeypatch.setattr(runner, "TERMINAL", str(tmp_path / "tty"))
    assert not runner.has_terminal()
    (tmp_path / "tty").touch()
    assert runner.has_terminal()


def test_what_was_ignored_stays_ignored() -> None:
    """SIGHUP under nohup; SIGINT is taken all the same."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT)}
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not signals.stop
            os.kill(os.getpid(), signal.SIGINT)
            assert signals.stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_the_end_gives_time_for_what_records_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as one waits, and not for ever; the news go where all batches go."""
    for answers, most_ns in ((3, 10 * runner.LAST_NEWS_NS), (1 << 30, 50_000_000)):
        monkeypatch.setattr(runner, "LAST_NEWS_NS", most_ns)
        left = [answers]

        def news(_batch: bytes, left: list[int] = left) -> bytes:
            left[0] -= 1
            return b"news"

        tape = Tape()
        run = Runner(
            Kernel(),
            Echo(),
            [Consumer()],
            tape,
            Signals(),
            news=news,
            waiting=functools.partial(left.__getitem__, 0),
        )
        run.finish()
        told = tape.batches.index(b"counters")
        assert set(tape.batches[told + 1 :]) == {b"news"}
        assert run.failure is None
        assert left[0] == 0 or answers - left[0] > 2


def test_what_is_read_is_measured_and_each_second_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lap ends behind each reading, ahead of what is made of it; a note follows each sweep."""
    monkeypatch.setattr(runner, "SWEEP_NS", 1)
    kernel, signals = Kernel(b"1"), Signals()
    kernel.signals = signals
    order = kernel.calls

    def made(batch: bytes) -> bytes:
        order.append("made")
        return batch

    run = Runner(
        kernel,
        Echo(),
        [],
        None,
        signals,
        redact=made,
        lap=order.append,
        each_second=lambda: order.append("note"),
    )
    kernel.calls.clear()
    run.run()
    first = ["counters", "drain", "made", "sweep", "drain", "made", "note"]
    assert order[: len(first)] == first
    assert order[len(first) :][:3] == ["drain", "drain", "made"]
