# SPDX-License-Identifier: Apache-2.0
"""Ten thousand records a second into two sinks: does anything get lost on this machine?

.venv/bin/python -m tests.bench.two_sinks [RECORDS-A-SECOND [SECONDS]]
"""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.host.agent import Agent, losses
from tests.host.test_outputs import closed_port, settings

RATE = 10_000
SECONDS = 20
SETTLES = 15
NOISE_BYTES = 2 << 20
# Files that are made, written and closed, each a record; in slices of 10 ms, and never faster than
# asked for. In memory: a disk may be slower.
PACED = """
import os, sys, time
folder, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
slices, began = 100 * seconds, time.monotonic()
for part in range(slices):
    for number in range(part * rate // 100, (part + 1) * rate // 100):
        descriptor = os.open(f"{folder}/{number % 50021}", os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, b"x")
        os.close(descriptor)
    left = began + (part + 1) / 100 - time.monotonic()
    if left > 0:
        time.sleep(left)
print(time.monotonic() - began)
"""


class Reader(threading.Thread):
    """Takes all of one connection and counts its lines.

    Attributes:
        port: Where it listens.
        lines: How many came.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lines = 0
        self.start()

    def run(self) -> None:
        """Count until the other end is closed."""
        connection, _ = self._listener.accept()
        with self._listener, connection:
            while piece := connection.recv(1 << 20):
                self.lines += piece.count(b"\n")


class Flow(NamedTuple):
    """What became of the records.

    Attributes:
        asked: Records for which something was done.
        seconds: That this took.
        of_files: Records of these files in the file, of how many lines.
        lines: In the file.
        read: Lines that came over TCP.
        lost: What the last health record says was lost, by its keys.
        cpu_seconds: Of the agent.
        lag_seconds: The longest that a record waited for the drain.
    """

    asked: int
    seconds: float
    of_files: int
    lines: int
    read: int
    lost: dict[str, int]
    cpu_seconds: float
    lag_seconds: float


def flow(base: Path, rate: int, seconds: int) -> Flow:
    """Run the agent beside files that are written at a rate, into a file and over TCP."""
    folder, path, reader = base / "work", base / "records.json", Reader()
    folder.mkdir()
    config = settings(
        base / "kflowd.toml",
        {"sink": "file", "path": path},
        {"sink": "tcp", "address": f"127.0.0.1:{reader.port}"},
    )
    port = closed_port()
    with Agent("-C", config, "-q", "-m", "file", "--listen", f"127.0.0.1:{port}") as agent:
        before = agent.cpu_seconds()
        command = [sys.executable, "-I", "-S", "-c", PACED, str(folder), str(rate), str(seconds)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        lag = _metric(port, "kflowd_drain_lag_seconds")
        _settle(path)
        spent = agent.cpu_seconds() - before
        agent.stop()
    reader.join(10)
    lines = path.read_bytes().splitlines()
    mark = f'"FilePath": "{folder}/'.encode()
    last = [json.loads(lines[-1])]
    return Flow(
        rate * seconds,
        float(done.stdout),
        sum(mark in line for line in lines),
        len(lines),
        reader.lines,
        losses(last),
        spent,
        lag,
    )


def _settle(path: Path) -> None:
    """Wait until a file grows no more, but for what others do on this host."""
    for _ in range(SETTLES):
        size = path.stat().st_size
        time.sleep(2)
        if path.stat().st_size - size < NOISE_BYTES:
            break


def _metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def two_sinks(rate: int = RATE, seconds: int = SECONDS) -> str:
    """Return a line on what came of it."""
    with TemporaryDirectory(dir="/dev/shm") as name:
        found = flow(Path(name).resolve(), rate, seconds)
    lost = ", ".join(f"{n} {key}" for key, n in found.lost.items()) or "nothing lost"
    return (
        f"{found.asked / found.seconds:.0f} records/s for {found.seconds:.0f} s into two sinks: "
        f"{found.of_files} of {found.asked} in the file, of {found.lines} lines, "
        f"{found.read} lines by tcp, {lost}; "
        f"{found.cpu_seconds / found.lines * 1e6:.1f} us CPU per record, "
        f"{found.lag_seconds:.2f} s longest lag of the drain"
    )


if __name__ == "__main__":
    print(two_sinks(*map(int, sys.argv[1:])))
