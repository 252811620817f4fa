# SPDX-License-Identifier: Apache-2.0
import errno

import pytest

from kflowd.delivery import Delivery, Ending, Output
from kflowd.delivery.formats import FORMATS, MORE
from kflowd.delivery.queue import OVERHEAD_BYTES
from kflowd.errors import SinkError
from kflowd.faults import Faults
from kflowd.serialize import Record
from kflowd.settings.where import Where, WhereError, parse_where
from tests.unit.delivery.make import (
    Anew,
    Sink,
    Standing,
    health,
    narrow,
    numbered,
    process_record,
    records,
    text_of,
    until,
)

SIZE = OVERHEAD_BYTES + 1  # of a text of one digit in the queue


class Form:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, record: Record) -> bytes:
        self.calls += 1
        return text_of(record)


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> Form:
    made = Form()
    monkeypatch.setitem(FORMATS, "test", lambda: made)
    monkeypatch.setitem(FORMATS, "other", lambda: lambda record: b"other " + text_of(record))
    return made


def is_done(delivery: Delivery) -> bool:
    """Ask anew: it changes behind the back of who asks."""
    return delivery.done


def ending() -> Ending:
    return Ending(lambda: None)


def at_once() -> Ending:
    return Ending(lambda: -(1 << 62))


def test_a_record_is_formatted_once_for_each_form(form: Form) -> None:
    """However many sinks share it."""
    sinks = [Sink() for _ in range(3)]
    outputs = [
        Output("a", sinks[0], "test"),
        Output("b", sinks[1], "test"),
        Output("c", sinks[2], "other"),
    ]
    with Delivery(outputs) as delivery:
        delivery.put(records(7))
        delivery.close(ending())
    assert form.calls == 7
    assert sinks[0].texts == [b"%d" % n for n in range(1, 8)]
    assert sinks[1].texts == sinks[0].texts
    assert sinks[2].texts == [b"other %d" % n for n in range(1, 8)]
    assert [each.written for each in delivery.counters()] == [7, 7, 7]
    assert (delivery.records, delivery.lost(), list(delivery.summary())) == (7, 0, [])


