# SPDX-License-Identifier: Apache-2.0
import fcntl
import json
import os
import pty
import struct
import termios
import threading
from pathlib import Path

import pytest

from kflowd.delivery import outputs as module
from kflowd.delivery.formats import make_format
from kflowd.delivery.formats.screen import PAPER, Screen
from kflowd.delivery.outputs import MOST_WIDTH, look, make_outputs
from kflowd.delivery.queue import Reason
from kflowd.errors import SinkError
from kflowd.settings import BatchSettings, OutputSettings, Settings
from kflowd.settings.servers import Address, Server
from kflowd.settings.urls import parse_url
from tests.unit.delivery.make import until
from tests.unit.delivery.sinks import posted
from tests.unit.serialize.samples import SAMPLES

SERVERS = (Server("192.0.2.1", 2056), Server("2001:db8::1", 514))
NAMES = ["udp 192.0.2.1:2056", "udp [2001:db8::1]:514"]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (Settings(), ["stdout"]),
        (Settings(quiet=True), []),
        (Settings(udp=SERVERS), ["stdout", *NAMES]),
        (Settings(udp=SERVERS, quiet=True), NAMES),
    ],
)
def test_outputs_of_a_run(settings: Settings, names: list[str]) -> None:
    """Standard output first, unless it is not wanted, and each server; all of one form."""
    outputs = make_outputs(settings)
    assert [output.name for output in outputs] == names
    assert {output.form for output in outputs} <= {"json"}
    for output in outputs:
        output.leave()


@pytest.mark.parametrize(
    ("form", "screen"),
    [
        ("json", PAPER),
        ("json-min", PAPER),
        ("compact", Screen(99, colours=True)),
        ("table", Screen(99, colours=True)),
    ],
)
def test_forms_for_people_look_where_they_are_read(
    form: str, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are the same everywhere."""
    monkeypatch.setattr(module, "look", lambda _number, _environment: Screen(99, colours=True))
    output = (OutputSettings(format=form),)  # type: ignore[arg-type] # it is one of them
    (made,) = make_outputs(Settings(output=output))
    assert made.screen == screen
    made.leave()


@pytest.mark.parametrize(
    ("columns", "width"), [(0, 80), (40, 80), (80, 80), (132, 132), (65535, MOST_WIDTH)]
)
def test_the_width_of_a_terminal(columns: int, width: int) -> None:
    """80 at least: what is narrower, or does not say, wraps."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    assert look(terminal, {}) == Screen(width, colours=True)
    assert look(terminal, {"NO_COLOR": "1"}) == look(terminal, {"TERM": "dumb"}) == Screen(width)
    assert look(terminal, {"NO_COLOR": "", "TERM": "xterm"}).colours
    os.close(terminal)
    os.close(reader)


def test_what_is_no_terminal() -> None:
    """A file has 80 columns and no colours, whatever the environment says."""
    number = os.memfd_create("file")
    assert look(number, {"COLUMNS": "200"}) == PAPER
    os.close(number)
    assert look(number, {}) == PAPER


def test_outputs_of_a_file_of_settings(tmp_path: Path) -> None:
    """Each has its sink, form, records and queue; servers of --udp come behind them."""
    path = tmp_path / "records"
    settings = Settings(
        output=(
            OutputSettings(sink="file", path=path, records=frozenset({"health"})),
            OutputSettings(sink="tcp", address=Address("192.0.2.1", 9)),
            OutputSettings(sink="unix", path=tmp_path / "stream"),
            OutputSettings(sink="unixgram", path=tmp_path / "datagram"),
            OutputSettings(format="compact"),
            OutputSettings(sink="syslog", address=Address("192.0.2.1", 514)),
            OutputSettings(sink="syslog", address=Address("192.0.2.1", 514), transport="tls"),
            OutputSettings(sink="journal", path=tmp_path / "journal"),
            OutputSettings(sink="http", url=parse_url("https://192.0.2.1/in"), compress="gzip"),
        ),
        udp=(),
    )
    outputs = make_outputs(settings)
    assert [(it.name, it.form) for it in outputs] == [
        (f"file {path}", "json-min"),
        ("tcp 192.0.2.1:9", "json-min"),
        (f"unix {tmp_path}/stream", "json-min"),
        (f"unixgram {tmp_path}/datagram", "json-min"),
        ("stdout", "compact"),
        ("syslog 192.0.2.1:514", "json-min"),
        ("syslog tls 192.0.2.1:514", "json-min"),
        (f"journal {tmp_path}/journal", "compact"),
        ("http https://192.0.2.1/in", "json-min"),
    ]
    assert [it.wrap for it in outputs[5:]] == ["syslog", "syslog-counted", "journal", None]
    assert {it.wrap for it in outputs[:5]} == {None}
    assert outputs[0].records == {"health"}
    assert [it.reopens for it in outputs] == [True] * 4 + [False, *[True] * 4]
    assert path.stat().st_mode & 0o777 == 0o600
    for output in outputs:
        output.leave()


def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    """Before the kernel side is loaded, and before any thread runs."""
    path = tmp_path / "not there" / "records"
    settings = Settings(output=(OutputSettings(), OutputSettings(sink="file", path=path)))
    threads = threading.active_count()
    with pytest.raises(SinkError) as caught:
        make_outputs(settings)
    assert str(caught.value) == f"writing records to file {path}: No such file or directory"
    assert threading.active_count() == threads


def test_a_table_in_a_file_has_its_head(tmp_path: Path) -> None:
    """At the width of paper, without colours."""
    path = tmp_path / "records"
    (made,) = make_outputs(
        Settings(output=(OutputSettings(sink="file", path=path, format="table"),))
    )
    made.leave()
    assert path.read_bytes().startswith(b"TIME")
    assert path.read_bytes().count(b"\n") == 1


def test_logs_of_opentelemetry_are_one_body() -> None:
    """Of JSON; what the answer rejects is counted, and what OTLP does not send again is lost."""
    answers = [
        posted.status(503),
        posted.answered(b'{"partialSuccess":{"rejectedLogRecords":"1"}}'),
    ]
    with posted.Server([*answers, posted.status(500)]) as server:
        settings = OutputSettings(
            sink="http", format="otlp", url=server.url("/v1/logs"), batch=BatchSettings(age_ns=0)
        )
        (output,) = make_outputs(Settings(output=(settings,)))
        texts = [make_format("otlp")(make()) for make in SAMPLES.values()]
        output.put(texts, [])
        until(lambda: output.counts().written == 3)
        until(lambda: output.counts().lost[Reason.REFUSED] == 1)
        output.put(texts, [])
        until(lambda: output.counts().lost[Reason.REFUSED] == 5)
        output.leave()
    first = server.posted[0]
    assert first.headers["content-type"] == "application/json"
    assert first.body == server.posted[1].body
    entries = [
        entry
        for resource in json.loads(first.body)["resourceLogs"]
        for scope in resource["scopeLogs"]
        for entry in scope["logRecords"]
    ]
    assert [it["eventName"] for it in entries] == ["kflowd.filesystem", *["kflowd.socket"] * 3]
