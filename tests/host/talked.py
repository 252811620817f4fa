# SPDX-License-Identifier: Apache-2.0
"""Runs an agent beside programs that talk (`talks`), and reads what its records say of them."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.host import talks
from tests.host.agent import ROOT, Agent, Record, Result, health_records

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


def talk(what: str, port: int) -> None:
    """Let a program talk."""
    subprocess.run([sys.executable, TALKS, what, str(port)], check=True, cwd=ROOT)


def run_of(what: str, port: int, *given: str) -> Result:
    """Return the records of sockets while a program talks."""
    with Agent("-m", "socket", *given) as agent:
        talk(what, port)
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