@pytest.mark.usefixtures("form")
def test_a_form_may_have_more_texts_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind its own; where they cannot be made the record has its own, and the run goes on."""

    def more(record: Record) -> list[Record]:
        if text_of(record) == b"2":
            raise ValueError
        return [numbered("more")]

    monkeypatch.setitem(MORE, "test", more)
    sinks, faults = [Sink(), Sink()], Faults()
    outputs = [Output("a", sinks[0], "test"), Output("b", sinks[1], "other")]
    with Delivery(outputs, 4, faults) as delivery:
        delivery.put(records(7))
        assert is_done(delivery)
        delivery.close(ending())
    assert sinks[0].texts == [b"1", b"more", b"2", b"3", b"more"]
    assert sinks[1].texts == [b"other 1", b"other 2", b"other 3"]
    assert (delivery.records, faults.first is not None) == (3, True)


def test_a_form_that_nobody_takes_is_not_made(form: Form) -> None:
    """When all its sinks are gone there is no work for it."""
    sink = Sink()
    with Delivery([Output("a", sink, "test")]) as delivery:
        sink.go_away()
        delivery.put(records(1))
        until(lambda: delivery.gone)
        delivery.put(records(7))
    assert form.calls == 1


@pytest.mark.usefixtures("form")
def test_a_stalled_sink_costs_the_others_nothing() -> None:
    """Each sink has its queue: one loses, the other has all, and the end does not wait for ever."""
    slow, quick = Sink(), Sink()
    slow.stall()
    outputs = [
        narrow(3 * SIZE, "slow", slow, "test"),
        Output("quick", quick, "test"),
    ]
    with Delivery(outputs) as delivery:
        delivery.put(records(7))
        until(lambda: len(quick.texts) == 7)
        assert delivery.lost() == 4
        assert not is_done(delivery)
        delivery.close(at_once())
    assert [each.lost for each in delivery.counters()] == [7, 0]
    assert list(delivery.summary()) == ["slow: 0 written, 7 lost (4 queue full, 3 left at the end)"]
    assert delivery.failure() is None


@pytest.mark.usefixtures("form")
def test_the_run_goes_on_while_one_reader_is_there() -> None:
    """One that went away has no more records to lose; when all have, the run is done."""
    sinks = [Sink(), Sink()]
    with Delivery([Output("a", sinks[0], "test"), Output("b", sinks[1], "test")]) as delivery:
        sinks[0].go_away()
        delivery.put(records(1))
        until(lambda: delivery.counters()[0].state == "gone")
        delivery.put(records(5))
        assert not is_done(delivery)
        assert delivery.lost() == 1
        until(lambda: len(sinks[1].texts) == 6)
        sinks[1].go_away()
        delivery.put(records(1))
        until(lambda: delivery.gone)
        assert is_done(delivery)
        assert delivery.failure() is None


@pytest.mark.usefixtures("form")
def test_count_is_exact() -> None:
    """Just so many records are given, also when a batch has more."""
    sink = Sink()
    with Delivery([Output("a", sink, "test")], count=5) as delivery:
        delivery.put(records(3))
        assert not is_done(delivery)
        delivery.put(records(3, first=4))
        assert is_done(delivery)
        delivery.put(records(3))
        delivery.close(ending())
    assert sink.texts == [b"1", b"2", b"3", b"4", b"5"]
    assert delivery.records == 5


@pytest.mark.usefixtures("form")
def test_count_is_of_what_is_given() -> None:
    """A record that found no room does not count."""
    sink = Sink()
    sink.stall()
    with Delivery([narrow(2 * SIZE, "a", sink, "test")], count=3) as delivery:
        delivery.put(records(5))
        assert not is_done(delivery)
        sink.go_on()
        until(lambda: len(sink.texts) == 2)
        delivery.put(records(3, first=6))
        assert is_done(delivery)
        delivery.close(ending())
    assert sink.texts == [b"1", b"2", b"6"]


def test_without_outputs_records_are_counted() -> None:
    """-q: the count holds, and nobody can go away."""
    with Delivery([], count=5) as delivery:
        delivery.put(records(3))
        assert not delivery.gone
        assert not is_done(delivery)
        delivery.put(records(3))
        assert is_done(delivery)
        delivery.close(ending())
    assert delivery.records == 5


@pytest.mark.usefixtures("form")
def test_the_newest_health_is_told_after_a_stall() -> None:
    """It waits beside a full queue; the one that it replaces is lost and makes no news."""
    sink = Sink()
    sink.stall()
    with Delivery([narrow(2 * SIZE, "a", sink, "test")]) as delivery:
        delivery.put([*records(3), health()])
        assert delivery.lost() == 1
        delivery.put([health(), *records(1, first=4)])
        assert delivery.lost() == 2
        assert delivery.counters()[0].lost == 3
        sink.go_on()
        until(lambda: len(sink.texts) == 3)
        delivery.put(records(1, first=5))
        delivery.close(ending())
    assert sink.texts == [b"1", b"2", b"h", b"5"]


@pytest.mark.usefixtures("form")
def test_what_was_refused_is_a_failure() -> None:
    """One line names the output and the cause; without a loss there is none."""
    sink = Sink()
    with Delivery([Output("a", sink, "test")]) as delivery:
        sink.error = OSError(errno.ENOSPC, "No space left on device")
        delivery.put(records(3))
        until(lambda: delivery.counters()[0].state == "retrying")
        assert delivery.failure() is None
        delivery.close(ending())
    failure = delivery.failure()
    assert isinstance(failure, SinkError)
    assert str(failure) == "writing records to a: No space left on device"
    assert list(delivery.summary()) == ["a: 0 written, 3 lost (3 refused)"]


@pytest.mark.usefixtures("form")
def test_a_fault_is_a_failure() -> None:
    """It is shown as what it is."""
    sink = Sink()
    sink.error = ValueError("a fault")
    with Delivery([Output("a", sink, "test")]) as delivery:
        delivery.put(records(1))
        until(lambda: is_done(delivery))
    assert delivery.failure() is sink.error


def test_outputs_get_the_records_that_they_are_for(form: Form) -> None:
    """By InfoMonitor; those that get the same ones share the texts."""
    sinks = [Sink() for _ in range(4)]
    few = frozenset({"health"})
    outputs = [
        Output("all", sinks[0], "test"),
        Output("few", sinks[1], "test", records=few),
        Output("as few", sinks[2], "test", records=few),
        Output("others", sinks[3], "test", records=frozenset({"filesystem", "process"})),
    ]
    with Delivery(outputs) as delivery:
        delivery.put([process_record(), health(), process_record()])
        delivery.close(ending())
    counts = [len(sink.texts) for sink in sinks]
    assert counts == [3, 1, 1, 2]
    assert form.calls == 3 + 1 + 2
    assert [it.written for it in delivery.counters()] == counts


def test_all_outputs_begin_anew(form: Form) -> None:
    """If there is one that does."""
    standing, anew = Standing(), Anew()
    with Delivery([Output("a", standing, "test"), Output("b", anew, "test")]) as delivery:
        assert delivery.reopens
        delivery.reopen()
        until(lambda: anew.closes)
        assert not standing.closed
    with Delivery([Output("a", Standing(), "test")]) as delivery:
        assert not delivery.reopens
    assert form.calls == 0


def by_names(*names: str) -> Where:
    """Return what holds for records of `records` with these numbers."""
    listed = ", ".join(f'"{it}"' for it in names)
    return parse_where(f"InfoHostName in [{listed}]")


def test_outputs_get_the_records_that_their_expressions_hold_for(form: Form) -> None:
    """What is left out is counted for the output alone; those alike share the texts."""
    sinks = [Sink() for _ in range(3)]
    outputs = [
        Output("a", sinks[0], "test", where=by_names("2", "5")),
        Output("b", sinks[1], "test", where=by_names("2", "5")),
        Output("c", sinks[2], "test"),
    ]
    with Delivery(outputs) as delivery:
        delivery.put(records(4))
        delivery.put(records(3, first=5))
        delivery.close(ending())
        counters = delivery.counters()
    assert [sink.texts for sink in sinks[:2]] == [[b"2", b"5"]] * 2
    assert len(sinks[2].texts) == 7
    assert form.calls == 2 + 7
    assert [(it.written, it.filtered, it.lost) for it in counters] == [
        (2, 5, 0),
        (2, 5, 0),
        (7, 0, 0),
    ]
    assert (delivery.lost(), delivery.records) == (0, 7)


@pytest.mark.usefixtures("form")
def test_an_expression_is_about_health_records_too() -> None:
    """They go out where it says so, and where none is."""
    sinks = [Sink() for _ in range(3)]
    outputs = [
        Output("a", sinks[0], "test", where=parse_where("ProcUID >= 1000")),
        Output("b", sinks[1], "test", where=parse_where('InfoMonitor == "health"')),
        Output("c", sinks[2], "test"),
    ]
    with Delivery(outputs) as delivery:
        delivery.put([health()])
        delivery.close(ending())
    assert [len(sink.texts) for sink in sinks] == [0, 1, 1]


@pytest.mark.usefixtures("form")
def test_a_count_is_of_the_records_that_the_first_output_gets() -> None:
    """Others go on to have what comes ahead of the last of them."""
    first, second = Sink(), Sink()
    outputs = [
        Output("a", first, "test", where=by_names("3", "4", "9")),
        Output("b", second, "test"),
    ]
    with Delivery(outputs, count=2) as delivery:
        delivery.put(records(9))
        assert delivery.done
        delivery.close(ending())
    assert first.texts == [b"3", b"4"]
    assert second.texts == [b"1", b"2", b"3", b"4"]


@pytest.mark.usefixtures("form")
def test_an_expression_that_fails_costs_the_record() -> None:
    """No record is known to do so; the run goes on if one does."""
    faults, sink = Faults(), Sink()
    with Delivery([Output("a", sink, "test", where=by_names("1"))], faults=faults) as delivery:

        def fail(record: Record) -> bool:
            return bool(1 // (record.host.InfoHostName != "2"))

        delivery._groups[0]._where = fail
        delivery.put(records(3))
        delivery.close(ending())
    assert sink.texts == [b"1", b"3"]
    assert faults.records == 1


def test_an_expression_that_is_wrong_begins_no_run() -> None:
    """The file of settings tells it ahead; this is for who makes settings otherwise."""
    output = Output("a", Sink(), "json", where=parse_where("Prco == 1"))
    with pytest.raises(WhereError):
        Delivery([output])
    output.leave()


@pytest.mark.usefixtures("form")
def test_what_waits_and_what_it_takes_is_said_of_each_output() -> None:
    """Memory and age of a queue, and the time of the thread behind it; laps of the run loop."""
    slow, quick, laps = Sink(), Sink(), list[str]()
    slow.stall()
    outputs = [Output("slow", slow, "test"), Output("quick", quick, "test")]
    with Delivery(outputs, lap=laps.append) as delivery:
        delivery.put(records(7))
        until(lambda: outputs[1].cpu_ns > 0)
        assert delivery.outputs[0].waiting().bytes == 7 * SIZE
        assert outputs[0].waiting().age_ns > 0
        assert outputs[1].waiting().bytes == 0
        assert outputs[0].cpu_ns == 0
        assert laps == ["serialize", "deliver"]
        delivery.close(at_once())
