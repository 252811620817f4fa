# SPDX-License-Identifier: Apache-2.0
"""Sockets from before the agent: a child has the clients, this process the servers."""

import os
import socket
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from tests.host.operations import end_forked, start_forked
from tests.host.workloads import Done, Facts, _read_exactly

HOST = "127.0.0.1"
SPOKEN_BYTES, DATAGRAM_BYTES = 5, 37
# bytes asked and answered under the agent; none: there is no packet until the end
CONNECTIONS = {
    "idle": (7, 11),
    "spoken": (13, 17),
    "silent": (0, 0),
    "waiting": (19, 23),
    "unconnected": (29, 31),
}
ACCEPTED = ("idle", "spoken", "silent")
# datagrams sent under the agent; each socket gets one back
DATAGRAMS = {"connected": 3, "bound": 5, "joined": 7}


def older_clients(listener: str, receiver: str, ready: str, begin: str, other_end: str) -> Facts:
    """Make sockets, say so, wait, and use each. The servers are known by descriptors to close."""
    os.close(int(other_end))  # so that the wait ends with who would end it
    with socket.socket(fileno=int(listener)) as tcp, socket.socket(fileno=int(receiver)) as udp:
        server, peer = tcp.getsockname(), udp.getsockname()
    ends = {name: socket.create_connection(server) for name in (*ACCEPTED, "waiting")}
    ends["spoken"].sendall(b"o" * SPOKEN_BYTES)
    ends["unconnected"] = socket.socket()
    ends |= {name: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for name in DATAGRAMS}
    ends["connected"].connect(peer)
    ends["bound"].bind((HOST, 0))
    ends["joined"].bind((HOST, 0))
    os.write(int(ready), b"r")
    assert os.read(int(begin), 1)
    ends["unconnected"].connect(server)
    ends["joined"].connect(peer)
    ports = {name: end.getsockname()[1] for name, end in ends.items()}
    for name, (asked, answered) in CONNECTIONS.items():
        with ends[name] as end:
            end.sendall(b"q" * asked)
            _read_exactly(end, answered)
    for name, count in DATAGRAMS.items():
        with ends[name] as end:
            for _ in range(count):
                end.sendto(b"d" * DATAGRAM_BYTES, peer)
            assert len(end.recv(64)) == DATAGRAM_BYTES
    return ports


class Older(NamedTuple):
    """Sockets that wait for the agent.

    Attributes:
        listener: Has one connection that is not accepted.
        receiver: Of datagrams.
        accepted: Servers' ends by name.
        begin: Where a byte lets the child begin.
        child: Its pid.
        facts: Where its facts come from.
    """

    listener: socket.socket
    receiver: socket.socket
    accepted: dict[str, socket.socket]
    begin: int
    child: int
    facts: BinaryIO

    @classmethod
    def make(cls) -> "Older":
        """Make all sockets; the connection that is spoken on has sent and received 5 bytes."""
        listener = socket.create_server((HOST, 0))
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind((HOST, 0))
        (was_made, made), (told, begin) = os.pipe(), os.pipe()
        descriptors = listener.fileno(), receiver.fileno(), made, told, begin
        child, facts = start_forked(older_clients, *descriptors)
        accepted = {name: listener.accept()[0] for name in ACCEPTED}
        _read_exactly(accepted["spoken"], SPOKEN_BYTES)
        assert os.read(was_made, 1)
        for descriptor in (was_made, made, told):
            os.close(descriptor)
        return cls(listener, receiver, accepted, begin, child, facts)

    def end(self) -> Done:
        """Let the child use its sockets, answer, and close everything."""
        os.write(self.begin, b"b")
        os.close(self.begin)
        with self.listener, self.receiver:
            self._answer(CONNECTIONS)
            self.receiver.settimeout(60)
            for count in DATAGRAMS.values():
                for _ in range(count):
                    _, sender = self.receiver.recvfrom(64)
                self.receiver.sendto(b"r" * DATAGRAM_BYTES, sender)
            done = end_forked(self.child, self.facts)
            receiver = self.receiver.getsockname()[1]
        return Done(done.pid, done.facts | {"receiver": receiver})

    def _answer(self, names: Iterable[str]) -> None:
        for name in names:
            end = self.accepted.get(name) or self.listener.accept()[0]
            with end:
                asked, answered = CONNECTIONS[name]
                _read_exactly(end, asked)
                end.sendall(b"a" * answered)
                assert end.recv(1) == b""
