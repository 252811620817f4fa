# SPDX-License-Identifier: Apache-2.0
"""Sockets of a workload, and who moved how many bytes over them: what records must say of users."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.host.workloads import Facts

# what has not ended by then waits for ever
SECONDS = 120
MOST = 8  # images of one record beside its owner
STREAMS = {"server", "client", "server6", "mapped", "stream"}
UNIX = {
    "stream": socket.SOCK_STREAM,
    "datagram": socket.SOCK_DGRAM,
    "seqpacket": socket.SOCK_SEQPACKET,
}
# addresses of the near and the far end
ADDRESSES = {
    "server": ("127.0.0.1", "127.0.0.1"),
    "server6": ("::1", "::1"),
    "mapped": ("::ffff:127.0.0.1", "127.0.0.1"),
    "client": ("127.0.0.1", "127.0.0.1"),
    "udp": ("127.0.0.1", "127.0.0.1"),
    "udp6": ("::1", "::1"),
    "udp-mapped": ("::ffff:127.0.0.1", "127.0.0.1"),
}
KINDS = (*ADDRESSES, *UNIX)

Move = tuple[str, int, int, int]
Entry = dict[str, Any]


class End:
    """A socket, for UDP with one of its peers: by what its record is found, and what moved.

    Args:
        channel: The socket, which this process has made, connected or accepted.
        peer: The other port, where the socket is not connected.
        address: Of a UNIX socket: what is bound to it, or where it sends to.
        owner: Who accepted or connected it, if that was not this process.
    """

    def __init__(
        self, channel: socket.socket, peer: int = 0, address: str = "", owner: int = 0
    ) -> None:
        self.channel = channel
        self.moves: list[Move] = []
        self._held: list[tuple[int, int]] = []
        self._by_results: list[Entry] | None = None
        self._owner: tuple[str, int] | None = None
        if channel.family == socket.AF_UNIX:
            self._where: Entry = {"SockFamily": "AF_UNIX", "SockAddress": address}
            return
        self._owner = ("", owner or os.getpid())
        protocol = "TCP" if channel.type == socket.SOCK_STREAM else "UDP"
        other = peer or channel.getpeername()[1]
        ports = {"SockLocalPort": channel.getsockname()[1], "SockRemotePort": other}
        self._where = {"SockProtocol": protocol} | ports

    def note(self, pid: int, sent: int, received: int, program: str = "") -> None:
        """Note what a process moved; program: its own, if it runs another than this one."""
        self.moves.append((program, pid, sent, received))

    def by_results(self, *users: tuple[int, int, int]) -> None:
        """Note what the tracepoint mode can tell where it cannot tell all.

        Args:
            users: Of this program: process, bytes sent and received; process 0: the sums.
        """
        self._by_results = [
            ({"ProcPID": pid} if pid else {}) | {"TxBytes": sent, "RxBytes": received}
            for pid, sent, received in users
        ]

    def send(self, *sizes: int) -> None:
        """Send messages, by this process."""
        send(self.channel, *sizes)
        self.note(os.getpid(), sum(sizes), 0)

    def take(self, size: int) -> None:
        """Receive so many bytes, by this process."""
        take(self.channel, size)
        self.note(os.getpid(), 0, size)

    def child(self, act: Callable[[], object]) -> int:
        """Let a child do something with the socket, and return its pid when that is done.

        Of a UNIX socket it ends with the workload, without the socket: when an owner has ended, the
        sweep ends the record, and what others do later is in the next one.
        """
        if self.channel.family != socket.AF_UNIX:
            return by_child(act)
        (done, tell), (gate, hold) = os.pipe(), os.pipe()

        def act_and_stay() -> None:
            act()
            os.write(tell, b"d")
            os.closerange(3, gate)
            os.closerange(gate + 1, 1 << 10)
            os.read(gate, 1)

        child = start_child(act_and_stay)
        os.close(tell)
        os.close(gate)
        assert os.read(done, 1) == b"d", f"child {child} failed"
        os.close(done)
        self._held.append((child, hold))
        return child

    def release(self) -> None:
        """Let the children end that were held."""
        for child, hold in self._held:
            os.close(hold)
            end_child(child)

    @property
    def facts(self) -> Facts:
        """What is known of the record: who owns a UNIX socket moved bytes over it first."""
        owner = self._owner or self.moves[0][:2]
        facts = {"where": self._where, "owner": owner, "moves": self.moves}
        return facts | {"by_results": self._by_results}


def told(*ends: End) -> Facts:
    """Return what a workload knows of its sockets."""
    for end in ends:
        end.release()
    return {"ends": [end.facts for end in ends]}


def send(channel: socket.socket, *sizes: int) -> None:
    """Send messages of these sizes."""
    for size in sizes:
        assert channel.send(b"m" * size) == size


def take(channel: socket.socket, size: int) -> None:
    """Receive so many bytes, in whatever pieces."""
    while size:
        piece = len(channel.recv(size))
        assert 0 < piece <= size
        size -= piece


@contextmanager
def pair(kind: str) -> Iterator[tuple[End, End]]:
    """Yield both ends of a connection, which this process owns: the one to share, and the other."""
    near, far = _channels(kind)
    try:
        yield End(near), End(far)
        if near.family != socket.AF_UNIX and near.type == socket.SOCK_STREAM:
            for channel in (near, far):
                with suppress(OSError):
                    channel.shutdown(socket.SHUT_WR)
            assert near.recv(1) == far.recv(1) == b""
    finally:
        near.close()
        far.close()


def _channels(kind: str) -> tuple[socket.socket, socket.socket]:
    if kind in UNIX:
        return socket.socketpair(socket.AF_UNIX, UNIX[kind])
    families = [socket.AF_INET6 if ":" in it else socket.AF_INET for it in ADDRESSES[kind]]
    if kind.startswith("udp"):
        near, far = (socket.socket(family, socket.SOCK_DGRAM) for family in families)
        for channel, address in zip((near, far), ADDRESSES[kind], strict=True):
            channel.bind((address, 0))
        near.connect((ADDRESSES[kind][0], far.getsockname()[1]))
        far.connect((ADDRESSES[kind][1], near.getsockname()[1]))
        return near, far
    listener = socket.socket(families[0], socket.SOCK_STREAM)
    with listener:
        listener.bind((ADDRESSES[kind][0], 0))
        listener.listen(1)
        far = socket.create_connection((ADDRESSES[kind][1], listener.getsockname()[1]))
        near, _ = listener.accept()
    for channel in (near, far):
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return (far, near) if kind == "client" else (near, far)


def start_child(act: Callable[[], object]) -> int:
    """Let a child do something and end; return its pid."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.alarm(SECONDS)  # outlives an exec
        act()
        code = 0
    finally:
        os._exit(code)


