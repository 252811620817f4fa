# SPDX-License-Identifier: Apache-2.0
"""Interfaces of other network namespaces, as records name them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.agent import Agent, Record, run

# the look-up begins with the program; a busy host takes its time
EXCHANGE = """
import socket, time
time.sleep(0.7)
with socket.socket() as listening:
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    with socket.create_connection(listening.getsockname()) as client:
        server, _ = listening.accept()
        with server:
            client.sendall(b"hello")
            server.recv(5)
"""


@pytest.fixture
def namespace() -> Iterator[str]:
    """Return the name of a network namespace whose loopback is up and has a name of its own."""
    name = f"kflowd-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "name", "inside"], check=True)
        subprocess.run(["ip", "-n", name, "link", "set", "inside", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def exchange(namespace: str) -> None:
    """Run a connection over the loopback of a namespace, in a process that ends with it."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", EXCHANGE]
    subprocess.run(command, check=True)


def interfaces(records: list[Record], inode: int) -> set[str]:
    """Return how records of a namespace name interfaces."""
    mine = [each for each in records if each.get("ProcNetNS") == inode and "SockProtocol" in each]
    assert mine
    return {each.get(f"Sock{way}Interface", "") for each in mine for way in ("Tx", "Rx")}


def test_interfaces_of_a_namespace_are_named(namespace: str, folder: Path) -> None:
    """Also of the first connection there, after a rename, and in the replay."""
    inode = Path(f"/run/netns/{namespace}").stat().st_ino
    tape = folder / "tape"
    with Agent("-m", "socket", "--record", str(tape)) as agent:
        exchange(namespace)
        time.sleep(1.5)
        subprocess.run(["ip", "-n", namespace, "link", "set", "inside", "down"], check=True)
        subprocess.run(["ip", "-n", namespace, "link", "set", "inside", "name", "new"], check=True)
        subprocess.run(["ip", "-n", namespace, "link", "set", "new", "up"], check=True)
        exchange(namespace)
        result = agent.stop()

    expected = {f"1:{name}:00:00:00:00:00:00" for name in ("inside", "new")}
    assert interfaces(result.records, inode) == expected
    replayed = run("replay", "-o", "json-min", str(tape))
    assert replayed.stdout.encode() == result.stdout
