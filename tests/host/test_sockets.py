# SPDX-License-Identifier: Apache-2.0
"""Socket records of the real agent: exact bytes, both roles, every way a connection ends."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.host import workloads
from tests.host.agent import Agent, Record, part, socket_records
from tests.host.flows import flow_id, wrong_ids
from tests.host.workloads import REPLY, REQUEST, ROUNDS, Done, start

ASKED, ANSWERED = ROUNDS * len(REQUEST), ROUNDS * len(REPLY)


def observe(name: str, *arguments: str | Path) -> tuple[Done, list[Record]]:
    """Run one workload under an agent for sockets."""
    with Agent("-m", "socket") as agent:
        done = start(name, *arguments)
        result = agent.stop()
    assert result.exit_code == 0
    return done, result.records


def only(records: list[Record], pid: int, protocol: str | None) -> Record:
    """Return the one record of a process with this protocol; None: UNIX."""
    found = [each for each in socket_records(records, pid) if each.get("SockProtocol") == protocol]
    assert len(found) == 1, found
    return found[0]


def check_flags(record: Record) -> None:
    """The flag histograms add up to the packets."""
    for way in ("Tx", "Rx"):
        assert record[f"Sock{way}Packets"] == sum(record[f"Sock{way}Flags"].values())


@pytest.mark.parametrize(
    ("family", "address", "shown"),
    [
        ("inet", "127.0.0.1", "AF_INET"),
        ("inet6", "::1", "AF_INET6"),
        ("dual", "127.0.0.1", "AF_INET"),
    ],
)
def test_tcp_both_roles(family: str, address: str, shown: str) -> None:
    """Both ends of a connection are exact and mirror each other."""
    done, records = observe("tcp_exchange", family)

    client = only(records, done.facts["client"], "TCP")
    server = only(records, done.pid, "TCP")
    both: Record = {"SockProtocol": "TCP", "SockState": "TCP_CLOSE", "SockFamily": shown}
    both |= {"SockLocalIP": address, "SockRemoteIP": address}
    expected = both | {
        "SockRole": "CLIENT",
        "SockLocalPort": done.facts["client_port"],
        "SockRemotePort": done.facts["server_port"],
        "SockTxBytes": ASKED,
        "SockTxDataPackets": ROUNDS,
        "SockTxPacketsRetrans": 0,
        "SockRxBytes": ANSWERED,
        "SockRxDataPackets": ROUNDS,
        "SockTxBytesAcked": ASKED + 2,
    }
    assert expected == part(client, *expected)
    expected = both | {
        "SockRole": "SERVER",
        "SockLocalPort": done.facts["server_port"],
        "SockRemotePort": done.facts["client_port"],
        "SockTxBytes": ANSWERED,
        "SockTxDataPackets": ROUNDS,
        "SockRxBytes": ASKED,
        "SockRxDataPackets": ROUNDS,
    }
    assert expected == part(server, *expected)
    check_flags(client)
    check_flags(server)
    assert client["SockTxPackets"] == server["SockRxPackets"]
    assert client["SockRxPackets"] == server["SockTxPackets"]
    assert client["SockTxFlags"] == server["SockRxFlags"]
    assert list(client).index("SockTxBytes") < list(client).index("SockRxBytes")
    assert list(server).index("SockRxBytes") < list(server).index("SockTxBytes")
    ends = ((address, done.facts[f"{role}_port"]) for role in ("client", "server"))
    assert client["SockCommunityID"] == server["SockCommunityID"] == flow_id("TCP", *ends)
    assert wrong_ids(records) == []
    assert {"lo"} == {client[f"Sock{way}Interface"].split(":")[1] for way in ("Tx", "Rx")}


def test_tcp_reset() -> None:
    """A connection that the client throws away ends at once, with RST among its flags."""
    done, records = observe("tcp_exchange", "inet", "reset")

    client = only(records, done.facts["client"], "TCP")
    server = only(records, done.pid, "TCP")
    assert part(client, "SockState", "SockTxBytes", "SockRxBytes") == {
        "SockState": "TCP_CLOSE",
        "SockTxBytes": ASKED,
        "SockRxBytes": ANSWERED,
    }
    assert server["SockState"] == "TCP_CLOSE"
    assert sum(n for flags, n in client["SockTxFlags"].items() if "RST" in flags) == 1
    assert sum(n for flags, n in server["SockRxFlags"].items() if "RST" in flags) == 1
    check_flags(client)
    check_flags(server)


def test_tcp_refused() -> None:
    """A refused connection is one SYN out and one RST-ACK in."""
    done, records = observe("tcp_refused")

    assert done.facts["refused"]
    record = only(records, done.pid, "TCP")
    expected: Record = {
        "SockRole": "CLIENT",
        "SockFamily": "AF_INET",
        "SockRemoteIP": "127.0.0.1",
        "SockRemotePort": done.facts["port"],
        "SockTxPackets": 1,
        "SockTxFlags": {"SYN": 1},
        "SockTxBytes": 0,
        "SockRxPackets": 1,
        "SockRxFlags": {"RST-ACK": 1},
        "SockRxBytes": 0,
    }
    assert expected == part(record, *expected)
    assert record["SockState"] in {"TCP_SYN_SENT", "TCP_CLOSE"}
    assert record["SockLocalPort"] > 0


def test_tcp_idle_is_reported_open(tmp_path: Path) -> None:
    """After the idle time a quiet connection is reported as established, and it stays."""
    end = tmp_path / "end"
    command = [sys.executable, "-I", "-S", workloads.__file__, "tcp_open", str(end)]
    with Agent("-m", "socket", "-t", "1") as agent:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as held:
            assert held.stdout is not None
            port = json.loads(held.stdout.readline())["client_port"]
            with pytest.raises(subprocess.TimeoutExpired):
                held.wait(4)
            end.touch()
        result = agent.stop()

    mine = socket_records(result.records, held.pid)
    clients = [each for each in mine if each["SockLocalPort"] == port]
    states = [each["SockState"] for each in clients]
    assert states == ["TCP_ESTABLISHED", "TCP_CLOSE"]
    assert len(REQUEST) == sum(each["SockTxBytes"] for each in clients if "SockTxBytes" in each)


@contextmanager
def udp_echo(family: int, address: str) -> Iterator[tuple[socket.socket, int]]:
    """A UDP socket of the test's own."""
    with socket.socket(family, socket.SOCK_DGRAM) as channel:
        channel.bind((address, 0))
        channel.settimeout(30)
        yield channel, channel.getsockname()[1]


