# SPDX-License-Identifier: Apache-2.0
"""What a person sees first, in a real terminal."""

import os
import subprocess
import time
from contextlib import suppress

import pytest

from tests.host.agent import ATTACH_MODE, COMMAND

pytestmark = pytest.mark.host
SECONDS = 60


def on_terminal(*options: str) -> list[tuple[float, str]]:
    """Run kflowd with a terminal as stderr; return each line with when it came, in seconds."""
    ours, theirs = os.openpty()
    begin = time.monotonic()
    arguments = [*COMMAND, *ATTACH_MODE, "--duration", "1", *options]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    lines, rest = [], b""
    with suppress(OSError):  # EIO: nobody has the terminal open any more
        while data := os.read(ours, 4096):
            *whole, rest = (rest + data).split(b"\r\n")
            lines += [(time.monotonic() - begin, line.decode()) for line in whole]
    os.close(ours)
    assert process.wait(SECONDS) == 0
    return lines


def test_a_terminal_is_greeted_before_all_is_loaded() -> None:
    """At once what comes, and when it traces, that; then the summary."""
    lines = on_terminal()
    texts = [line for _, line in lines]
    first = "kflowd: loading, to trace file, socket of all processes; Ctrl-C ends"
    assert texts[0] == first
    assert texts[1].startswith("  losses: ")
    assert texts[2].startswith("  for people: -o compact")
    tracing = texts.index("kflowd: tracing file, socket; Ctrl-C ends")
    said, ready = lines[0][0], lines[tracing][0]
    print(f"greeted after {said:.2f} s, traced after {ready:.2f} s")
    # a second where nothing else runs; this machine may have much to do
    assert said < max(1.0, ready / 2)


def test_quiet_is_quiet() -> None:
    """With -q the greeting is left out."""
    assert not [line for _, line in on_terminal("-q") if "loading" in line]


def test_what_is_no_terminal_is_not_greeted() -> None:
    """A pipe gets the summary alone, and what is not covered."""
    arguments = [*COMMAND, *ATTACH_MODE, "--duration", "1"]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=SECONDS)
    assert "loading" not in run.stderr
    assert "for people" not in run.stderr
