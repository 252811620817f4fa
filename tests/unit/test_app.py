# SPDX-License-Identifier: Apache-2.0
import json
import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

from kflowd import app
from kflowd.command import Command
from kflowd.downstream import Process
from kflowd.enrich.users import Users, fixed_names
from kflowd.errors import RecordingError
from kflowd.model import Session, SocketFlag
from kflowd.recording import Recorder, Recording
from kflowd.records.header import MAX_RECORD_BYTES
from kflowd.records.session import encode_session
from kflowd.settings import OutputSettings, Settings
from tests.unit.make import SECOND, record

FACTS = {
    "host_name": "recorded",
    "host_ip": "192.0.2.7",
    "system": "Linux",
    "kernel": "6.1.0",
    "version": "kflowd-v9.9.9",
    "users": "root::0\ndirk::1002",
    "groups": "wheel::0",
    "mountinfo": "1 0 9:2 / / rw - ext4 /dev/md2 rw\n",
}
JSON_MIN = (OutputSettings(format="json-min"),)
SETTINGS = Settings(output=JSON_MIN)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """Make a recording of one file, one health record's worth of counters and a tick."""
    session = Session(SECOND, 1_700_000_000 * SECOND, 250, msgspec.json.encode(FACTS))
    written = record(
        "FILE",
        b"name\0dir\0",
        hdr__ts_ns=5 * SECOND,
        key__ino=11,
        key__dev=9 << 20 | 2,
        agg__inode__uid=1002,
        agg__inode__mode=0o100644,
        agg__inode__nlink=1,
        agg__counts=(0, 1, 0, 0, 0, 3, 1, 0, 0, 0, 0),
        path_len=9,
    )
    path = tmp_path / "tape"
    with Recorder(path) as recorder:
        recorder.begin(encode_session(session))
        recorder.write(written)
        recorder.write(record("COUNTERS", counters=(7,) + (0,) * 17) + record("TICK", ts_ns=1))
    return path


