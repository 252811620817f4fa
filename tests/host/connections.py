# SPDX-License-Identifier: Apache-2.0
"""Connections whose numbers are easily told wrong: drops that are none, round trips, MPTCP.

As in tests/host/workloads.py, each workload has an exactly known outcome.
"""

import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tests.host.fragments import own_network
from tests.host.operations import end_forked, start_forked
from tests.host.workloads import Done, Facts, _read_exactly

HOST = "127.0.0.1"
SO_MEMINFO, MEMINFO_DROPS, MEMINFO_WORDS = 55, 8, 9
LATE, LATE_BYTES = 5, 13  # what a server sends when its client has sent everything
STUFFED, STUFFED_BYTES = 4, 8192  # more than the smallest buffer holds
PROBES = 2
ROOM = 8192
# of /proc/net/netstat; the last is new
NO_ROOM = ("TCPRcvQDrop", "TCPZeroWindowDrop", "BeyondWindow")
SPOKEN_BYTES = 29
IPPROTO_MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1
SECOND_HOST = "127.0.0.2"
# clients' protocols, and when the server accepts
MPTCP = {
    "mptcp": (IPPROTO_MPTCP, "early"),
    "mptcp-late": (IPPROTO_MPTCP, "late"),
    "mptcp-tcp": (socket.IPPROTO_TCP, "early"),
}


def has_mptcp() -> bool:
    """Say whether the kernel has MPTCP."""
    return Path("/proc/sys/net/mptcp").exists()


def _drops(channel: socket.socket) -> int:
    """Return what the kernel counts as dropped at a socket."""
    words = channel.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4 * MEMINFO_WORDS)
    return int(struct.unpack(f"{MEMINFO_WORDS}I", words)[MEMINFO_DROPS])


def _pair(
    protocol: int = socket.IPPROTO_TCP, room: int | None = None
) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection, the client's first; ``room``: bytes of its server."""
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as listener:
        if room is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        listener.bind((HOST, 0))
        listener.listen()
        client.connect(listener.getsockname())
        server, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, server


def _until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _finish(client: socket.socket, server: socket.socket) -> Facts:
    """End a connection: the client has sent everything, and acknowledges what still comes."""
    port = client.getsockname()[1]
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""
    for _ in range(LATE):
        server.sendall(b"l" * LATE_BYTES)
        _read_exactly(client, LATE_BYTES)
    server.close()
    assert client.recv(1) == b""
    client.close()
    return {"client_port": port}


def _counted(file: str, protocol: str) -> dict[str, str]:
    """Return what this network namespace counts, by its names."""
    lines = Path("/proc/net", file).read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith(f"{protocol}:"))
    return dict(zip(names, values, strict=True))


def _no_room() -> int:
    """Return how many packets with data this network namespace had no room for, at least."""
    counted = _counted("netstat", "TcpExt")
    return sum(int(counted.get(name, 0)) for name in NO_ROOM)


def _sent_again() -> int:
    """Return how many packets with data were sent again in this network namespace."""
    return int(_counted("snmp", "Tcp")["RetransSegs"])


def late_answers() -> Facts:
    """Answer a client that has sent its FIN: each of its ACKs is a drop to the kernel."""
    return _finish(*_pair()) | {"dropped": [0, 0]}


def dropped_segments() -> Facts:
    """Send more than fits, which is dropped and sent again, and go on as late_answers does.

    The kernel's statistics have not all of it, and its counter at the socket has what came twice.
    Some (6.18 of Debian) name nothing of it there.
    """
    own_network()
    client, server = _pair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(STUFFED):
        client.sendall(b"s" * STUFFED_BYTES)
    _until(lambda: max(_no_room(), _drops(server)) > 0)
    _read_exactly(server, STUFFED * STUFFED_BYTES)
    dropped = [_no_room(), _drops(server)]
    return _finish(client, server) | {"dropped": dropped}


def keepalives() -> Facts:
    """Be asked whether this end still lives: nothing of it is a loss."""
    client, server = _pair()
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1)):
        client.setsockopt(socket.IPPROTO_TCP, option, value)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _until(lambda: _drops(server) >= PROBES)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
    return _finish(client, server) | {"dropped": [0, 0]}


def window_probes() -> Facts:
    """Be asked for room, which is no loss either; what came in spite of it is.

    A slow machine sends again what still waits at a locked socket. Whether that is old is told by
    what was received when it came, and by the kernel when its turn comes.
    """
    own_network()
    client, server = _pair(room=ROOM)
    client.settimeout(0)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += client.send(b"w" * 4096)
    _until(lambda: _drops(server) - _no_room() - _sent_again() >= PROBES)
    client.settimeout(None)
    _read_exactly(server, sent)
    dropped, again = _no_room(), _sent_again()
    bounds = [max(0, dropped - again), dropped + again]
    return _finish(client, server) | {"dropped": bounds}


