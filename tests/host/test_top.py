# SPDX-License-Identifier: Apache-2.0
"""`kflowd top` with a real agent in a real terminal: it sees, and leaves nothing behind."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.host.agent import AS_NOBODY, ATTACH_MODE, ROOT
from tests.unit.top import screens
from tests.unit.top.screens import COMMAND, Screen, attributes

FILES = 29


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "SECONDS", 120.0)  # a busy emulated machine loads for minutes


def children(pid: int) -> list[int]:
    """Return the children of a process with one thread."""
    return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_gone(pid: int) -> bool:
    """Say whether a process ends soon."""
    end = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    return not Path(f"/proc/{pid}").exists()


def write_files(place: Path) -> str:
    """Let one process write files; return its number."""
    script = f"for n in $(seq {FILES}); do echo $n > {place}/$n; done; echo $$"
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize("end", ["q", signal.SIGTERM])
def test_it_shows_what_a_process_does(tmp_path: Path, end: str | signal.Signals) -> None:
    """Each file of it; at the end the terminal is as before, the agent gone, its summary told."""
    options = ["-m", "file", "--include", f"path={tmp_path}", *ATTACH_MODE]
    with Screen(*options, place=ROOT) as screen:
        screen.until(lambda lines: lines[2].endswith("LAST 20 s"))
        (agent,) = children(screen.process.pid)
        # nothing says on the screen that the agent is ready: until it shows something
        screen.until(lambda lines: lines[3] or not write_files(tmp_path))
        wanted = write_files(tmp_path)
        screen.press(f"/{wanted}\r")
        # another one with as many files may stand there until the filter holds
        lines = screen.until(
            lambda lines: lines[3].split()[:1] == [wanted] and f" {FILES} " in lines[3]
        )
        assert lines[3].split()[:5] == [wanted, "bash", "root", str(FILES), str(4 * FILES)]
        if isinstance(end, str):
            screen.press(end)
        else:
            os.kill(screen.process.pid, end)
        assert screen.wait() == 0
        assert is_gone(agent)
        assert attributes(screen.slave) == screen.before
        assert b"file events: " in screen.sent


def test_an_agent_ends_with_it(tmp_path: Path) -> None:
    """Also when nobody could ask it to."""
    with Screen("-m", "file", *ATTACH_MODE, place=ROOT) as screen:
        # on a quiet host nobody else does anything
        screen.until(lambda lines: lines[3] or not write_files(tmp_path))
        (agent,) = children(screen.process.pid)
        os.kill(screen.process.pid, signal.SIGKILL)
        screen.process.wait()
        assert is_gone(agent)


def test_who_may_not_is_told(tmp_path: Path) -> None:
    """One line and the agent's exit code; a file can be read."""
    for arguments, code, said in (([], 4, b"kflowd: "), (["/dev/null"], 0, b"")):
        done = subprocess.run(
            [*AS_NOBODY, *COMMAND, *arguments], check=False, capture_output=True, cwd=tmp_path
        )
        assert done.returncode == code
        assert done.stderr.startswith(said)
        assert b"Traceback" not in done.stderr
        assert done.stdout.startswith(b"0 processes")
