# SPDX-License-Identifier: Apache-2.0
"""Messages of applications, as the kernel carries them, under one agent.

The workload says what was sent. Each end has it in its record, in its own direction, and nothing
else claims to have it.
"""

from typing import NamedTuple

import pytest

from tests.host import talks
from tests.host.agent import Agent, Result
from tests.host.talked import ANSWER, ends, free_port, request, said, talk

# what is said over which application and protocol
TALKS = {
    "http": "http=tcp",
    "http6": "http=tcp",
    "bytewise": "http=tcp",
    "download": "http=tcp",
    "dns": "dns=udp",
    "dns_tcp": "dns=tcp",
    "syslog": "syslog=udp",
    "syslog_tcp": "syslog=tcp",
}


class Talked(NamedTuple):
    """What was said, at which port, and what the agent tells of it."""

    ports: dict[str, int]
    result: Result


@pytest.fixture(scope="module")
def talked() -> Talked:
    """Let all programs talk under one agent: an emulated machine starts it slowly."""
    ports: dict[str, int] = {}
    while len(ports) < len(TALKS):
        port = free_port()
        if port not in ports.values():
            ports[[*TALKS][len(ports)]] = port
    given: dict[str, list[str]] = {}
    for what, how in TALKS.items():
        application, protocol = how.split("=")
        given.setdefault(application, []).append(f"{protocol}/{ports[what]}")
    options = [f"-p{application}={','.join(listed)}" for application, listed in given.items()]
    with Agent("-m", "socket", *options) as agent:
        for what, port in ports.items():
            talk(what, port)
        return Talked(ports, agent.finish())


def test_nobody_else_says_anything(talked: Talked) -> None:
    """Records of other ports have no messages."""
    ours = set(talked.ports.values())
    for record in talked.result.records:
        if not ours & {record.get("SockLocalPort"), record.get("SockRemotePort")}:
            assert not any(name.startswith("App") for name in record)


@pytest.mark.parametrize("what", ["http", "http6"])
def test_http(talked: Talked, what: str) -> None:
    """Requests and answers of a connection, in both directions, at both ends."""
    found = ends(talked.result, talked.ports[what])
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


def test_one_byte_at_a_time(talked: Talked) -> None:
    """What is in many segments is one message."""
    found = ends(talked.result, talked.ports["bytewise"])
    for record, asked, answered in (
        (found["CLIENT"], "AppTxHttp", "AppRxHttp"),
        (found["SERVER"], "AppRxHttp", "AppTxHttp"),
    ):
        assert said(record, asked) == [request(0)]
        assert said(record, answered) == [ANSWER]


def test_a_download_is_cut_and_the_next_message_is_found(talked: Talked) -> None:
    """Of ten million bytes the beginning is read; what comes behind them is no part of them."""
    found = ends(talked.result, talked.ports["download"])
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


@pytest.mark.parametrize("what", ["dns", "dns_tcp"])
def test_dns(talked: Talked, what: str) -> None:
    """A question and its answer, as datagrams and over a connection."""
    found = ends(talked.result, talked.ports[what])
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


@pytest.mark.parametrize("what", ["syslog", "syslog_tcp"])
def test_syslog(talked: Talked, what: str) -> None:
    """Lines as datagrams, and over a connection in both framings."""
    found = ends(talked.result, talked.ports[what])
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
