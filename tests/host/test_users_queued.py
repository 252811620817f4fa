# SPDX-License-Identifier: Apache-2.0
"""Who takes datagrams out of queues that hold more than the kernel side keeps peers for.

What it keeps by the address of a packet (ebpf/socket/queued.bpf.h) meets in one place then, and who
is the peer is read from the headers.
"""

import os
import socket
from contextlib import ExitStack

from tests.host.agent import Agent
from tests.host.ledger import SECONDS, by_child
from tests.host.one_run import IDLE
from tests.host.test_users import PYTHON
from tests.host.test_users_lasting import Sums, shares

SOCKETS, PLACES = 28, 4096
SIZES = (11, 23, 37)  # a datagram of each sender
BY_CHILD, BY_OWNER = 20, 40  # datagrams of each sender to each socket


def _sockets(stack: ExitStack, count: int) -> list[socket.socket]:
    made = [
        stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)
    ]
    for each in made:
        each.settimeout(SECONDS)
        each.bind(("127.0.0.1", 0))
    return made


def _take(channels: list[socket.socket], count: int) -> None:
    for channel in channels:
        for number in range(count * len(SIZES)):
            assert len(channel.recvfrom(64)[0]) == SIZES[number % len(SIZES)]


def _move() -> tuple[int, dict[tuple[int, int], int]]:
    """Fill the queues, let a child take the first of each and take the others.

    Returns:
        The child, and the size of a datagram by local and remote port of who receives it.
    """
    with ExitStack() as stack:
        channels, senders = _sockets(stack, SOCKETS), _sockets(stack, len(SIZES))
        for _ in range(BY_CHILD + BY_OWNER):
            for channel in channels:
                for sender, size in zip(senders, SIZES, strict=True):
                    sender.sendto(b"q" * size, channel.getsockname())
        child = by_child(lambda: _take(channels, BY_CHILD))
        _take(channels, BY_OWNER)
        return child, {
            (channel.getsockname()[1], sender.getsockname()[1]): size
            for channel in channels
            for sender, size in zip(senders, SIZES, strict=True)
        }


def test_each_datagram_is_of_its_peer_whatever_the_queues_hold() -> None:
    """Of 84 peers of 28 sockets, each has what the owner and the child took."""
    assert SOCKETS * len(SIZES) * (BY_CHILD + BY_OWNER) > PLACES
    with Agent("-m", "socket", "-t", IDLE) as agent:
        child, sizes = _move()
        result = agent.stop()

    records = [
        each
        for each in result.records
        if "SockLocalPort" in each
        and (each["ProcPID"], each["SockRole"]) == (os.getpid(), "SERVER")
    ]
    ports = [(each["SockLocalPort"], each["SockRemotePort"]) for each in records]
    wanted: dict[tuple[int, int], Sums] = {
        port: {(PYTHON, os.getpid()): (0, size * BY_OWNER), (PYTHON, child): (0, size * BY_CHILD)}
        for port, size in sizes.items()
    }
    assert sorted(ports) == sorted(wanted)
    assert {port: shares([each]) for port, each in zip(ports, records, strict=True)} == wanted
