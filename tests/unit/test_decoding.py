# SPDX-License-Identifier: Apache-2.0
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kflowd import cli
from kflowd.captures import FlowStats
from kflowd.decoding import told
from kflowd.plugins import service
from kflowd.plugins.places import Place
from kflowd.serialize.plugged import plug
from kflowd.serialize.record import FlowRecord, record_keys
from tests.unit.captures.make import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    SERVER,
    SYN,
    ethernet,
    ipv4,
    number,
    pcap,
    tcp,
    udp,
)  # fmt: skip
from tests.unit.delivery.formats.ocsf_schema import check
from tests.unit.plugins.faulty import MEMCACHED

TIME = 1_700_000_000_000_000_000
NAME = b"\x07example\x03org\x00"
QUESTION = number(7, 2) + b"\x01\x00\0\x01\0\0\0\0\0\0" + NAME + b"\0\x01\0\x01"
ANSWER = (
    number(7, 2) + b"\x81\x80\0\x01\0\x01\0\0\0\0" + NAME + b"\0\x01\0\x01"
    + b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + SERVER
)  # fmt: skip
REQUEST = b"GET /x HTTP/1.1\r\nHost: example.org\r\n\r\n"
RESPONSE = b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n"


def sent(seq: int, flags: int, data: bytes = b"") -> bytes:
    return ethernet(ipv4(6, tcp(40000, 80, seq, flags, data)))


def got(seq: int, flags: int, data: bytes = b"") -> bytes:
    return ethernet(ipv4(6, tcp(80, 40000, seq, flags, data), SERVER, CLIENT))


FRAMES = [
    ethernet(ipv4(17, udp(50000, 53, QUESTION))),
    ethernet(ipv4(17, udp(53, 50000, ANSWER), SERVER, CLIENT)),
    sent(9, SYN), got(99, SYN | ACK), sent(10, ACK),
    sent(30, PSH | ACK, REQUEST[20:]), sent(10, PSH | ACK, REQUEST[:20]),
    got(100, PSH | ACK, RESPONSE), sent(10 + len(REQUEST), FIN | ACK),
    got(100 + len(RESPONSE), FIN | ACK),
]  # fmt: skip
CAPTURE = pcap((TIME + 1000 * at, frame) for at, frame in enumerate(FRAMES))


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "some.pcap"
    path.write_bytes(CAPTURE)
    return path


