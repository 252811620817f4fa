# SPDX-License-Identifier: Apache-2.0
"""Messages of applications by runs of their own: other ports, older connections, replays."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.host import talks
from tests.host.agent import ROOT, Agent, health_records, run
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
    talk,
)

# behind -t 1,2: an interim record is due two seconds after the first, at a sweep
INTERIM_S = 5.0
QUIET = 7


def test_ports_that_nobody_asked_for_are_not_read() -> None:
    """Neither those of another application nor any where all are off."""
    port = free_port()
    for given in (options(port + 1, "http"), [f"-p{each}=off" for each in APPLICATIONS]):
        for record in ends(run_of("http", port, *given), port).values():
            assert not any(name.startswith("App") for name in record)


@contextmanager
def parted(what: str, port: int) -> Iterator[Callable[[], None]]:
    """Run a program that talks in two parts until the first is over; yield what has it go on."""
    with subprocess.Popen(
        [sys.executable, TALKS, what, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        stdin = program.stdin
        assert program.stdout.readline() == b"ready\n"

        def go_on() -> None:
            stdin.write(b"\n")
            stdin.flush()
            assert program.wait() == 0

        yield go_on


def test_a_connection_that_is_older_than_kflowd() -> None:
    """What began before is noted; what begins later is read."""
    port = free_port()
    with parted("joined", port) as go_on, Agent("-m", "socket", *options(port, "http")) as agent:
        go_on()
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
    given = ["-m", "socket", *options(port, "http"), "-t", "1,2"]
    with Agent(*given) as agent, parted("staged", port) as go_on:
        time.sleep(INTERIM_S)
        go_on()
        result = agent.stop(signal.SIGTERM)
    for end, asked in (("SockRemotePort", "AppTxHttp"), ("SockLocalPort", "AppRxHttp")):
        told = [
            ("INTERIM" in record.get("SockNotes", ()), said(record, asked))
            for record in result.records
            if record.get(end) == port and "App" in record
        ]
        assert told == [(True, [request(0)]), (False, [request(1)])]


def test_a_flood_takes_no_messages_of_others() -> None:
    """It has a share of what is captured, and what is beyond is counted."""
    flooded, quiet = free_port(), free_port()
    given = options(flooded, "dns", "udp")
    given[0] += f",udp/{quiet}"
    with Agent("-m", "socket", *given, "--ring-bytes", "1MiB") as agent:
        with subprocess.Popen([sys.executable, TALKS, "flood", str(flooded)], cwd=ROOT) as flood:
            for _ in range(QUIET):
                talk("dns", quiet)
            assert flood.wait() == 0
        result = agent.finish()
    assert result.exit_code == 0
    for end, asked, answered in (
        ("SockRemotePort", "AppTxDns", "AppRxDns"),
        ("SockLocalPort", "AppRxDns", "AppTxDns"),
    ):
        told = [it for it in result.records if it.get(end) == quiet]
        assert len(told) == QUIET
        assert all(len(said(it, asked)) == len(said(it, answered)) == 1 for it in told)
    (health,) = health_records(result.records)[-1:]
    assert health["HealthPayloadLostShare"] > talks.FLOOD
