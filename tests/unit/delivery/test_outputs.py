# SPDX-License-Identifier: Apache-2.0
import fcntl
import os
import pty
import struct
import termios

import pytest

from kflowd.delivery import outputs as module
from kflowd.delivery.formats.screen import PAPER, Screen
from kflowd.delivery.outputs import MOST_WIDTH, look, make_outputs
from kflowd.settings import OutputSettings, Settings
from kflowd.settings.servers import Server

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