def decoded(capfd: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """Return the records of a command that ends well."""
    assert cli.run(["decode", "-o", "json-min", "--separator", "newline", *arguments]) == 0
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_a_flow_is_a_record_with_its_messages(
    capture: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a process, in the order of the first packets; time is that of the capture."""
    dns, http = decoded(capfd, str(capture))
    for record in (dns, http):
        assert list(record) == [key for key in record_keys(FlowRecord) if key in record]
        assert not [key for key in record if key.startswith("Proc")]
        assert (record["SockRole"], record["InfoHostName"], record["InfoHostIP"]) == (
            *("CLIENT", "", ""),
        )
        assert "SockRxPacketsDrop" not in record
        assert "SockNotes" not in record
    assert dns["AppTxDns"][0]["ResourceRecords"] == [["A", "example.org"]]
    assert dns["AppRxDns"][0]["ResourceRecords"] == [["A", "example.org", 60, "IN", "198.51.100.7"]]
    assert http["InfoTimestamp"] == "Tue, Nov 14 2023 22:13:20.000009000 UTC"
    assert http["AppTxHttp"] == [
        {
            "_Timestamp": 0.000004, "_Method": "GET", "_Url": "/x", "_Version": "HTTP/1.1",
            "Host": "example.org",
        }
    ]  # fmt: skip
    assert http["AppRxHttp"][0]["_Status"] == 301
    assert (http["SockTxBytes"], http["SockState"]) == (len(REQUEST), "TCP_CLOSE")


def test_ports_and_strictness_are_the_users(
    capture: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As for a run on this host."""
    dns, http = decoded(capfd, "-p", "http=off", "--strict", str(capture))
    assert "App" in dns
    assert "App" not in http
    assert "InfoTime" not in http


def test_standard_input_is_a_capture(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named by a dash."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CAPTURE)))
    assert len(decoded(capfd, "-")) == 2


def test_people_read_it_too(capture: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In the other forms, and a line says how much there was."""
    for form in ("json", "compact", "table", "ecs"):
        assert cli.run(["decode", "-o", form, str(capture)]) == 0
        out, err = capfd.readouterr()
        assert {"json": '"_Url": "/x"', "table": "80 GET"}.get(form, "GET /x 301") in out
        assert '"Proc' not in out
        assert err == "kflowd: 2 records of 10 packets\n"


def test_nothing_is_said_of_the_host(capture: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody knows where it was captured: documents have no field for that."""
    command = ["decode", "--separator", "newline", str(capture), "-o"]
    assert cli.run([*command, "ecs"]) == 0
    assert cli.run([*command, "ocsf"]) == 0
    ecs, _, ocsf, *others = map(json.loads, capfd.readouterr().out.splitlines())
    assert "host" not in ecs
    assert ecs["source"]["ip"] == "192.0.2.1"
    assert "device" not in ocsf
    for event in (ocsf, *others):
        check(event)
    assert {it["class_uid"] for it in others} == {4001, 4002, 4003}


def test_an_empty_datagram_is_a_message(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One that is none of its protocol; a segment without data is none at all."""
    path = tmp_path / "some.pcap"
    frames = [
        ethernet(ipv4(17, udp(50000, 514, b""))),
        ethernet(ipv4(17, udp(50000, 53, b""))),
        ethernet(ipv4(6, tcp(50000, 80, 9, ACK, b""))),
    ]
    path.write_bytes(pcap((TIME + at, frame) for at, frame in enumerate(frames)))
    syslog, dns, http = decoded(capfd, "-p", "syslog=udp/514", str(path))
    assert list(syslog["AppTxSyslog"][0]) == ["_Exception", "_Message", "_Notes"]
    assert dns["AppTxDns"][0]["_Exception"] == "DNS Message Decoder"
    assert "App" not in http


@pytest.mark.parametrize(
    ("raw", "records", "message"),
    [
        (CAPTURE[:-1], 2, "ends inside packet 10"),
        (b"no capture", 0, "is no capture: neither pcap nor pcapng"),
        (b"", 0, "is no capture: neither pcap nor pcapng"),
    ],
)
def test_a_damaged_file_is_one_line(
    raw: bytes, records: int, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is ahead of the damage is printed, and the exit code says that it is there."""
    path = tmp_path / "bad"
    path.write_bytes(raw)
    assert cli.run(["decode", "-o", "json-min", "--separator", "newline", str(path)]) == 1
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == records
    assert f"reading {path}: {message}" in err.splitlines()[-1]


def test_a_file_that_is_not_there_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor a directory."""
    for path, cause in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        assert cli.run(["decode", str(path)]) == 1
        (line,) = capfd.readouterr().err.splitlines()
        assert f"reading {path}: {cause}" in line


def test_what_was_not_read_is_told() -> None:
    """Each kind that there is."""
    stats = FlowStats(frames=9, other=1, unknown_links=2, fragments_lost=3, ended_early=4)
    assert told(stats) == (
        "9 packets, 1 without TCP or UDP, or not whole, 2 of links that cannot be read, "
        "3 of which fragments are missing, 4 flows ended early, because there were too many"
    )
    assert told(FlowStats(frames=1)) == "1 packet"


def test_a_plugin_reads_what_is_for_it(
    capture: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record says so if it cannot."""
    monkeypatch.setattr(service, "places_of", lambda _: [Place("memcached", str(MEMCACHED))])
    ports = ["-p", "http=off", "-p", "memcached=tcp/80", "-p", "dns=off"]
    _, flow = decoded(capfd, *ports, str(capture))
    assert flow["App"] == "MEMCACHED"
    lines = [it["Line"] for it in flow["AppTxMemcached"]]
    assert lines[0] == REQUEST.splitlines()[0].decode()
    monkeypatch.setattr(service, "places_of", lambda _: [Place("none", "/dev/null")])
    _, flow = decoded(capfd, *ports, str(capture))
    assert "App" not in flow
    assert flow["SockNotes"] == ["PLUGIN_FAILED"]
    plug([])