def test_udp_two_peers_are_two_records() -> None:
    """One socket with two peers gives a record for each, with its own counts."""
    with (
        udp_echo(socket.AF_INET, "127.0.0.1") as (first, first_port),
        udp_echo(socket.AF_INET, "127.0.0.1") as (second, second_port),
        Agent("-m", "socket") as agent,
    ):
        ports = [workloads.__file__, "udp_peers", str(first_port), str(second_port)]
        with subprocess.Popen([sys.executable, "-I", "-S", *ports], stdout=subprocess.PIPE) as peer:
            for channel, count in ((first, 3), (second, 5)):
                for _ in range(count):
                    _, sender = channel.recvfrom(4096)
                channel.sendto(b"r" * 29, sender)
            output, _ = peer.communicate(timeout=30)
        result = agent.stop()

    local = json.loads(output)["port"]
    mine = socket_records(result.records, peer.pid)
    assert len(mine) == 2, mine
    by_port = {each["SockRemotePort"]: each for each in mine}
    for port, count, size in ((first_port, 3, 17), (second_port, 5, 19)):
        expected: Record = {
            "SockProtocol": "UDP",
            "SockFamily": "AF_INET",
            "SockLocalPort": local,
            "SockRemoteIP": "127.0.0.1",
            "SockTxPackets": count,
            "SockTxBytes": count * size,
            "SockRxPackets": 1,
            "SockRxBytes": 29,
            "SockState": "UDP_CLOSE",
        }
        assert expected == part(by_port[port], *expected)
        assert "SockTxFlags" not in by_port[port]
    own = socket_records(result.records, os.getpid())
    others = {each["SockLocalPort"]: each for each in own if each.get("SockProtocol") == "UDP"}
    assert others.keys() == by_port.keys()
    for port, other in others.items():
        wanted = flow_id("UDP", ("127.0.0.1", local), ("127.0.0.1", port))
        assert other["SockCommunityID"] == by_port[port]["SockCommunityID"] == wanted


# A server of which a client is the first to send: it gives up root, and answers.
SERVING = """
import os, socket
channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
channel.bind(("127.0.0.1", 0))
print(channel.getsockname()[1], flush=True)
asked, client = channel.recvfrom(64)
os.setresgid(65534, 65533, 65533)
os.setresuid(65532, 65531, 65531)
channel.sendto(b"answer", client)
channel.sendto(b"more", client)
"""


