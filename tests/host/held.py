# SPDX-License-Identifier: Apache-2.0
"""Datagrams that netfilter holds until another process lets them go: more of users.py."""

import os
import socket
import struct
from pathlib import Path

from tests.host.fragments import known, own_network
from tests.host.ledger import SECONDS, End, by_child, end_child, start_child, take, told
from tests.host.workloads import Facts

NETLINK_NETFILTER, REQUEST, ACK, CREATE, APPEND, NESTED = 12, 1, 4, 0x400, 0x800, 0x8000
TABLES, QUEUE = 10 << 8, 3 << 8  # subsystems
BEGIN, END, NEW_TABLE, NEW_CHAIN, NEW_RULE = 16, 17, TABLES, TABLES | 3, TABLES | 6
VERDICT, CONFIGURE = QUEUE | 1, QUEUE | 2
LOCAL_OUT, ACCEPT, BIND, META = 3, 1, 1, 1
ERROR = 2


def possible() -> bool:
    """Say whether the kernel has a rule for it, and lets kflowd read registers."""
    modules = Path("/lib/modules", os.uname().release)
    built_in = modules / "modules.builtin"
    found = any((modules / "kernel/net/netfilter").glob("nft_queue.ko*"))
    return known() and (found or (built_in.exists() and "nft_queue" in built_in.read_text()))


def udp_held() -> Facts:
    """Owner and child send; a third process lets each datagram go, and is no user of the socket.

    The packets leave in its call, so who sent them is not known.
    """
    own_network()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        for channel in (near, far):
            channel.bind(("127.0.0.1", 0))
            channel.settimeout(SECONDS)
        to = far.getsockname()
        ends = End(near, to[1]), End(far, near.getsockname()[1])
        child = _start_release(2)
        near.sendto(b"o" * 7, to)
        by_child(lambda: near.sendto(b"c" * 11, to))
        take(far, 18)
        end_child(child)
        ends[0].note(0, 18, 0)
        ends[1].note(os.getpid(), 0, 18)
        return told(*ends)


def _start_release(count: int) -> int:
    """Hold what this namespace sends; return the process that lets so many packets go and ends."""
    ready, tell = os.pipe()

    def release() -> None:
        with _netlink() as queue:
            _hold(queue)
            os.write(tell, b"r")
            for _ in range(count):
                packet = queue.recv(8192)
                # a header of 16 and 4 bytes, then the attribute with the number of the packet
                (number,) = struct.unpack_from(">I", packet, 24)
                verdict = _attribute(2, struct.pack(">II", ACCEPT, number))
                queue.send(_message(VERDICT, 0, 0, verdict))

    child = start_child(release)
    os.close(tell)
    assert os.read(ready, 1) == b"r"
    os.close(ready)
    return child


def _netlink() -> socket.socket:
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    channel.bind((0, 0))
    return channel


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _message(kind: int, family: int, resource: int, body: bytes = b"", flags: int = 0) -> bytes:
    """Return a netfilter message; its resource is in network order."""
    inner = struct.pack(">BBH", family, 0, resource) + body
    return struct.pack("IHHII", 16 + len(inner), kind, REQUEST | flags, 1, 0) + inner


def _hold(queue: socket.socket) -> None:
    """Make one rule, which puts each packet into queue 0, of which this is the reader."""
    command = _attribute(1, struct.pack(">BxH", BIND, socket.AF_INET))
    what = _attribute(2, struct.pack(">IB", 0, META))
    queue.send(_message(CONFIGURE, 0, 0, command + what, ACK))
    _acknowledged(queue)
    hook = _attribute(1, struct.pack(">I", LOCAL_OUT)) + _attribute(2, struct.pack(">i", 0))
    named = _attribute(1, b"held\0")
    number = _attribute(1, struct.pack(">H", 0)) + _attribute(2, struct.pack(">H", 1))
    expression = _attribute(1, b"queue\0") + _attribute(2 | NESTED, number)
    chain = named + _attribute(3, b"out\0") + _attribute(4 | NESTED, hook)
    rule = named + _attribute(2, b"out\0")
    rule += _attribute(4 | NESTED, _attribute(1 | NESTED, expression))
    family = socket.AF_INET
    with _netlink() as tables:
        tables.send(
            _message(BEGIN, 0, TABLES >> 8)
            + _message(NEW_TABLE, family, 0, named, CREATE)
            + _message(NEW_CHAIN, family, 0, chain + _attribute(7, b"filter\0"), CREATE)
            + _message(NEW_RULE, family, 0, rule, CREATE | APPEND | ACK)
            + _message(END, 0, TABLES >> 8)
        )
        _acknowledged(tables)


def _acknowledged(channel: socket.socket) -> None:
    answer = channel.recv(8192)
    _, kind, _, _, _, error = struct.unpack_from("IHHIIi", answer)
    assert (kind, error) == (ERROR, 0), os.strerror(-error)
