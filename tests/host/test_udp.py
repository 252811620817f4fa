# SPDX-License-Identifier: Apache-2.0
"""Records as datagrams: the same as on standard output, one each, to each server."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.agent import Agent, Record, file_records, health_records, run

SO_RCVBUFFORCE = 33  # asm-generic/socket.h
FILES = 101
QUIET_S = 1.0


class Server:
    """A server that keeps what comes."""

    def __init__(self, address: str, port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.socket.bind((address, port))
        self.address, self.port = self.socket.getsockname()[:2]
        self.senders: set[int] = set()

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else ":".join(self._parts())

    def _parts(self) -> tuple[str, str]:
        return self.address, str(self.port)

    def records(self) -> list[Record]:
        """Return what has come, when nothing more does."""
        found: list[Record] = []
        self.socket.settimeout(QUIET_S)
        while True:
            try:
                text, sender = self.socket.recvfrom(1 << 17)
            except TimeoutError:
                return found
            self.senders.add(sender[1])
            found.append(json.loads(text))


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Return one of each family."""
    made = [Server("127.0.0.1"), Server("::1")]
    yield made
    for server in made:
        server.socket.close()


def work(folder: Path) -> None:
    for number in range(FILES):
        (folder / f"file{number}").write_bytes(b"x")


@pytest.mark.parametrize("quiet", [False, True])
def test_each_server_gets_each_record(quiet: bool, servers: list[Server], folder: Path) -> None:
    """Byte for byte what is on standard output, if anything is; each from one port."""
    options = ["-u", ",".join(map(str, servers)), *(["-q"] if quiet else [])]
    with Agent("-m", "file", *options) as agent:
        work(folder)
        result = agent.stop()

    assert result.exit_code == 0, result.stderr
    first, second = (server.records() for server in servers)
    assert first == second
    assert first == result.records or (quiet and not result.records)
    assert {each["File"] for each in file_records(first, folder)} == {
        f"file{number}" for number in range(FILES)
    }
    assert first[-1]["InfoMonitor"] == "health"
    assert [len(server.senders) for server in servers] == [1, 1]


def test_own_datagrams_are_no_records(servers: list[Server], folder: Path) -> None:
    """Neither the socket that sends nor its files; one record for each would feed itself."""
    with Agent("-e", "1", "-t", "1,1", "-q", "-u", str(servers[0])) as agent:
        work(folder)
        time.sleep(3)
        pid = agent.process.pid
        result = agent.stop()

    assert result.exit_code == 0, result.stderr
    records = servers[0].records()
    assert len(file_records(records, folder)) >= FILES
    assert not [each for each in records if each.get("ProcPID") == pid]


def test_a_server_that_is_not_there_costs_nobody_else(folder: Path) -> None:
    """What it misses is counted for it alone, and it gets what comes when it is there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        port = channel.getsockname()[1]
    there, late = Server("127.0.0.1"), None
    try:
        mine = ("--include", f"path={folder}")  # a busy host would fill the server's socket
        with Agent("-m", "file", "-q", *mine, "-u", f"127.0.0.1:{port},{there}") as agent:
            work(folder)
            time.sleep(3)
            late = Server("127.0.0.1", port)
            time.sleep(3)
            (folder / "last").write_bytes(b"x")
            result = agent.stop()
        assert result.exit_code == 0, result.stderr
        names = [f"file{number}" for number in range(FILES)] + ["last"]
        whole = there.records()
        assert sorted(each["File"] for each in file_records(whole, folder)) == sorted(names)
        found = [each["File"] for each in file_records(late.records(), folder)]
        # that nobody listens is only known by what was sent
        assert set(found) <= set(names)
        assert len(names) - len(found) <= 10
        assert "last" in found
        assert health_records(whole)
    finally:
        there.socket.close()
        if late is not None:
            late.socket.close()


def test_without_a_way_it_ends_all_the_same(folder: Path) -> None:
    """A server that the kernel sends nothing to is a line at the end, and exit code 1."""
    with Agent("-m", "file", "-u", "255.255.255.255:9") as agent:
        work(folder)
        result = agent.stop()

    assert result.exit_code == 1
    assert len(file_records(result.records, folder)) == FILES
    assert "kflowd: writing records to udp 255.255.255.255:9: Permission denied" in (
        result.stderr.splitlines()
    )


def test_a_replay_is_sent_too(servers: list[Server], folder: Path) -> None:
    """The same records as those of the run."""
    tape = folder.parent / f"{folder.name}.tape"
    with Agent("-m", "file", "--record", str(tape)) as agent:
        work(folder)
        result = agent.stop()

    done = run("replay", "-o", "json-min", "-q", "-u", str(servers[0]), str(tape))
    assert done.returncode == 0, done.stderr
    assert servers[0].records() == result.records
