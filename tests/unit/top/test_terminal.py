# SPDX-License-Identifier: Apache-2.0
import errno
import os
import pty
import signal
import time
from pathlib import Path

import pytest

from kflowd import streams
from kflowd.top import terminal
from kflowd.top.terminal import Out, is_screen
from tests.unit.top.made import example
from tests.unit.top.screens import Screen, attributes
from tools import top_page

SHOWN, HIDDEN = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    """Return a terminal that shows a file of records."""
    (tmp_path / "records.json").write_bytes(example())
    return Screen("records.json", place=tmp_path)


def is_read(lines: list[str]) -> bool:
    """Say whether the whole file is shown."""
    return "(end)" in lines[0]


def test_it_looks_as_in_the_documents(screen: Screen) -> None:
    """The screen of docs/top.md, and the keys that it names."""
    with screen:
        assert "\n".join(screen.until(is_read)) in top_page.PART.path.read_text()
        screen.press(">")
        assert screen.until(lambda lines: "by PID" in lines[0])[3].split()[0] == "812"
        screen.press("\x1b[D/CU")
        assert "curl" in screen.until(lambda lines: lines[-1].startswith("/CU_"))[3]
        screen.press("\rp")
        screen.until(lambda lines: "PAUSED" in lines[0])
        screen.press("\x1b")
        screen.until(lambda lines: "5 processes  " in lines[0])
        screen.press("q")
        assert screen.wait() == 0


@pytest.mark.parametrize("end", ["q", "\x03", signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_is_given_back(screen: Screen, end: str | signal.Signals) -> None:
    """Its other screen, its cursor, its settings: by a key as by a signal."""
    with screen:
        screen.until(is_read)
        assert attributes(screen.slave) != screen.before
        if isinstance(end, str):
            screen.press(end)
        else:
            os.kill(screen.process.pid, end)
        assert screen.wait() == 0
        assert screen.sent.count(SHOWN) == screen.sent.count(HIDDEN) == 1
        assert screen.sent.endswith(HIDDEN)
        assert attributes(screen.slave) == screen.before


def test_it_can_be_resized(screen: Screen) -> None:
    """The picture has the new size at once, without the last columns or with wider ones."""
    with screen:
        screen.until(is_read)
        screen.resize(60, 8)
        screen.until(lambda lines: len(lines) == 8 and lines[2].endswith("RX") and lines[7])
        screen.resize(120, 30)
        screen.until(lambda lines: lines[2].index("USER") == 49 and lines[29].startswith("q quit"))


def test_a_terminal_that_is_closed_ends_it(screen: Screen) -> None:
    """Nobody is there to press a key."""
    with screen:
        screen.until(is_read)
        screen.hang_up()
        end = time.monotonic() + 20
        while screen.process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_terminal_that_stands_still_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture waits a moment for it."""
    master, slave = pty.openpty()
    monkeypatch.setattr(streams, "STDOUT", slave)
    out = Out()
    began = time.monotonic()
    out.write("x" * 1_000_000)
    out.flush()
    assert time.monotonic() - began < 10 * terminal.PATIENCE_S
    gone = [out.gone]
    os.close(master)
    out.write("x")
    out.flush()
    assert [*gone, out.gone] == [False, True]
    os.close(slave)


def test_what_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, and a terminal that has no other screen."""
    master, slave = pty.openpty()
    for number, term, found in (
        (slave, "xterm", True),
        (slave, "dumb", False),
        (-1, "xterm", False),
    ):
        monkeypatch.setattr(streams, "STDOUT", number)
        monkeypatch.setenv("TERM", term)
        assert is_screen() is found
    os.close(master)
    os.close(slave)


def test_keys_without_a_terminal_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """From standard input if that is one, else from nowhere."""
    monkeypatch.setattr(terminal, "PATH", "/nonexistent")
    monkeypatch.setattr(os, "isatty", lambda _number: False)
    assert terminal._open_keys() == -1
    monkeypatch.setattr(os, "isatty", lambda _number: True)
    number = terminal._open_keys()
    assert number > 2
    os.close(number)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(number)
