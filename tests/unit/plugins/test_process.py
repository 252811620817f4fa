# SPDX-License-Identifier: Apache-2.0
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kflowd.plugins.places import Place
from kflowd.plugins.process import Process
from kflowd.plugins.wire import Hello, answer_of, hello_of
from tests.unit.plugins.faulty import FAULTY, request

MEMORY = 256 << 20


def frames(process: Process) -> list[bytes]:
    """Return what it says next."""
    while True:
        process.send()
        assert select.select([process], [], [], 20)[0], "it says nothing"
        if found := list(process.receive()):
            return found


def test_it_greets_and_answers() -> None:
    """What is more than it takes at once is sent later."""
    with Process(Place("faulty", str(FAULTY)), MEMORY) as process:
        assert hello_of(frames(process)[0]) == Hello(
            "0.1", ["faulty"], enrichers={"faulty": ["uid", "user"]}
        )
        assert process.identity is not None
        assert process.identity[0] == process.pid
        process.send(request(b"x" * 30_000, 3) * 20)
        found = frames(process)
        while len(found) < 20:
            found += frames(process)
        assert process.unsent == 0
        assert {answer_of(each, 4).number for each in found} == {3}
    process.close()
    assert process.identity is None


def test_how_it_ended_is_told() -> None:
    """By a signal, or by a code; a plugin that is none says what it lacks."""
    for text, end in ((b"crash", "killed by SIGABRT"), (b"eat", "ended with 12")):
        with Process(Place("faulty", str(FAULTY)), MEMORY) as process:
            frames(process)
            process.send(request(text, 3))
            with pytest.raises(ConnectionError):
                frames(process)
            assert process.ended() == end
    with Process(Place("none", "/dev/null"), MEMORY) as process:
        assert "KFLOWD_PLUGIN" in hello_of(frames(process)[0]).problem


CALLER = """
import sys, time
from kflowd.plugins.places import Place
from kflowd.plugins.process import Process
from tests.unit.plugins.faulty import request
process = Process(Place("faulty", sys.argv[1]), 256 << 20)
process.send(request(b"spin", 3))
print(process.pid, flush=True)
time.sleep(60)
"""


def test_it_does_not_survive_the_agent() -> None:
    """Whatever it does, and however the agent ends."""
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, FAULTY], stdout=subprocess.PIPE, text=True, cwd=root
    ) as caller:
        assert caller.stdout is not None
        worker = int(caller.stdout.readline())
        time.sleep(1.5)
        os.kill(worker, 0)
        caller.send_signal(signal.SIGKILL)
        caller.wait()
    until = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists():
        state = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":  # nobody here waits for it
            break
        assert time.monotonic() < until, "it goes on"
        time.sleep(0.05)
