# SPDX-License-Identifier: Apache-2.0
import errno
import threading

import pytest

from kflowd.delivery import Ending, Output, retiring
from kflowd.delivery.exchange import Left
from kflowd.delivery.retiring import Retiring
from tests.unit.delivery.make import Sink, until


def put(output: Output, number: int) -> None:
    output.put([b"%d" % n for n in range(number)], [])


def test_what_is_queued_is_written_and_the_successor_goes_on() -> None:
    """In that order."""
    first, second = Sink(), Sink()
    first.stall()
    old, new = Output("a", first, "json"), Output("a", second, "json", held=True)
    put(old, 3)
    left = Retiring()
    left.take(Left(old, new))
    put(new, 2)
    assert left.count == 1
    assert list(left.unwritten()) == [("a", 3)]
    assert not second.texts
    first.go_on()
    until(lambda: second.texts)
    assert (len(first.texts), left.count, left.lost()) == (3, 0, 0)
    assert first.closed
    assert left.summary() == ""
    assert left.failure() is None
    new.leave()


def test_one_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it lost stays in the counts; its successor does not wait for ever."""
    monkeypatch.setattr(retiring, "MOST_NS", 50_000_000)
    first, second = Sink(), Sink()
    first.stall()
    old, new = Output("a", first, "json"), Output("a", second, "json", held=True)
    put(old, 3)
    put(new, 1)
    left = Retiring()
    left.take(Left(old, new))
    until(lambda: second.texts)
    assert left.lost() == 3
    assert left.summary() == "outputs of before a reload: 0 written, 3 lost (3 left at the end)"
    new.leave()


@pytest.mark.parametrize("patient", [True, False])
def test_the_end_of_the_run_ends_all(patient: bool) -> None:
    """After as long as the ending has it, or at once."""
    sink = Sink()
    sink.stall()
    output = Output("a", sink, "json")
    put(output, 3)
    left = Retiring()
    left.take(Left(output))
    if patient:
        left.close(Ending(lambda: -(1 << 62)))
    else:
        left.leave()
    assert left.count == 0
    assert left.lost() == 3


def test_a_refusal_is_the_failure_of_the_run() -> None:
    """As it is of an output that is still there."""
    sink = Sink()
    sink.error = OSError(errno.ENOSPC, "No space left on device")
    output = Output("file /x", sink, "json")
    put(output, 3)
    left = Retiring()
    left.take(Left(output))
    until(lambda: left.count == 0)
    assert str(left.failure()) == "writing records to file /x: No space left on device"


def test_without_a_thread_it_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of processes costs what is queued, and not the run."""
    first, second = Sink(), Sink()
    old, new = Output("a", first, "json"), Output("a", second, "json", held=True)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    left = Retiring()
    left.take(Left(old, new))
    monkeypatch.undo()
    assert left.count == 0
    put(new, 1)
    until(lambda: second.texts)
    left.leave()
    new.leave()
