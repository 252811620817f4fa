# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kflowd import notify, reload
from kflowd.delivery import Delivery
from kflowd.delivery.outputs import make_outputs
from kflowd.errors import UsageError
from kflowd.reload import Reload
from kflowd.settings import EnrichSettings, OutputSettings, Settings, TraceSettings
from kflowd.settings.option import NS_PER_SECOND
from tests.unit.delivery.make import until

Error = type[Exception]


class File:
    """Plays the file of settings.

    Attributes:
        settings: What it has, or the error with which it cannot be read.
        wait: What reading waits for.
    """

    def __init__(self) -> None:
        self.settings: Settings | Exception = Settings(quiet=True)
        self.reads = 0
        self.wait = threading.Event()
        self.wait.set()

    def there(self) -> bool:
        return True

    def load(self) -> Settings:
        self.reads += 1
        self.wait.wait()
        if isinstance(self.settings, Exception):
            raise self.settings
        return self.settings


class Run:
    """A run that reloads, as its loop and its signals do it."""

    def __init__(self, settings: Settings) -> None:
        self.file = File()
        self.lines: list[str] = []
        self.taken: list[Settings] = []
        self.delivery = Delivery(make_outputs(settings))
        self.reload = Reload(self.file, settings, self.lines.append)
        self.news = self.reload.ahead(lambda batch: batch + b"!")

    def begin(self) -> None:
        self.reload.begin(self.delivery, self.taken.append)

    def told(self) -> str:
        """Ask, and return the line that is said of it."""
        number = len(self.lines)
        self.reload.ask()
        until(lambda: self.news(b"") and len(self.lines) > number)
        assert len(self.lines) == number + 1
        return self.lines[-1]


QUIET = Settings(quiet=True)


@pytest.fixture
def run() -> Iterator[Run]:
    found = Run(QUIET)
    yield found
    found.file.wait.set()
    found.reload.close()
    found.delivery.leave()


def having(**values: object) -> Settings:
    return msgspec.structs.replace(QUIET, **values)


def test_what_changed_and_what_needs_a_restart_is_one_line(run: Run) -> None:
    """The stages take the first alone; what is not taken is told each time."""
    run.begin()
    trace = TraceSettings(idle_ns=5 * NS_PER_SECOND, monitor=frozenset(["file"]))
    run.file.settings = having(trace=trace, enrich=EnrichSettings(token="host7"))
    assert run.told() == (
        "settings reloaded: trace.idle 15 -> 5; enrich.token none -> ***; "
        "needs a restart: trace.monitor"
    )
    (taken,) = run.taken
    assert taken.trace.idle_ns == 5 * NS_PER_SECOND
    assert taken.trace.monitor == QUIET.trace.monitor
    assert run.told() == ("settings reloaded: nothing has changed; needs a restart: trace.monitor")
    run.file.settings = QUIET
    assert run.told() == "settings reloaded: trace.idle 5 -> 15; enrich.token *** -> none"
    assert run.told() == "settings reloaded: nothing has changed"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            UsageError("reading /x\n: it is no regular file"),
            "settings not reloaded, the old ones hold: reading /x?: it is no regular file",
        ),
        (ValueError("x"), "settings not reloaded: internal error: ValueError: x"),
    ],
)
def test_a_wrong_file_changes_nothing(run: Run, error: Exception, line: str) -> None:
    """One line; the next one is read again."""
    run.begin()
    run.file.settings = error
    assert run.told() == line
    assert run.taken == []
    run.file.settings = having(verbose=True)
    assert run.told() == "settings reloaded: verbose false -> true"


def test_outputs_come_and_go(run: Run, tmp_path: Path) -> None:
    """One that cannot be written leaves all as it was, also what else has changed."""
    run.begin()
    file = OutputSettings(sink="file", path=tmp_path / "x")
    run.file.settings = having(output=(file,))
    assert run.told() == f"settings reloaded: output file {tmp_path}/x added"
    assert [it.name for it in run.delivery.outputs] == [file.name]
    missing = OutputSettings(sink="file", path=tmp_path / "no" / "x")
    run.file.settings = having(output=(file, missing), verbose=True)
    assert run.told() == (
        "settings not reloaded, the old ones hold: "
        f"writing records to {missing.name}: No such file or directory"
    )
    assert run.taken[-1].verbose is False
    run.file.settings = QUIET
    assert run.told() == f"settings reloaded: output file {tmp_path}/x removed"
    assert run.delivery.outputs == []