def output(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    texts = capfd.readouterr().out.split("\n\x1e\n")
    assert texts[-1] == ""
    return [json.loads(text) for text in texts[:-1]]


def test_replay_speaks_of_the_recorded_host(tape: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Host, clock, users and devices are those of the recording."""
    lines: list[str] = []

    assert app.replay(tape, SETTINGS, lines.append) == 0

    file, health = output(capfd)
    expected = {
        "InfoSequenceNumber": 1,
        "InfoTimestamp": "Tue, Nov 14 2023 22:13:25.000000000 UTC",
        "InfoHostName": "recorded",
        "InfoHostIP": "192.0.2.7",
        "InfoKernel": "6.1.0",
        "InfoVersion": "kflowd-v9.9.9",
        "InfoUptime": 4,
        "InfoTime": "2023-11-14T22:13:25.000000000Z",
        "ProcUser": "root",
        "ProcGroup": "wheel",
        "FilePath": "/dir/",
        "File": "name",
        "FileUser": "dirk",
        "FileDevice": "902h:/dev/md2:/:ext4",
        "FileEvents": {"OPEN": 1, "MODIFY": 3, "CLOSE_WRITE": 1},
    }
    assert {name: file[name] for name in expected} == expected
    assert health["InfoMonitor"] == "health"
    assert (health["HealthFileEvents"], health["HealthFileReported"]) == (7, 5)
    assert lines[0] == "2 records replayed"
    assert "  file events: 7 seen, 5 reported, 0 lost" in lines


def test_replay_stops_at_the_count(tape: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """--count bounds a replay too, and one record is no records."""
    settings = Settings(output=JSON_MIN, count=1)
    lines: list[str] = []
    assert app.replay(tape, settings, lines.append) == 0
    assert len(output(capfd)) == 1
    assert lines[0] == "1 record replayed"


def test_replay_of_a_cut_tape(tape: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is whole is printed before the error."""
    tape.write_bytes(tape.read_bytes()[:-3])
    with pytest.raises(RecordingError, match="the last record is cut"):
        app.replay(tape, SETTINGS, lambda _line: None)
    assert output(capfd)[0]["File"] == "name"


@pytest.mark.parametrize(("no_redact", "expected"), [(False, "***"), (True, "Zq7vXk29")])
def test_a_recording_from_before_is_redacted_in_a_replay(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], no_redact: bool, expected: str
) -> None:
    """Secrets that it holds are not printed, but by --no-redact."""
    process = {"proc__tgid": 7, "proc__start_ns": 3, "proc__tid": 7, "proc__execs": 1}
    args = b"x\0--password\0Zq7vXk29\0"
    exec_ = record("PROC", b"x\0" + args, source=1, exe_len=2, args_len=len(args), **process)
    of_file = {name.replace("proc__", "agg__proc__"): value for name, value in process.items()}
    counts = (0, 1) + (0,) * 9
    times = {"hdr__ts_ns": 5 * SECOND, "agg__first_ns": 5 * SECOND, "agg__last_ns": 5 * SECOND}
    file = record("FILE", b"name\0", path_len=5, agg__counts=counts, **of_file, **times)
    session = Session(1, 1, 250, msgspec.json.encode(FACTS))
    path = tmp_path / "old"
    with Recorder(path) as recorder:
        recorder.begin(encode_session(session))
        recorder.write(exec_ + file)

    settings = Settings(output=JSON_MIN, no_redact=no_redact)
    assert app.replay(path, settings, lambda _line: None) == 0

    assert output(capfd)[0]["ProcArgs"] == ["x", "--password", expected]


def test_replay_knows_what_was_idle_in_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A UDP socket is closed if it was idle for the -t of the recorded run, as its record says."""
    states = []
    session = Session(1, 1, 250, msgspec.json.encode(FACTS))
    for flags in (SocketFlag.STALE | SocketFlag.IDLE, SocketFlag.STALE):
        path = tmp_path / "udp"
        with Recorder(path) as recorder:
            recorder.begin(encode_session(session))
            values = {"sock__protocol": 17, "sock__family": 2, "sock__state": 1}
            times = {"hdr__ts_ns": 9 * SECOND, "sock__last_ns": 6 * SECOND, "sock__first_ns": 1}
            recorder.write(record("SOCK", sock__flags=flags, **values, **times))
        assert app.replay(path, SETTINGS, lambda _line: None) == 0
        states.append(output(capfd)[0]["SockState"])
    assert states == ["UDP_CLOSE", "UDP_ESTABLISHED"]


class Begun:
    """Stands for an open source, and for the stages that take the first record."""

    start_ns = SECOND
    realtime_offset_ns = 5

    def hz(self) -> int:
        return 250

    def feed(self, batch: bytes) -> None:
        assert len(batch) < MAX_RECORD_BYTES


def test_a_host_with_more_than_a_recording_holds_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a replay does without is told in one line, and the recording can be read."""
    users = Users(fixed_names(""), fixed_names(""))
    monkeypatch.setattr(users, "facts", lambda: {"users": "u" * MAX_RECORD_BYTES, "groups": "g::1"})
    lines: list[str] = []
    with Recorder(tmp_path / "tape") as recorder:
        stages = app.Stages([users], Begun(), None, recorder)  # type: ignore[arg-type]
        settings = Settings(record=tmp_path / "tape")
        app._begin(settings, Begun(), stages, lines.append)  # type: ignore[arg-type]
    assert lines == ["the recording has no room for users: a replay does without"]
    recording = Recording(tmp_path / "tape")
    assert list(recording.batches())
    assert json.loads(recording.session.facts)["groups"] == "g::1"


def ignore(_line: str) -> None:
    """Take a line for nobody."""


@pytest.mark.parametrize(("text", "expected"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_a_run_for_a_command_has_its_status(
    text: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the command has ended before the run."""

    def trace(_settings: Settings, _say: app.Say, command: Command) -> int:
        command.start()
        while not command.ended:
            time.sleep(0.01)
        return 0

    monkeypatch.setattr(app, "trace", trace)
    assert app.trace_command(["sh", "-c", text], Settings(), ignore) == expected


def test_a_command_that_goes_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has ended before it, and well."""
    commands: list[Command] = []

    def trace(_settings: Settings, _say: app.Say, command: Command) -> int:
        command.start()
        commands.append(command)
        return 0

    monkeypatch.setattr(app, "trace", trace)
    lines: list[str] = []
    assert app.trace_command(["sleep", "99"], Settings(), lines.append) == 0
    assert lines == [f"{commands[0]} goes on: the run has ended before it"]
    os.kill(commands[0].tgid, signal.SIGKILL)
    os.waitpid(commands[0].tgid, 0)


def test_an_error_of_the_run_ends_a_command_that_has_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And keeps its own code."""
    commands: list[Command] = []

    def trace(_settings: Settings, _say: app.Say, command: Command) -> int:
        commands.append(command)
        raise RecordingError("writing x: no")

    monkeypatch.setattr(app, "trace", trace)
    made = tmp_path / "made"
    with pytest.raises(RecordingError):
        app.trace_command(["touch", str(made)], Settings(), ignore)
    assert commands[0].exit_code() is not None
    assert not made.exists()


def test_json_is_the_default_form(tape: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without -o the records are indented."""
    app.replay(tape, Settings(count=1), lambda _line: None)
    assert capfd.readouterr().out.startswith('{\n  "InfoSequenceNumber": 1,\n')


def test_the_consumer_is_that_of_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where it is to be shown, where there are no records, or where proc has other numbers."""
    own = os.getpid()
    monkeypatch.setattr(app, "output_pipe", lambda _number: {"pipe:[7]": None})
    monkeypatch.setattr("kflowd.bpf.source.own_tgid", lambda: own)
    assert app._consumed(Settings()) == {"pipe:[7]": None}
    assert app._consumed(Settings(with_consumer=True)) == {}
    assert app._consumed(Settings(quiet=True)) == {}
    own += 1
    assert app._consumed(Settings()) == {}


def test_who_is_left_out_is_told_in_one_line() -> None:
    """With the option that shows it."""
    found = [Process(7, 1, "cat"), Process(8, 1, "j\nq")]
    assert app._leaving_out(found) == (
        "leaving out cat (7), j?q (8): who reads the output; --with-consumer shows it"
    )
