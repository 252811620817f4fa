# SPDX-License-Identifier: Apache-2.0
"""Messages of applications by runs of their own: other ports, older connections, replays."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.host.agent import ROOT, Agent, run
from tests.host.talked import (
    ANSWER,
    APPLICATIONS,
    TALKS,
    ends,
    free_port,
    options,
    request,
    run_of,
    said,
)


def test_ports_that_nobody_asked_for_are_not_read() -> None:
    """Neither those of another application nor any where all are off."""
    port = free_port()
    for given in (options(port + 1, "http"), [f"-p{each}=off" for each in APPLICATIONS]):
        for record in ends(run_of("http", port, *given), port).values():
            assert not any(name.startswith("App") for name in record)


def test_a_connection_that_is_older_than_kflowd() -> None:
    """What began before is noted; what begins later is read."""
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, TALKS, "joined", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    with program, Agent("-m", "socket", *options(port, "http")) as agent:
        assert program.stdout.readline() == b"ready\n"
        program.stdin.write(b"\n")
        program.stdin.flush()
        assert program.wait() == 0
        found = ends(agent.finish(), port)
    for record, asked, answered in (
        (found["CLIENT"], "AppTxHttp", "AppRxHttp"),
        (found["SERVER"], "AppRxHttp", "AppTxHttp"),
    ):
        assert said(record, asked)[-1] == request(7)
        assert all("/before" not in each.get("_Url", "") for each in said(record, asked))
        (answer,) = said(record, answered)
        assert {key: answer[key] for key in ANSWER} == ANSWER


def test_a_replay_says_the_same(tmp_path: Path) -> None:
    """At the ports of the run, whatever those of today are."""
    port = free_port()
    recording = tmp_path / "run.kflowd"
    result = run_of("http", port, *options(port, "http"), "--record", str(recording))
    replayed = run("replay", "-o", "json-min", "--separator", "newline", str(recording))
    assert replayed.returncode == 0
    again = [json.loads(line) for line in replayed.stdout.splitlines() if line]
    of_run = [record for record in result.records if "App" in record]
    assert len(of_run) == 2
    assert [record for record in again if "App" in record] == of_run


def test_an_interim_record_has_what_was_said_since() -> None:
    """A connection that goes on is told of, and nothing twice."""
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, TALKS, "joined", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    given = ["-m", "socket", *options(port, "http"), "-t", "1,2"]
    with program, Agent(*given) as agent:
        assert program.stdout.readline() == b"ready\n"
        program.stdin.write(b"\n")
        program.stdin.flush()
        assert program.wait() == 0
        agent.settle()
        result = agent.stop(signal.SIGTERM)
    urls = [
        message["_Url"]
        for record in result.records
        if record.get("SockRemotePort") == port
        for message in record.get("AppTxHttp", [])
        if "_Url" in message
    ]
    assert urls == ["/kf?x=7"]
