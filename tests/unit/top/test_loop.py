# SPDX-License-Identifier: Apache-2.0
import os
import time
from collections.abc import Callable, Sequence

import pytest

from kflowd.top import loop
from kflowd.top.loop import Loop
from kflowd.top.rows import Row
from kflowd.top.wake import Wake
from tests.unit.top.made import record


class Pipe:
    """A source that has what a test writes.

    Attributes:
        stopped: What happens when it is asked to end.
    """

    title = "pipe"
    stays = True

    def __init__(self, *, live: bool = True) -> None:
        self.live = live
        self.ended = False
        self.asked = 0
        self.on_stop: Callable[[], object] = bool
        self._reader, self.writer = os.pipe()

    def descriptors(self) -> Sequence[int]:
        return () if self.ended else (self._reader,)

    def read(self, number: int) -> bytes:
        data = os.read(number, 65536)
        self.ended = not data
        return data

    def stop(self) -> None:
        self.asked += 1
        self.on_stop()

    def finish(self) -> None:
        os.close(self.writer)


def rows_after(source: Pipe, wake: Wake) -> list[Row]:
    """Return the rows when the loop has ended."""
    running = Loop(source, wake, None)
    running.run()
    return list(running.picture().rows)


def test_all_is_read_without_a_terminal() -> None:
    """To the end, the last record too, which nothing has ended."""
    source = Pipe(live=False)
    os.write(source.writer, record(1) + b"\n" + record(2))
    source.finish()
    with Wake() as wake:
        assert {row.pid for row in rows_after(source, wake)} == {1, 2}
    assert source.asked == 0


def test_a_signal_asks_the_source_once_and_its_rest_is_read() -> None:
    """What an agent writes at its end counts."""
    source = Pipe()

    def rest() -> None:
        os.write(source.writer, record(2))
        source.finish()

    source.on_stop = rest
    os.write(source.writer, record(1) + b"\n")
    with Wake() as wake:
        wake.asked = 1
        assert {row.pid for row in rows_after(source, wake)} == {1, 2}
    assert source.asked == 1


def test_a_second_signal_waits_for_nothing() -> None:
    """Nor does the first one for ever."""
    source = Pipe()
    with Wake() as wake:
        wake.asked = 2
        assert rows_after(source, wake) == []


def test_a_source_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while."""
    monkeypatch.setattr(loop, "END_S", 0.1)
    began = time.monotonic()
    with Wake() as wake:
        wake.asked = 1
        assert rows_after(Pipe(), wake) == []
    assert time.monotonic() - began < 5


def test_an_agent_that_has_ended_ends_the_loop() -> None:
    """There is nothing to look at when it has failed."""
    source = Pipe()
    source.stays = False
    source.finish()
    with Wake() as wake:
        assert rows_after(source, wake) == []


def test_a_rate_is_that_of_now_or_of_the_records() -> None:
    """An old record is no record of now; of a file its last second is."""
    for live in (False, True):
        source = Pipe(live=live)
        os.write(source.writer, record(1, 30) + b"\n")
        source.finish()
        with Wake() as wake:
            running = Loop(source, wake, None)
            running.run()
            assert running.picture().rate == 0.2
            assert running.picture().source == "pipe (end)"


def test_a_pause_keeps_the_rows() -> None:
    """Records are counted meanwhile, and the order can change."""
    source = Pipe(live=False)
    with Wake() as wake:
        running = Loop(source, wake, None)
        running._feed(record(1) + b"\n")
        running.picture()
        running._view.press("p")
        running._feed(record(2) + b"\n")
        assert [row.pid for row in running.picture().rows] == [1]
        assert running.picture().totals.records == 2
        running._view.press("p")
        assert {row.pid for row in running.picture().rows} == {1, 2}
    source.finish()
