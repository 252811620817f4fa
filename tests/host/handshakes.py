# SPDX-License-Identifier: Apache-2.0
"""Connections that begin in several ways, with the sequence numbers that were on the wire."""

import socket
import struct
from pathlib import Path

from tests.host.fragments import own_network
from tests.host.workloads import Facts

ASKED, ANSWERED = b"q" * 11, b"a" * 13
KINDS = ("inet", "inet6", "cookies", "asking", "fast")
_PROC = Path("/proc/sys/net/ipv4")
_ETH_P_ALL, _MSG_FASTOPEN, _TCP_FASTOPEN = 3, 0x20000000, 23
_SYN, _ACK = 2, 16


def handshakes(_folder: str) -> Facts:
    """Connect in each way; return of each both ports, and both sequence numbers in this order.

    Ways: by IPv4 and IPv6, by SYN cookies, by asking for a cookie of fast open, and by using it.
    """
    own_network()
    (_PROC / "tcp_fastopen").write_text("3")
    found: dict[str, list[int]] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as wire:
        wire.bind(("lo", 0))
        for kind in KINDS:
            (_PROC / "tcp_syncookies").write_text("2" if kind == "cookies" else "1")
            ports = _exchange(kind)
            found[kind] = [*ports, *_numbers(wire, *ports)]
    return found


def _exchange(kind: str) -> tuple[int, int]:
    """Ask and answer over a new connection; return the ports of client and server."""
    family = socket.AF_INET6 if kind == "inet6" else socket.AF_INET
    with socket.socket(family) as server, socket.socket(family) as client:
        if kind in ("asking", "fast"):
            server.setsockopt(socket.IPPROTO_TCP, _TCP_FASTOPEN, 5)
        # the cookie is of the address alone
        server.bind(("::1" if kind == "inet6" else "127.0.0.1", 0))
        server.listen()
        if kind in ("asking", "fast"):
            client.sendto(ASKED, _MSG_FASTOPEN, server.getsockname())
        else:
            client.connect(server.getsockname())
            client.sendall(ASKED)
        taken, _ = server.accept()
        with taken:
            assert taken.recv(64) == ASKED
            taken.sendall(ANSWERED)
            assert client.recv(64) == ANSWERED
            return client.getsockname()[1], server.getsockname()[1]


def _numbers(wire: socket.socket, client: int, server: int) -> tuple[int, int, bool]:
    """Return the sequence numbers of SYN and SYN-ACK, and whether the SYN had data."""
    numbers: dict[int, int] = {}
    data = False
    while len(numbers) < 2:
        frame = wire.recv(4096)
        version = frame[14] >> 4
        at = 14 + (40 if version == 6 else (frame[14] & 15) * 4)
        if frame[20 if version == 6 else 23] != socket.IPPROTO_TCP:
            continue
        source, target, number, _, offset, flags = struct.unpack_from(">HHIIBB", frame, at)
        if flags & _SYN and {source, target} == {client, server}:
            numbers[source] = number
            if not flags & _ACK:
                data = len(frame) > at + (offset >> 4) * 4
    return numbers[client], numbers[server], data
