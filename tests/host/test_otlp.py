# SPDX-License-Identifier: Apache-2.0
"""Records as logs of OpenTelemetry, by the real agent to a real collector."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rotel  # type: ignore[import-untyped]

from tests.host.agent import Agent, losses
from tests.host.test_outputs import FILES, closed_port, names, settings, work
from tests.unit.delivery.make import SECONDS

COLLECTOR = Path(rotel.__file__).with_name("rotel-agent")
_NUMBER = re.compile(r"-> kflowd\.info_sequence_number: Int\((\d+)\)$", re.MULTILINE)
_FILE = re.compile(r"-> file\.path: Str\((.*)\)$", re.MULTILINE)


@contextmanager
def collector(port: int, log: Path) -> Iterator[None]:
    """Run a collector that writes all that it gets, as text, to a file."""
    with log.open("w") as out:
        process = subprocess.Popen(
            [COLLECTOR, "start", "--exporter", "blackhole", "--pid-file", log.with_suffix(".pid"),
             "--otlp-http-endpoint", f"127.0.0.1:{port}",
             "--otlp-grpc-endpoint", f"127.0.0.1:{closed_port()}",
             "--debug-log", "logs", "--debug-log-verbosity", "detailed"],
            stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(SECONDS)


@pytest.mark.parametrize("compress", ["none", "gzip"])
def test_logs_of_a_run(compress: str, folder: Path, tmp_path: Path) -> None:
    """The collector has each record once, with the names that OpenTelemetry has for them."""
    port, log = closed_port(), tmp_path / "log"
    config = settings(
        tmp_path / "kflowd.toml",
        {"sink": "http", "format": "otlp", "url": f"http://127.0.0.1:{port}/v1/logs",
         "compress": compress, "batch": {"age": "200ms"}},
    )  # fmt: skip
    with collector(port, log):
        with Agent("-m", "file,socket,process", "-C", config) as agent:
            work(folder, FILES)
            time.sleep(1)
            work(folder, FILES, "later")
            result = agent.finish()
        time.sleep(0.5)
    assert result.exit_code == 0, result.stderr
    assert not losses(result.records)
    text = log.read_text()
    numbers = [int(it) for it in _NUMBER.findall(text)]
    everything = [json.loads(it) for it in result.stdout.split(b"\n\x1e\n")[:-1]]
    assert numbers == [it["InfoSequenceNumber"] for it in everything]
    paths = {it for it in _FILE.findall(text) if it.startswith(str(folder))}
    assert {Path(it).name for it in paths} == names(result.records, folder)
    host = everything[0]["InfoHostName"]
    assert f"-> host.name: Str({host})" in text
    assert "EventName: kflowd.filesystem" in text