def test_udp_server_is_as_it_was_when_it_answered() -> None:
    """Who has received is not known to the packet; who answers is."""
    command = [sys.executable, "-I", "-S", "-c", SERVING]
    with (
        Agent("-m", "socket") as agent,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        client.sendto(b"asked", ("127.0.0.1", int(server.stdout.readline())))
        assert server.wait(timeout=30) == 0
        result = agent.stop()
    (record,) = socket_records(result.records, server.pid)
    keys = ("ProcUID", "ProcEUID", "SockRxBytes", "SockTxBytes")
    assert tuple(record[key] for key in keys) == (65532, 65531, 5, 10)


# A socket is made by root, and used by others.
CHANGING = """
import ctypes, os, socket, sys
channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
channel.sendto(b"root", ("127.0.0.1", int(sys.argv[1])))
ctypes.CDLL(None).prctl(15, b"another", 0, 0, 0)
os.setresgid(65534, 65533, 65533)
os.setresuid(65532, 65531, 65531)
channel.sendto(b"other", ("127.0.0.1", int(sys.argv[2])))
"""


def test_udp_has_its_process_as_it_was_at_the_first_datagram() -> None:
    """Not as it was when it made the socket: a server gives up root between the two."""
    with (
        udp_echo(socket.AF_INET, "127.0.0.1") as (_, first),
        udp_echo(socket.AF_INET, "127.0.0.1") as (_, second),
        Agent("-m", "socket") as agent,
    ):
        command = [sys.executable, "-I", "-S", "-c", CHANGING, str(first), str(second)]
        with subprocess.Popen(command) as sender:
            assert sender.wait(timeout=30) == 0
        result = agent.stop()
    mine = {each["SockRemotePort"]: each for each in socket_records(result.records, sender.pid)}
    keys = ("ProcUID", "ProcEUID", "ProcGID", "ProcEGID", "SockTxBytes")
    assert {port: tuple(each[key] for key in keys) for port, each in mine.items()} == {
        first: (0, 0, 0, 0, 4),
        second: (65532, 65531, 65534, 65533, 5),
    }
    assert not any("SockUsers" in each for each in mine.values())


def test_udp_over_ipv6() -> None:
    """Local and remote are not mixed up when datagrams come in over IPv6."""
    with (
        udp_echo(socket.AF_INET6, "::1") as (channel, port),
        Agent("-m", "socket") as agent,
    ):
        command = [sys.executable, "-I", "-S", workloads.__file__, "udp6", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as peer:
            for _ in range(3):
                _, sender = channel.recvfrom(4096)
            channel.sendto(b"r" * 31, sender)
            output, _ = peer.communicate(timeout=30)
        result = agent.stop()

    expected: Record = {
        "SockRole": "CLIENT",
        "SockFamily": "AF_INET6",
        "SockLocalPort": json.loads(output)["port"],
        "SockRemoteIP": "::1",
        "SockRemotePort": port,
        "SockTxPackets": 3,
        "SockTxBytes": 69,
        "SockRxPackets": 1,
        "SockRxBytes": 31,
    }
    assert expected == part(only(result.records, peer.pid, "UDP"), *expected)


def test_unix_stream(folder: Path) -> None:
    """Both ends of a UNIX stream, with the path that the server bound."""
    path = folder / "stream"

    done, records = observe("unix_stream", path)

    client = only(records, done.facts["client"], None)
    server = only(records, done.pid, None)
    expected: Record = {"SockRole": "CLIENT", "SockAddress": str(path), "SockFamily": "AF_UNIX"}
    expected |= {"SockTxBytes": ASKED, "SockRxBytes": ANSWERED}
    assert expected == part(client, *expected)
    expected |= {"SockRole": "SERVER", "SockTxBytes": ANSWERED, "SockRxBytes": ASKED}
    assert expected == part(server, *expected)
    assert not {"SockProtocol", "SockState", "SockLocalPort"} & set(client)


def test_unix_datagram(folder: Path) -> None:
    """Datagrams are booked on the sender as client, on the receiver as server."""
    path = folder / "datagram"

    done, records = observe("unix_datagram", path)

    sender = only(records, done.facts["client"], None)
    expected: Record = {"SockRole": "CLIENT", "SockAddress": str(path), "SockFamily": "AF_UNIX"}
    expected |= {"SockTxBytes": 5 * len(REQUEST)}
    assert expected == part(sender, *expected)
    assert "SockRxBytes" not in sender
    receiver = only(records, done.pid, None)
    expected = {"SockRole": "SERVER", "SockRxBytes": 5 * len(REQUEST)}
    assert expected == part(receiver, *expected)


def test_files_are_not_traced(folder: Path) -> None:
    """-m socket attaches nothing for files: there is no file record at all."""
    with Agent("-m", "socket") as agent:
        start("write_file", folder / "unseen")
        start("unix_datagram", folder / "seen")
        result = agent.stop()

    assert {each["InfoMonitor"] for each in result.records} == {"socket", "health"}
    assert {str(folder / "seen")} <= {each.get("SockAddress") for each in result.records}
