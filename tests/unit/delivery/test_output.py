# SPDX-License-Identifier: Apache-2.0
import errno
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from kflowd.delivery import output as module
from kflowd.delivery.formats.screen import Screen
from kflowd.delivery.output import Output, State
from kflowd.delivery.queue import OVERHEAD_BYTES, Reason
from kflowd.delivery.sinks import RefusedError
from kflowd.delivery.sinks.base import BatchingSink, Wait
from tests.unit.delivery.make import Anew, Sink, Standing, narrow, until

TEXT = b"x" * (100 - OVERHEAD_BYTES)
NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def output(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Output]:
    """Return an output with room for ten texts that asks again after a moment."""
    monkeypatch.setattr(module, "RETRY_NS", 5_000_000)
    made = narrow(1000, "sink", sink)
    yield made
    made.leave()


def lost(output: Output) -> dict[str, int]:
    counts = output.counts()
    assert counts.put == counts.written + counts.queued + sum(counts.lost.values())
    return {reason.name: number for reason, number in counts.lost.items() if number}


def test_texts_reach_the_sink_in_order(output: Output, sink: Sink) -> None:
    """Batch by batch, and all are out when the thread has ended."""
    for number in range(101):
        output.put([b"%d" % number], [])
        if number % 7 == 0:
            until(lambda: output.counts().queued == 0)
    output.end()
    until(lambda: output.finished)
    assert sink.texts == [b"%d" % number for number in range(101)]
    assert output.counts()[:3] == (101, 101, 0)
    assert output.state is State.UP
    assert output.progress_ns > 0


class Noting(Sink):
    """A sink that notes what it is offered, and takes the texts but for the last one when told."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: list[int] = []
        self.partly = False

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        self.offered.append(sum(map(len, texts)))
        return super().write(texts[:-1] if self.partly and len(texts) > 1 else texts, offset)


def test_who_takes_all_is_offered_more() -> None:
    """A file gets twice as much each time; who takes a part, as a pipe, gets little each time."""
    sink = Noting()
    output = Output("sink", sink, "json")
    text = bytes(1024)
    for sink.partly in (False, True):
        sink.offered.clear()
        output.put([text] * 8192, [])
        until(lambda: output.counts().queued == 0)
        if sink.partly:
            assert sink.offered[1:100] == [module.CHUNK_BYTES] * 99
        else:
            sizes = [module.CHUNK_BYTES << step for step in range(5)]
            assert sink.offered[:5] == sizes
            assert max(sink.offered) == module.MOST_CHUNK_BYTES == sizes[-1]
    output.leave()


def test_a_stalled_sink_delays_nobody(output: Output, sink: Sink) -> None:
    """put returns at once; what does not fit is lost; the rest goes out when the sink goes on."""
    sink.stall()
    began = time.monotonic()
    for _ in range(17):
        output.put([TEXT], [])
    assert time.monotonic() - began < 1
    assert lost(output) == {"FULL": 7}
    assert output.state is State.UP
    sink.go_on()
    until(lambda: output.counts().queued == 0)
    assert len(sink.texts) == 10


def test_a_stalled_sink_costs_nothing(output: Output, sink: Sink) -> None:
    """Who waits for a sink sleeps."""
    sink.stall()
    output.put([TEXT], [])
    until(lambda: sink.writes)
    time.sleep(0.2)
    assert sink.writes < 5


def test_ready_without_taking_is_no_busy_loop(output: Output, sink: Sink) -> None:
    """A descriptor that polls as writable and takes nothing is asked some times a second."""
    sink.room = 0
    output.put([TEXT], [])
    time.sleep(0.3)
    assert 2 <= sink.writes < 60
    sink.room = 1
    until(lambda: sink.texts)


def test_a_refusing_sink_is_asked_again(output: Output, sink: Sink) -> None:
    """A full disk: the state tells, texts wait, and go out when there is space."""
    sink.error = NO_SPACE
    output.put([TEXT] * 12, [])
    until(lambda: output.state is State.RETRYING)
    output.put([TEXT], [])
    assert lost(output) == {"FULL": 2, "REFUSED": 1}
    until(lambda: sink.writes > 3)
    sink.error = None
    until(lambda: output.counts().queued == 0)
    assert output.state is State.UP
    assert len(sink.texts) == 10
    assert output.error is NO_SPACE


class Choosing(Sink):
    """A sink that never takes a text with an x in it, and stops at one with a z until told."""

    stops = True

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        for number, text in enumerate(texts):
            stopped = b"z" in text and self.stops
            if b"x" in text or stopped:
                super().write(texts[:number], offset)
                raise RefusedError(number, NO_SPACE, forever=not stopped)
        return super().write(texts, offset)


@pytest.mark.parametrize("together", [True, False])
def test_what_a_sink_never_takes_costs_itself_alone(
    together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, and is the error of the end; what it takes later is not lost."""
    monkeypatch.setattr(module, "RETRY_NS", 5_000_000)
    sink = Choosing()
    output = Output("sink", sink, "json")
    texts = [b"x1", b"2", b"x3", b"x4", b"z5", b"6", b"x7"]
    for part in [texts] if together else [[text] for text in texts]:
        output.put(part, [])
        if not together:
            until(lambda: output.counts().queued == 0 or output.state is State.RETRYING)
    until(lambda: output.state is State.RETRYING)
    assert sink.texts == [b"2"]
    sink.stops = False
    until(lambda: output.counts().queued == 0)
    assert sink.texts == [b"2", b"z5", b"6"]
    assert lost(output) == {"REFUSED": 4}
    assert output.error is NO_SPACE
    assert output.state is State.UP
    output.leave()