def end_child(child: int) -> int:
    """Wait for a child that must end well; return its pid."""
    _, status = os.waitpid(child, 0)
    assert status == 0, f"child {child} failed with {status}"
    return child


def by_child(act: Callable[[], object]) -> int:
    """Let a child do something, wait for its end, return its pid."""
    return end_child(start_child(act))


def serve(near: End, far: End, asked: int, answered: int) -> int:
    """Ask over the far end; a child answers over the near one."""

    def answer() -> None:
        take(near.channel, asked)
        send(near.channel, answered)

    far.send(asked)
    child = near.child(answer)
    near.note(child, answered, asked)
    far.take(answered)
    return child


def users_of(moves: list[Move], owner: tuple[str, int], program: str) -> list[Entry]:
    """Return what SockUsers must be for what images did in this order; empty: there is no such key.

    Args:
        moves: What was noted; of process 0: by one that nobody can name.
        owner: Program and process that own the socket.
        program: What a process runs that has only forked.
    """
    first = (owner[0] or program, owner[1])
    added: dict[tuple[str, int], list[int]] = {first: [0, 0]}
    for name, pid, *sizes in moves:
        sums = added.setdefault((name or program, pid), [0, 0])
        added[name or program, pid] = [old + new for old, new in zip(sums, sizes, strict=True)]
    unnamed = [added.pop(image) for image in list(added) if not image[1]]
    if not any(added[first]):
        del added[first]
    if set(added) <= {first} and not unnamed:
        return []
    named = MOST + (first in added)
    entries: list[Entry] = [
        {"Proc": name, "ProcPID": pid, "TxBytes": sent, "RxBytes": received}
        for (name, pid), (sent, received) in list(added.items())[:named]
    ]
    rest = unnamed + list(added.values())[named:]
    if rest:
        sent, received = map(sum, zip(*rest, strict=True))
        entries.append({"TxBytes": sent, "RxBytes": received})
    return entries
