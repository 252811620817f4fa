# SPDX-License-Identifier: Apache-2.0
"""All workloads under one agent: what a slow machine can afford for each road.

tests/vm runs this file in virtual machines with KFLOWD_TEST_ROAD set to the road to prove.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.host import workloads
from tests.host.agent import (
    Agent,
    Record,
    Result,
    file_records,
    health_records,
    part,
    socket_records,
)
from tests.host.workloads import READ_BYTES, READS, REPLY, REQUEST, ROUNDS, WRITES, Done, start

ROAD = os.environ.get("KFLOWD_TEST_ROAD", "")
Events = dict[str, dict[str, int]]


def _file(path: Path) -> Path:
    path.write_bytes(b"k" * READS * READ_BYTES)
    return path


def _program(path: Path) -> Path:
    shutil.copy(shutil.which("true") or "/bin/true", path)
    path.chmod(0o755)
    return path


class Case(NamedTuple):
    """A workload for files.

    Attributes:
        name: Of the workload.
        arguments: Prepares its folder and returns its arguments.
        events: By file name; what several records say is added up.
    """

    name: str
    arguments: Callable[[Path], list[Path | str]]
    events: Events


WRITTEN = {"CREATE": 1, "OPEN": 1, "MODIFY": WRITES, "CLOSE_WRITE": 1}
CASES = (
    Case("write_file", lambda d: [d / "w"], {"w": WRITTEN}),
    Case(
        "read_file",
        lambda d: [_file(d / "r")],
        {"r": {"OPEN": 1, "ACCESS": READS, "CLOSE_NOWRITE": 1}},
    ),
    Case("change_attributes", lambda d: [_file(d / "a")], {"a": {"ATTRIB": 3, "MODIFY": 1}}),
    Case(
        "one_chmod",
        lambda d: [_file(d / "c")],
        {"c": {"OPEN": 1, "ATTRIB": 1, "CLOSE_NOWRITE": 1}},
    ),
    Case(
        "rename",
        lambda d: [_file(d / "old"), d / "new"],
        {"new": {"MOVED_FROM": 1, "MOVED_TO": 1}},
    ),
    Case("link", lambda d: [_file(d / "first"), d / "second"], {"second": {"CREATE": 1}}),
    Case("symlink", lambda d: ["target", d / "s"], {"s": {"CREATE": 1}}),
    Case("unlink", lambda d: [_file(d / "u")], {"u": {"DELETE": 1}}),
    Case("failed_changes", lambda d: [d], {}),
    Case("stay_open", lambda d: [d / "o"], {"o": WRITTEN | {"MODIFY": 1}}),
    Case(
        "two_descriptors",
        lambda d: [d / "t"],
        {"t": {"CREATE": 1, "OPEN": 2, "MODIFY": 2, "CLOSE_WRITE": 2}},
    ),
    Case("execute", lambda d: [_program(d / "kf-program")], {"kf-program": {"OPEN_EXEC": 1}}),
    Case("thread_write", lambda d: [d / "thread"], {"thread": WRITTEN}),
)


class Run(NamedTuple):
    """What one agent saw of all workloads."""

    result: Result
    folders: dict[str, Path]
    done: dict[str, Done]


def _udp_echo(done: dict[str, Done]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        channel.settimeout(60)
        port = str(channel.getsockname()[1])
        command = [sys.executable, "-I", "-S", workloads.__file__, "udp_peers", port, port]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as peer:
            for _ in range(8):
                _, sender = channel.recvfrom(4096)
            for _ in range(2):
                channel.sendto(b"r" * 29, sender)
            output, _ = peer.communicate(timeout=60)
        done["udp_peers"] = Done(peer.pid, json.loads(output))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run every workload once under one agent."""
    base = tmp_path_factory.mktemp("one-run").resolve()
    folders = {case.name: base / case.name for case in CASES}
    prepared = {}
    for case in CASES:
        folders[case.name].mkdir()
        prepared[case.name] = case.arguments(folders[case.name])
    done = {}
    with Agent(*(["--attach", ROAD] if ROAD else [])) as agent:
        for case in CASES:
            done[case.name] = start(case.name, *prepared[case.name])
        done["inet"] = start("tcp_exchange", "inet")
        done["inet6"] = start("tcp_exchange", "inet6")
        done["tcp_refused"] = start("tcp_refused")
        done["unix_stream"] = start("unix_stream", base / "stream")
        done["unix_datagram"] = start("unix_datagram", base / "datagram")
        _udp_echo(done)
        result = agent.stop()
    return Run(result, folders, done)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_file_workload(case: Case, run: Run) -> None:
    """Each workload is reported with exactly its events, in its folder, by its process."""
    found: dict[str, Counter[str]] = {}
    records = file_records(run.result.records, run.folders[case.name])
    for record in records:
        found.setdefault(record["File"], Counter()).update(record["FileEvents"])
    events = {name: dict(counts) for name, counts in found.items()}
    if case.name == "execute":
        # how often the kernel reads a program is the kernel's business
        events = {name: part(counts, "OPEN_EXEC") for name, counts in events.items()}
    assert events == case.events
    pids = {run.done[case.name].pid, run.done[case.name].facts.get("child")}
    assert {record["ProcPID"] for record in records} <= pids