def test_a_refusing_sink_does_not_delay_the_end(output: Output, sink: Sink) -> None:
    """It is asked once more."""
    sink.error = NO_SPACE
    output.put([TEXT] * 5, [])
    until(lambda: output.state is State.RETRYING)
    output.end()
    until(lambda: output.finished)
    assert lost(output) == {"REFUSED": 5}


def test_a_sink_that_is_gone_takes_no_more(output: Output, sink: Sink) -> None:
    """What was queued is lost; the thread ends."""
    sink.go_away()
    output.put([TEXT] * 3, [])
    until(lambda: output.finished)
    assert output.state is State.GONE
    output.put([TEXT], [])
    assert lost(output) == {"GONE": 4}
    assert output.error is None


def test_leaving_a_stalled_sink(output: Output, sink: Sink) -> None:
    """The thread ends at once, what is queued is lost, the sink is closed; twice does no harm."""
    sink.stall()
    output.put([TEXT] * 3, [])
    began = time.monotonic()
    output.leave()
    output.leave()
    assert time.monotonic() - began < 0.15
    assert output.finished
    assert sink.closed
    assert lost(output) == {"END": 3}


def test_leaving_a_sink_that_hangs(sink: Sink) -> None:
    """A write that does not come back holds nobody, and what it writes later is not counted."""
    release = threading.Event()
    sink.hang = release.wait
    output = Output("sink", sink, "json")
    output.put([TEXT] * 3, [])
    until(lambda: sink.writes)
    began = time.monotonic()
    output.leave()
    assert time.monotonic() - began < 5 * module.LEAVE_S
    assert not output.finished
    release.set()
    until(lambda: output.finished)
    assert lost(output) == {"END": 3}


def test_lossless_waits_and_ends_at_the_first_error(sink: Sink) -> None:
    """Replay: all texts through a small queue, in order; a full disk ends it."""
    output = narrow(300, "sink", sink, lossless=True)
    expected = [b"%d" % number for number in range(1009)]
    output.put(expected, [])
    until(lambda: output.counts().queued == 0)
    assert sink.texts == expected
    sink.error = NO_SPACE
    output.put(expected, [])
    assert output.state is State.GONE
    assert output.error is NO_SPACE
    assert lost(output) == {"REFUSED": 1009}
    output.leave()


def test_a_fault_in_a_sink_is_kept(output: Output, sink: Sink) -> None:
    """It ends that sink, and who ends the run can show it."""
    sink.error = ValueError("a fault")
    output.put([TEXT], [])
    until(lambda: output.finished)
    assert output.state is State.GONE
    assert output.error is sink.error
    assert lost(output) == {"REFUSED": 1}


def test_signals_are_for_the_main_thread(output: Output, sink: Sink) -> None:
    """The sink's thread takes none: the main thread's wait would not be interrupted."""
    found: list[set[int]] = []
    sink.hang = lambda: found.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    output.put([TEXT], [])
    until(lambda: found)
    assert {signal.SIGTERM, signal.SIGINT} <= found[0]


