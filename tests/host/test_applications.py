# SPDX-License-Identifier: Apache-2.0
"""Messages of applications, as the kernel of this host carries them.

The workload says what was sent. Each end has it in its record, in its own direction, and nothing
else claims to have it.
"""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host import talks
from tests.host.agent import ROOT, Agent, Record, Result, health_records, run

TALKS = str(Path(talks.__file__))
APPLICATIONS = ("dns", "http", "syslog")
ANSWER = {
    "_Version": "HTTP/1.1",
    "_Status": 200,
    "_Reason": "OK",
    "Content-Type": "text/html",
    "Content-Length": "12",
    "_Body": "<p>hello</p>",
}


def free_port() -> int:
    """Return a port where nobody listens, of both protocols."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind((talks.HOST, 0))
        port: int = tcp.getsockname()[1]
        udp.bind((talks.HOST, port))
        return port


def options(port: int, application: str, protocol: str = "tcp") -> list[str]:
    """Return what makes one application listen at this port alone, others nowhere."""
    given = [f"{each}=off" for each in APPLICATIONS if each != application]
    return [f"-p{each}" for each in (f"{application}={protocol}/{port}", *given)]


def talk(what: str, port: int, *given: str) -> Result:
    """Return the records of sockets while a program talks."""
    with Agent("-m", "socket", *given) as agent:
        subprocess.run([sys.executable, TALKS, what, str(port)], check=True, cwd=ROOT)
        return agent.finish()


def ends(result: Result, port: int) -> dict[str, Record]:
    """Return the records of both ends of what went to a port, by role; only they have messages."""
    assert result.exit_code == 0
    found = {}
    for record in result.records:
        if port in (record.get("SockLocalPort"), record.get("SockRemotePort")):
            role = "SERVER" if record["SockLocalPort"] == port else "CLIENT"
            assert role not in found, "one record for each end"
            found[role] = record
        else:
            assert not any(name.startswith("App") for name in record)
    (health,) = health_records(result.records)[-1:]
    assert health["HealthPayloadLostRing"] == 0
    assert health["HealthMessagesLost"] == health["HealthConversationsLost"] == 0
    return found


def said(record: Record, key: str) -> list[Record]:
    """Return messages without their times, which are in order and inside the socket's life."""
    found = [dict(each) for each in record.get(key, [])]
    stamps = [each.pop("_Timestamp") for each in found if "_Timestamp" in each]
    assert stamps == sorted(stamps)
    assert all(0 <= each <= record["SockAge"] for each in stamps)
    return found


def request(number: int) -> Record:
    """Return the members of a request."""
    return {
        "_Method": "GET",
        "_Url": f"/kf?x={number}",
        "_Version": "HTTP/1.1",
        "Host": "kf.example",
        "Accept": "*/*",
    }


@pytest.mark.parametrize("what", ["http", "http6"])
def test_http(what: str) -> None:
    """Requests and answers of a connection, in both directions, at both ends."""
    port = free_port()
    result = talk(what, port, *options(port, "http"))
    found = ends(result, port)
    for role, tx, rx in (("CLIENT", "Tx", "Rx"), ("SERVER", "Rx", "Tx")):
        record = found[role]
        assert record["App"] == "HTTP"
        asked, answered = said(record, f"App{tx}Http"), said(record, f"App{rx}Http")
        # four of six are shown, in the order in which they were said
        assert asked == [request(0), request(1)]
        assert answered == [ANSWER] * 2
        assert record["AppMessages"] == 2 * talks.ROUNDS
        names = [name for name in record if name in ("AppTxHttp", "AppRxHttp")]
        assert names == [f"App{tx}Http", f"App{rx}Http"]


def test_one_byte_at_a_time() -> None:
    """What is in many segments is one message."""
    port = free_port()
    found = ends(talk("bytewise", port, *options(port, "http")), port)
    for record, asked, answered in (
        (found["CLIENT"], "AppTxHttp", "AppRxHttp"),
        (found["SERVER"], "AppRxHttp", "AppTxHttp"),
    ):
        assert said(record, asked) == [request(0)]
        assert said(record, answered) == [ANSWER]


def test_a_download_is_cut_and_the_next_message_is_found() -> None:
    """Of ten million bytes the beginning is read; what comes behind them is no part of them."""
    port = free_port()
    found = ends(talk("download", port, *options(port, "http")), port)
    for record, asked, answered in (
        (found["CLIENT"], "AppTxHttp", "AppRxHttp"),
        (found["SERVER"], "AppRxHttp", "AppTxHttp"),
    ):
        assert said(record, asked) == [request(0), request(1)]
        first, second = said(record, answered)
        assert first["_Body"] == "x" * 1024
        assert first["_Length"] >= talks.LARGE
        assert {"CUT", "GAP"} & set(first["_Notes"])
        assert second == ANSWER


@pytest.mark.parametrize(("what", "protocol"), [("dns", "udp"), ("dns_tcp", "tcp")])
def test_dns(what: str, protocol: str) -> None:
    """A question and its answer, as datagrams and over a connection."""
    port = free_port()
    found = ends(talk(what, port, *options(port, "dns", protocol)), port)
    for record, asked, answered in (
        (found["CLIENT"], "AppTxDns", "AppRxDns"),
        (found["SERVER"], "AppRxDns", "AppTxDns"),
    ):
        assert record["App"] == "DNS"
        assert said(record, asked) == [
            {
                "TransactionId": 0x1234,
                "OpCode": "QUERY",
                "Flags": ["RD"],
                "ResourceRecords": [["A", "kf.example"]],
            }
        ]
        assert said(record, answered) == [
            {
                "TransactionId": 0x1234,
                "ResponseCode": "NOERROR",
                "Flags": ["QR", "RD", "RA"],
                "AnswerCount": 1,
                "ResourceRecords": [["A", "kf.example", 3600, "IN", "192.0.2.7"]],
            }
        ]


@pytest.mark.parametrize(("what", "protocol"), [("syslog", "udp"), ("syslog_tcp", "tcp")])
def test_syslog(what: str, protocol: str) -> None:
    """Lines as datagrams, and over a connection in both framings."""
    port = free_port()
    found = ends(talk(what, port, *options(port, "syslog", protocol)), port)
    wanted = [
        {
            "Facility": "User",
            "Severity": "Notice (5)",
            "Priority": 13,
            "Version": 1,
            "Timestamp": "2026-11-27T20:36:35Z",
            "Hostname": "host.example",
            "Appname": "kf",
            "ProcId": "4711",
            "MsgId": f"ID{number}",
            "Message": f"line {number}",
        }
        for number in range(talks.ROUNDS)
    ]
    assert said(found["CLIENT"], "AppTxSyslog") == wanted
    assert said(found["SERVER"], "AppRxSyslog") == wanted
    assert "AppRxSyslog" not in found["CLIENT"]


def test_ports_that_nobody_asked_for_are_not_read() -> None:
    """Neither those of another application nor any where all are off."""
    port = free_port()
    for given in (options(port + 1, "http"), [f"-p{each}=off" for each in APPLICATIONS]):
        for record in ends(talk("http", port, *given), port).values():
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
    result = talk("http", port, *options(port, "http"), "--record", str(recording))
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