@pytest.mark.parametrize("family", ["inet", "inet6"])
def test_tcp_workload(family: str, run: Run) -> None:
    """Both ends of a connection have the exact bytes and ports."""
    done = run.done[family]
    (client,) = socket_records(run.result.records, done.facts["client"])
    (server,) = socket_records(run.result.records, done.pid)
    ports = {
        "SockLocalPort": done.facts["client_port"],
        "SockRemotePort": done.facts["server_port"],
    }
    sent: Record = {"SockTxBytes": ROUNDS * len(REQUEST), "SockRxBytes": ROUNDS * len(REPLY)}
    expected = {"SockRole": "CLIENT", "SockState": "TCP_CLOSE"} | ports | sent
    assert part(client, *expected) == expected
    expected = {
        "SockRole": "SERVER",
        "SockLocalPort": done.facts["server_port"],
        "SockTxBytes": sent["SockRxBytes"],
        "SockRxBytes": sent["SockTxBytes"],
    }
    assert part(server, *expected) == expected
    assert client["SockTxFlags"] == server["SockRxFlags"]


def test_refused_workload(run: Run) -> None:
    """A refused connection is a SYN and a RST-ACK."""
    (record,) = socket_records(run.result.records, run.done["tcp_refused"].pid)
    assert (record["SockTxFlags"], record["SockRxFlags"]) == ({"SYN": 1}, {"RST-ACK": 1})


def test_udp_workload(run: Run) -> None:
    """Datagrams and bytes both ways are exact."""
    (record,) = socket_records(run.result.records, run.done["udp_peers"].pid)
    expected: Record = {"SockProtocol": "UDP", "SockTxPackets": 8, "SockTxBytes": 3 * 17 + 5 * 19}
    expected |= {"SockRxPackets": 2, "SockRxBytes": 58}
    assert part(record, *expected) == expected


@pytest.mark.parametrize(("name", "rounds"), [("unix_stream", ROUNDS), ("unix_datagram", 5)])
def test_unix_workload(name: str, rounds: int, run: Run) -> None:
    """What the client sent, the server received."""
    done = run.done[name]
    (client,) = socket_records(run.result.records, done.facts["client"])
    (server,) = socket_records(run.result.records, done.pid)
    assert (client["SockRole"], server["SockRole"]) == ("CLIENT", "SERVER")
    assert client["SockTxBytes"] == server["SockRxBytes"] == rounds * len(REQUEST)
    assert client.get("SockRxBytes") == server.get("SockTxBytes")


def test_nothing_was_lost(run: Run) -> None:
    """The run ends well, and everything that was seen is reported."""
    assert run.result.exit_code == 0
    health = health_records(run.result.records)[-1]
    for kind, seen in (("File", "Events"), ("Sock", "Created"), ("Unix", "Created")):
        lost = health[f"Health{kind}LostMap"]
        if kind == "File":
            lost += health["HealthFileLostRing"]
        assert lost == 0
        assert health[f"Health{kind}{seen}"] == health[f"Health{kind}Reported"]