def test_counters_as_health_shows_them(output: Output, sink: Sink) -> None:
    """Name, state, written, queued, lost and why."""
    sink.stall()
    output.put([TEXT] * 13, [])
    counters = output.counters()
    assert (counters.name, counters.state, counters.written) == ("sink", "up", 0)
    assert (counters.queued, counters.lost, counters.lost_full) == (10, 3, 3)
    output.filtered = 7
    assert output.counters().filtered == 7
    output.leave()
    counters = output.counters()
    assert (counters.queued, counters.lost, counters.lost_end) == (0, 13, 10)
    assert sum(output.counts().lost[reason] for reason in Reason) == 13


def test_a_sink_begins_anew_when_asked() -> None:
    """In its own thread, ahead of the next text; while it stands still as well."""
    sink = Anew()
    output = Output("sink", sink, "json")
    assert output.reopens
    output.put([TEXT], [])
    until(lambda: len(sink.texts) == 1)
    assert not sink.closes
    output.reopen()
    until(lambda: sink.closes == 1)
    output.put([TEXT], [])
    until(lambda: len(sink.texts) == 2)
    sink.stall()
    output.put([TEXT], [])
    output.reopen()
    until(lambda: sink.closes == 2)
    output.leave()


def test_standard_output_does_not_begin_anew() -> None:
    """Nobody gives it another descriptor."""
    sink = Standing()
    output = Output("sink", sink, "json")
    assert not output.reopens
    output.reopen()
    output.put([TEXT], [])
    until(lambda: sink.texts)
    assert not sink.closed
    output.leave()


def test_one_that_is_held_waits_for_its_place() -> None:
    """What it gets meanwhile is queued; it can be left all the same."""
    sink, other = Sink(), Sink()
    held, left = Output("a", sink, "json", held=True), Output("b", other, "json", held=True)
    held.put([b"1", b"2"], [])
    time.sleep(0.05)
    assert (sink.writes, held.counters().queued) == (0, 2)
    held.begin()
    until(lambda: sink.texts == [b"1", b"2"])
    held.leave()
    left.leave()
    assert left.finished
    assert other.closed


def test_another_form_is_for_who_makes_the_texts() -> None:
    """The sink is the same."""
    output = Output("a", Sink(), "json")
    screen = Screen(99, colours=True)
    output.tell("compact", frozenset(["health"]), screen, None)
    assert (output.form, output.screen) == ("compact", screen)
    assert output.records == {"health"}
    output.leave()


class Batches(BatchingSink):
    """A sink that is answered when a test says so."""

    batch_bytes = 2 * len(TEXT)

    def __init__(self) -> None:
        self.held = 0
        self.offered: list[int] = []
        self.hurried = 0
        self.answer: Callable[[], tuple[int, int]] | None = None
        self._reader, self._writer = os.pipe()

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        del offset
        if not self.held:
            self.offered.append(len(texts))
            self.held = len(texts)
        if self.answer is None:
            return 0, 0
        answer, self.answer, self.held = self.answer, None, 0
        os.read(self._reader, 1)
        return answer()

    def reply(self, answer: Callable[[], tuple[int, int]]) -> None:
        """Answer for what is under way."""
        self.answer = answer
        os.write(self._writer, b"x")

    def waits(self) -> Wait:
        return Wait(self._reader, select.POLLIN, None if self.held else 1_000_000)

    def hurry(self) -> None:
        self.hurried += 1

    def fileno(self) -> int:
        return self._reader

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


def test_a_sink_that_is_answered_has_its_batch_until_then() -> None:
    """It is offered as much as it takes at once, and waits for what it says that it does."""
    sink = Batches()
    output = Output("sink", sink, "json")
    output.put([TEXT] * 5, [])
    until(lambda: sink.offered == [2])
    assert output.counts().queued == 5
    sink.reply(lambda: (2, 0))
    until(lambda: sink.offered == [2, 2])
    assert (output.counts().written, output.counts().queued) == (2, 3)

    def refuse() -> tuple[int, int]:
        raise RefusedError(0, OSError(errno.EREMOTEIO, "400"), forever=True, number=2)

    sink.reply(refuse)
    until(lambda: sink.offered == [2, 2, 1])
    counts = output.counts()
    assert (counts.written, counts.queued, counts.lost[Reason.REFUSED]) == (2, 1, 2)
    assert not sink.hurried
    output.end()
    until(lambda: sink.hurried)
    sink.reply(lambda: (1, 0))
    until(lambda: output.finished)
    output.leave()
    assert output.counts().written == 3
