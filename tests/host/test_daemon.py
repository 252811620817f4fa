# SPDX-License-Identifier: Apache-2.0
"""A run in the background: ready when its parent ends, and gone with its file."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.host.agent import ATTACH_MODE, COMMAND, START_SECONDS, STOP_SECONDS
from tests.host.test_udp import Server

pytestmark = pytest.mark.host


def test_it_is_ready_when_the_command_comes_back(tmp_path: Path) -> None:
    """What happens from then on is told; SIGTERM by the number in the file ends it."""
    server, file = Server("127.0.0.1"), tmp_path / "pid"
    # nothing of others: what the server has is read until it is quiet
    filters = ["--include", f"path={tmp_path}"]
    options = ["-d", "-u", str(server), "--pid-file", str(file), "-m", "file", *filters]
    subprocess.run([*COMMAND, *ATTACH_MODE, *options], check=True, timeout=START_SECONDS)
    pid = int(file.read_text())
    try:
        assert os.getsid(pid) == pid
        (tmp_path / "seen").write_text("x")
        end = time.monotonic() + 10
        found = []
        while "seen" not in found and time.monotonic() < end:
            found += [record.get("File") for record in server.records()]
        assert "seen" in found
    finally:
        server.socket.close()
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while file.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not file.exists()


def test_a_failure_is_told_where_it_was_started(tmp_path: Path) -> None:
    """With its line and its exit code."""
    options = ["-d", "--record", str(tmp_path / "missing" / "r")]
    run = subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, check=False, timeout=START_SECONDS
    )
    assert run.returncode == 1
    assert "No such file or directory" in run.stderr
