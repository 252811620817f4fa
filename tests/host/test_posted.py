# SPDX-License-Identifier: Apache-2.0
"""Records over HTTP, by the real agent to real servers of this process."""

import json
import socket
import threading
import time
from pathlib import Path

from tests.host.agent import Agent, losses
from tests.host.test_outputs import _LINE, END_SECONDS, FILES, MANY, names, settings, work
from tests.unit.delivery.sinks.posted import Handler, Server, certify, status


def test_records_over_http(folder: Path, tmp_path: Path) -> None:
    """Plain and over TLS, compressed and not: the same as on standard output, in order."""
    certificate = certify(tmp_path)
    token = tmp_path / "token"
    token.write_text("secret")
    with Server() as plain, Server(certificate=certificate) as secure:
        batch = {"age": "200ms"}
        config = settings(
            tmp_path / "kflowd.toml",
            {"sink": "http", "url": plain.url(), "compress": "gzip", "batch": batch},
            {"sink": "http", "url": secure.url(), "ca": tmp_path / "certificate", "batch": batch,
             "token_file": token},
        )  # fmt: skip
        with Agent("-m", "file,socket", "-C", config) as agent:
            work(folder, FILES)
            time.sleep(1)
            work(folder, FILES, "later")
            pid = agent.process.pid
            result = agent.finish()
        assert result.exit_code == 0, result.stderr
        everything = result.stdout.split(b"\n\x1e\n")[:-1]
        assert plain.texts == everything
        assert secure.texts == everything
        assert len(plain.posted) > 1
        assert len({it.peer for it in plain.posted}) == 1
        assert {it.headers["authorization"] for it in secure.posted} == {"Bearer secret"}
    written = {f"{name}{n}" for n in range(FILES) for name in ("file", "later")}
    assert names(result.records, folder) == written
    assert not losses(result.records)
    # what is sent is none of it
    assert not [it for it in map(json.loads, everything) if it.get("ProcPID") == pid]


def test_servers_that_fail_cost_the_others_nothing(folder: Path, tmp_path: Path) -> None:
    """One that hangs, one that is busy for ever, one that refuses, one that speaks no TLS."""
    leave = threading.Event()

    def hang(it: Handler) -> None:
        leave.wait(60)
        it.close_connection = True

    still = socket.create_server(("127.0.0.1", 0))
    queue = {"bytes": "64KiB"}
    with (
        Server([hang] * 100) as hangs,
        Server([status(503)] * 1000) as busy,
        Server([status(401)] * 10000) as refuses,
        Server() as plain,
        Server() as good,
    ):
        config = settings(
            tmp_path / "kflowd.toml",
            {"sink": "http", "url": hangs.url(), "queue": queue},
            {"sink": "http", "url": busy.url(), "queue": queue},
            {"sink": "http", "url": refuses.url(), "batch": {"age": 0}},
            {"sink": "http", "url": f"https://127.0.0.1:{plain.port}/", "queue": queue},
            {"sink": "http", "url": f"http://127.0.0.1:{still.getsockname()[1]}/", "queue": queue},
            {"sink": "http", "url": good.url()},
        )
        with Agent("-m", "file", "-C", config) as agent:
            work(folder, MANY)
            agent.settle()
            began = time.monotonic()
            result = agent.stop()
            ended = time.monotonic() - began
        leave.set()
        assert ended < END_SECONDS
        assert result.exit_code == 1
        everything = result.stdout.split(b"\n\x1e\n")[:-1]
        assert names(result.records, folder) == {f"file{n}" for n in range(MANY)}
        assert good.texts == everything
        assert refuses.texts == everything
        assert not plain.posted
    lines = {name: (int(out), int(lost)) for name, out, lost, _ in _LINE.findall(result.stderr)}
    assert len(lines) == 5, result.stderr
    assert set(lines.values()) == {(0, len(everything))}
    assert "kflowd: writing records to http " in result.stderr
    still.close()
