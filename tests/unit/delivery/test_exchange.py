# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import msgspec
import pytest

from kflowd.delivery import Delivery, Ending, Output
from kflowd.delivery.exchange import discard, hindrance, prepare
from kflowd.delivery.outputs import make_output
from kflowd.errors import SinkError
from kflowd.settings import BatchSettings, OutputSettings, QueueSettings, RotateSettings
from tests.unit.delivery.make import Sink, records, until
from tests.unit.delivery.sinks import posted


def of(path: Path, **values: object) -> OutputSettings:
    return OutputSettings(sink="file", path=path, **values)  # type: ignore[arg-type]


def names(path: Path) -> list[str]:
    """Return what the records of a file are told apart by, whatever their form is."""
    text = path.read_text()
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value["InfoHostName"])
        text = text[end:]
    return found


class Run:
    """A delivery whose outputs change, as a reload changes them."""

    def __init__(self, *settings: OutputSettings) -> None:
        self.settings = list(settings)
        self.delivery = Delivery([make_output(it) for it in settings])
        self.words: list[str] = []
        self.put = 0

    def write(self, number: int) -> None:
        self.delivery.put(records(number, self.put + 1))
        self.put += number

    def change(self, *settings: OutputSettings) -> None:
        exchange = prepare(self.delivery.outputs, self.settings, settings)
        self.delivery.exchange(exchange)
        self.settings, self.words = list(settings), exchange.words

    def end(self) -> None:
        self.delivery.close(Ending(lambda: None))


@pytest.fixture
def expected() -> list[str]:
    return [str(n) for n in range(1, 301)]


def test_one_comes_and_one_goes_and_the_third_is_not_disturbed(
    tmp_path: Path, expected: list[str]
) -> None:
    """What was queued for the one that goes is written; each record is in the right files."""
    stays, goes, comes = (of(tmp_path / name) for name in ("stays", "goes", "comes"))
    run = Run(stays, goes)
    first = run.delivery.outputs[0]
    run.write(100)
    run.change(comes, stays)
    run.write(100)
    assert run.delivery.outputs[1] is first
    assert run.words == [
        f"output file {tmp_path}/comes added",
        f"output file {tmp_path}/goes removed",
    ]
    run.end()
    assert names(tmp_path / "stays") == expected[:200]
    assert names(tmp_path / "goes") == expected[:100]
    assert names(tmp_path / "comes") == expected[100:200]
    assert run.delivery.lost() == 0
    assert list(run.delivery.summary()) == []


def test_another_form_keeps_queue_and_thread(tmp_path: Path, expected: list[str]) -> None:
    """Records of before have the form of before."""
    path = tmp_path / "records"
    run = Run(of(path))
    (output,) = run.delivery.outputs
    run.write(100)
    until(lambda: output.counts().queued == 0)
    run.change(of(path, format="json"))
    run.write(100)
    assert run.delivery.outputs == [output]
    run.change(of(path, format="json", records=frozenset(["health"])))
    run.write(100)
    assert run.words == [f"output file {path} changed"]
    run.end()
    assert names(path) == expected[:200]
    assert path.read_text().count("\n") > 300


@pytest.mark.parametrize(
    "values",
    [
        {"separator": "record"},
        {"rotate": RotateSettings(size=1 << 20)},
        {"queue": QueueSettings(bytes=1 << 20)},
    ],
)
def test_another_sink_at_the_same_place_begins_behind_the_first(
    tmp_path: Path, values: dict[str, object]
) -> None:
    """No record is lost, and none of the second stands ahead of one of the first."""
    path = tmp_path / "records"
    run = Run(of(path))
    run.write(100)
    run.change(of(path, **values))
    run.write(100)
    run.end()
    assert [it.written for it in run.delivery.counters()] == [100]
    assert run.delivery.lost() == 0
    lines = [it for it in path.read_bytes().split(b"\n") if it and it != b"\x1e"]
    assert len(lines) == 200
    assert [json.loads(it)["InfoHostName"] for it in lines[:100]] == [
        str(n + 1) for n in range(100)
    ]


def test_other_bodies_are_of_another_sink() -> None:
    """Requests of before have lines, and those behind them the logs of OpenTelemetry."""
    with posted.Server([]) as server:
        lines = OutputSettings(sink="http", url=server.url("/in"), batch=BatchSettings(age_ns=0))
        run = Run(lines)
        run.write(3)
        run.change(msgspec.structs.replace(lines, format="otlp"))
        run.write(3)
        run.end()
    kinds = [it.headers["content-type"] for it in server.posted]
    assert sorted(set(kinds)) == ["application/json", "application/x-ndjson"]
    assert kinds == sorted(kinds, reverse=True)
    assert "resourceLogs" in json.loads(server.posted[-1].body)
    assert run.delivery.lost() == 0


def test_a_file_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    """What was made for the exchange ends."""
    run = Run(of(tmp_path / "a"))
    with pytest.raises(SinkError, match="writing records to file"):
        run.change(of(tmp_path / "b"), of(tmp_path / "no" / "c"))
    run.write(3)
    run.end()
    assert names(tmp_path / "a") == ["1", "2", "3"]
    assert names(tmp_path / "b") == []


def test_what_is_not_wanted_after_all_ends(tmp_path: Path) -> None:
    """The run has ended meanwhile."""
    run = Run(of(tmp_path / "a"))
    wanted = [of(tmp_path / "a", separator="record"), of(tmp_path / "b")]
    exchange = prepare(run.delivery.outputs, run.settings, wanted)
    discard(exchange, run.delivery.outputs)
    assert all(it.finished for it in exchange.outputs)
    assert not run.delivery.outputs[0].finished
    run.end()


def test_one_name_can_be_there_twice() -> None:
    """A server of --udp that is one of the tables, too."""
    server = OutputSettings(sink="udp", address="127.0.0.1:9")  # type: ignore[arg-type]
    sinks = [Sink(), Sink()]
    outputs = [Output(server.name, it, "json") for it in sinks]
    exchange = prepare(outputs, [server, server], [server])
    assert exchange.outputs == outputs[:1]
    assert [it.output for it in exchange.left] == outputs[1:]
    for each in outputs:
        each.leave()


@pytest.mark.parametrize(
    ("old", "new", "hinders"),
    [
        ([OutputSettings()], [OutputSettings(format="json-min")], False),
        ([OutputSettings()], [OutputSettings(records=frozenset(["health"]))], False),
        ([OutputSettings()], [], True),
        ([], [OutputSettings()], True),
        ([OutputSettings()], [OutputSettings(separator="newline")], True),
        ([OutputSettings()], [OutputSettings(format="table")], True),
        ([], [OutputSettings(sink="file", path=Path("/x"))], False),
    ],
)
def test_standard_output_stays_what_it_is(
    old: list[OutputSettings], new: list[OutputSettings], hinders: bool
) -> None:
    """Its form and its records can change."""
    assert bool(hindrance(old, new)) is hinders