def test_what_standard_output_is_needs_a_restart(run: Run, tmp_path: Path) -> None:
    """Outputs then stay as they are altogether."""
    run.begin()
    file = OutputSettings(sink="file", path=tmp_path / "x")
    run.file.settings = Settings(output=(OutputSettings(), file), verbose=True)
    assert run.told() == (
        "settings reloaded: verbose false -> true; "
        "needs a restart: quiet, output (what standard output is)"
    )
    assert run.delivery.outputs == []


@pytest.mark.parametrize(
    ("settings", "restart"),
    [
        (having(record=Path("/tape")), "trace.idle"),
        (having(count=7), "output (--count counts what the first one gets)"),
    ],
)
def test_what_a_run_relies_on_stays(tmp_path: Path, settings: Settings, restart: str) -> None:
    """A replay has the times of the beginning, and a count is one of an output."""
    run = Run(settings)
    run.begin()
    file = OutputSettings(sink="file", path=tmp_path / "x")
    changed = {"output": (file,)} if settings.count else {"trace": TraceSettings(idle_ns=1)}
    run.file.settings = msgspec.structs.replace(settings, **changed)
    assert run.told() == f"settings reloaded: nothing has changed; needs a restart: {restart}"
    run.reload.close()
    run.delivery.leave()


def test_it_is_asked_for_many_times(run: Run) -> None:
    """While it reads: once more behind that, for what has changed since; the loop goes on."""
    run.begin()
    run.file.wait.clear()
    run.reload.ask()
    until(lambda: run.file.reads)
    for _ in range(1000):
        run.reload.ask()
    assert run.news(b"x") == b"x!"
    run.file.settings = having(verbose=True)
    run.file.wait.set()
    until(lambda: run.news(b"") and len(run.lines) == 2)
    time.sleep(2 * reload.LOOK_S)
    assert run.file.reads == 2


def test_what_was_asked_for_at_the_start_is_read_behind_it(run: Run) -> None:
    """Nothing is read before the stages can take it."""
    run.reload.ask()
    time.sleep(2 * reload.LOOK_S)
    assert run.file.reads == 0
    run.begin()
    until(lambda: run.news(b"") and run.lines)
    assert run.file.reads == 1


def test_at_the_end_nothing_is_taken(run: Run, tmp_path: Path) -> None:
    """An output that was made is left, and a file that hangs keeps nobody."""
    run.begin()
    run.file.settings = having(output=(OutputSettings(sink="file", path=tmp_path / "x"),))
    run.reload.ask()
    until(lambda: run.reload._ready)
    run.reload.close()
    assert run.lines == []
    assert run.delivery.outputs == []
    assert not [it for it in threading.enumerate() if it.name.startswith(("sink-", "reload"))]


def test_a_file_that_hangs_keeps_nobody(run: Run) -> None:
    """The end does not wait for it."""
    run.begin()
    run.file.wait.clear()
    run.reload.ask()
    until(lambda: run.file.reads)
    began = time.monotonic()
    run.reload.close()
    run.reload.ask()
    assert time.monotonic() - began < 2 * reload.LEAVE_S


def test_an_error_of_a_stage_is_told(run: Run) -> None:
    """It does not reach the run loop."""

    def fail(_settings: Settings) -> None:
        raise ValueError("x")

    run.reload.begin(run.delivery, fail)
    run.file.settings = having(verbose=True)
    assert run.told() == ("settings reloaded: verbose false -> true; internal error: ValueError: x")


def test_who_started_it_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Type=notify-reload wants it: the beginning with its time, and the end."""
    states: list[str] = []
    monkeypatch.setattr(notify, "send", states.append)
    run.begin()
    run.told()
    assert states[0].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert states[1:] == [notify.READY]


def test_without_a_source_nothing_is_read() -> None:
    """A run for a command, or a replay."""
    with Reload(None, QUIET, print) as nothing:
        assert not nothing.wanted
        nothing.begin(Delivery([]), print)
        nothing.ask()
        assert nothing.ahead(bytes.upper)(b"x") == b"X"