DROPPING: tuple[Callable[[], Facts], ...] = (
    late_answers,
    dropped_segments,
    keepalives,
    window_probes,
)


# --- round trips


def elsewhere(ready: str, begin: str, other_end: str) -> Facts:
    """In another network namespace: use connections from before, and one that stays open."""
    os.close(int(other_end))
    own_network()
    older = {"closed": _pair()}
    if has_mptcp():
        older["mptcp"] = _pair(IPPROTO_MPTCP)
    os.write(int(ready), b"r")
    assert os.read(int(begin), 1)
    ports = {name: client.getsockname()[1] for name, (client, _) in older.items()}
    for client, server in older.values():
        client.sendall(b"o" * SPOKEN_BYTES)
        _read_exactly(server, SPOKEN_BYTES)
        client.close()
        server.close()
    client, server = _pair()
    client.sendall(b"n" * SPOKEN_BYTES)
    _read_exactly(server, SPOKEN_BYTES)
    ports["open"] = client.getsockname()[1]
    os.write(int(ready), b"d")
    assert not os.read(int(begin), 1)
    return ports


class Elsewhere(NamedTuple):
    """A process in another network namespace, from before the agent until after its end."""

    ready: int
    begin: int
    child: int
    facts: BinaryIO

    @classmethod
    def make(cls) -> "Elsewhere":
        """Start it, and wait until its first connections are there."""
        (ready, say_ready), (told, begin) = os.pipe(), os.pipe()
        child, facts = start_forked(elsewhere, say_ready, told, begin)
        for descriptor in (say_ready, told):
            os.close(descriptor)
        assert os.read(ready, 1) == b"r"
        return cls(ready, begin, child, facts)

    def use(self) -> None:
        """Let it use all connections."""
        os.write(self.begin, b"b")
        assert os.read(self.ready, 1) == b"d"

    def end(self) -> Done:
        """Let it end."""
        os.close(self.begin)
        os.close(self.ready)
        return end_forked(self.child, self.facts)


# --- MPTCP


def _mptcp_socket(protocol: int = IPPROTO_MPTCP) -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)


def _joined(channel: socket.socket) -> bool:
    """Say whether an MPTCP connection has a second subflow."""
    return channel.getsockopt(SOL_MPTCP, MPTCP_INFO, 8)[0] == 1


def _endpoint() -> None:
    """Let connections of this namespace have a second subflow, from another address."""
    command = ("ip", "mptcp", "endpoint", "add", SECOND_HOST, "dev", "lo", "subflow")
    subprocess.run(command, check=True)


def _serve(listener: socket.socket, begin: int) -> None:
    """Accept when told so, and answer."""
    assert os.read(begin, 1)
    connection, _ = listener.accept()
    _read_exactly(connection, SPOKEN_BYTES)
    connection.sendall(b"a" * SPOKEN_BYTES)
    _read_exactly(connection, SPOKEN_BYTES)
    assert connection.recv(1) == b""
    connection.close()


def _ask(server: tuple[str, int], protocol: int, begin: int, when: str) -> None:
    """Connect, and let a second subflow join if it can."""
    client = _mptcp_socket(protocol)
    client.connect(server)
    client.sendall(b"q" * SPOKEN_BYTES)
    if when == "late":
        _until(lambda: _joined(client))
    os.write(begin, b"b")
    _read_exactly(client, SPOKEN_BYTES)
    if when == "early":
        _endpoint()
    if protocol == IPPROTO_MPTCP:
        _until(lambda: _joined(client))
    client.sendall(b"q" * SPOKEN_BYTES)
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    client.close()


def mptcp(protocol: str, when: str) -> Facts:
    """Listen by MPTCP; let one child accept and another connect, over two subflows if it is MPTCP.

    Args:
        protocol: Of the client: its number.
        when: The server accepts: early, when there is one subflow, or late, when both are there.
    """
    if not has_mptcp():
        return {}
    own_network()
    subprocess.run(("ip", "mptcp", "limits", "set", "subflow", "2"), check=True)
    if when == "late":
        _endpoint()
    told, begin = os.pipe()
    with _mptcp_socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        calls: tuple[Callable[[], None], ...] = (
            lambda: _serve(listener, told),
            lambda: _ask(listener.getsockname(), int(protocol), begin, when),
        )
        children = [_in_child(call) for call in calls]
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        return {"server": children[0], "client": children[1], "port": listener.getsockname()[1]}


def _in_child(call: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        call()
        code = 0
    finally:
        os._exit(code)
