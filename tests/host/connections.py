# SPDX-License-Identifier: Apache-2.0
"""Connections whose numbers are easily told wrong: drops that are none, round trips, MPTCP.

As in tests/host/workloads.py, each workload has an exactly known outcome.
"""

import ctypes
import fcntl
import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tests.host.operations import end_forked, start_forked
from tests.host.workloads import Done, Facts, _read_exactly

HOST = "127.0.0.1"
SO_MEMINFO, MEMINFO_DROPS, MEMINFO_WORDS = 55, 8, 9
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
LATE, LATE_BYTES = 5, 13  # what a server sends when its client has sent everything
STUFFED, STUFFED_BYTES = 4, 8192  # more than the smallest buffer holds
PROBES = 2
# of /proc/net/netstat; the last is new
NO_ROOM = ("TCPRcvQDrop", "TCPZeroWindowDrop", "BeyondWindow")
SPOKEN_BYTES = 29


def bring_up() -> None:
    """Bring up the loopback of a new network namespace, where this process is from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
        (flags,) = struct.unpack("16xh14x", answer)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def _drops(channel: socket.socket) -> int:
    """Return what the kernel counts as dropped at a socket."""
    words = channel.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4 * MEMINFO_WORDS)
    return int(struct.unpack(f"{MEMINFO_WORDS}I", words)[MEMINFO_DROPS])


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection, the client's first."""
    with socket.create_server((HOST, 0)) as listener:
        client = socket.create_connection(listener.getsockname())
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
    before = _drops(server)
    for _ in range(LATE):
        server.sendall(b"l" * LATE_BYTES)
        _read_exactly(client, LATE_BYTES)
    behind = _drops(server) - before
    server.close()
    assert client.recv(1) == b""
    client.close()
    return {"client_port": port, "dropped": before, "behind": behind}


def late_answers() -> Facts:
    """Answer a client that has sent its FIN: each of its ACKs is a drop to the kernel."""
    return {"missed": 0} | _finish(*_pair())


def _missed() -> int:
    """Return how many segments with data this network namespace had no room for."""
    names, values = (
        line.split()
        for line in Path("/proc/net/netstat").read_text().splitlines()
        if line.startswith("TcpExt:")
    )
    counted = dict(zip(names, values, strict=True))
    return sum(int(counted.get(name, 0)) for name in NO_ROOM)


def dropped_segments() -> Facts:
    """Send more than fits, which is dropped and sent again, and go on as late_answers does."""
    bring_up()
    client, server = _pair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(STUFFED):
        client.sendall(b"s" * STUFFED_BYTES)
    _until(lambda: _missed() > 0)
    _read_exactly(server, STUFFED * STUFFED_BYTES)
    return {"missed": _missed()} | _finish(client, server)


def keepalives() -> Facts:
    """Be asked whether this end still lives: nothing of it is a loss."""
    client, server = _pair()
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1)):
        client.setsockopt(socket.IPPROTO_TCP, option, value)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _until(lambda: _drops(server) >= PROBES)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
    return {"missed": 0} | _finish(client, server)


def window_probes() -> Facts:
    """Be asked for room, which is no loss either; what came in spite of it is."""
    bring_up()
    client, server = _pair()
    client.settimeout(0)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += client.send(b"w" * 4096)
    _until(lambda: _drops(server) - _missed() >= PROBES)
    client.settimeout(None)
    _read_exactly(server, sent)
    return {"missed": _missed()} | _finish(client, server)


DROPPING: tuple[Callable[[], Facts], ...] = (
    late_answers,
    dropped_segments,
    keepalives,
    window_probes,
)


# --- round trips


def elsewhere(ready: str, begin: str, other_end: str) -> Facts:
    """In another network namespace: use a connection from before, and one that stays open."""
    os.close(int(other_end))
    bring_up()
    old_client, old_server = _pair()
    os.write(int(ready), b"r")
    assert os.read(int(begin), 1)
    ports = {"closed": old_client.getsockname()[1]}
    old_client.sendall(b"o" * SPOKEN_BYTES)
    _read_exactly(old_server, SPOKEN_BYTES)
    old_client.close()
    old_server.close()
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
        """Start it, and wait until its first connection is there."""
        (ready, say_ready), (told, begin) = os.pipe(), os.pipe()
        child, facts = start_forked(elsewhere, say_ready, told, begin)
        for descriptor in (say_ready, told):
            os.close(descriptor)
        assert os.read(ready, 1) == b"r"
        return cls(ready, begin, child, facts)

    def use(self) -> None:
        """Let it use both connections."""
        os.write(self.begin, b"b")
        assert os.read(self.ready, 1) == b"d"

    def end(self) -> Done:
        """Let it end."""
        os.close(self.begin)
        os.close(self.ready)
        return end_forked(self.child, self.facts)
