# SPDX-License-Identifier: Apache-2.0
"""Workloads for sockets that several programs use: each knows who moved how many bytes.

The process of a workload owns all its sockets and is their far end; its children have the near one.
They run one after the other, so that the order is known.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import BinaryIO

from tests.host import held, users_calls, users_programs
from tests.host.ledger import (
    KINDS,
    SECONDS,
    STREAMS,
    UNIX,
    End,
    by_child,
    end_child,
    pair,
    send,
    serve,
    start_child,
    take,
    told,
)
from tests.host.operations import start_forked
from tests.host.users_programs import BANNER, HELLO
from tests.host.workloads import NOBODY, Facts

ASKED, ANSWERED = 101, 211
SENT = (7, 11, 13)  # by threads


# --- who uses it


def fork_server(kind: str) -> Facts:
    """A child serves, who has it alone does nothing with it."""
    with pair(kind) as (near, far):
        serve(near, far, ASKED, ANSWERED)
        return told(near, far)


def alone(kind: str) -> Facts:
    """Who has it uses it; a child has it too and does nothing."""
    with pair(kind) as (near, far):
        near.send(3)
        far.take(3)
        near.child(near.channel.fileno)
        far.send(5)
        near.take(5)
        return told(near, far)


def in_turns(kind: str) -> Facts:
    """Who has it, a child, another child, and again who has it."""
    with pair(kind) as (near, far):
        near.send(17)
        far.take(17)
        serve(near, far, 23, 29)
        serve(near, far, 31, 37)
        far.send(43)
        near.take(43)
        return told(near, far)


def child_first(kind: str) -> Facts:
    """A child is first, and then who has it."""
    with pair(kind) as (near, far):
        serve(near, far, 47, 53)
        near.send(59)
        far.take(59)
        return told(near, far)


def grandchild(kind: str) -> Facts:
    """A child of a child serves: a daemon that forks twice."""
    with pair(kind) as (near, far):
        reader, writer = os.pipe()

        def answer() -> None:
            take(near.channel, ASKED)
            send(near.channel, ANSWERED)

        far.send(ASKED)
        by_child(lambda: os.write(writer, by_child(answer).to_bytes(4, "little")))
        near.note(int.from_bytes(os.read(reader, 4), "little"), ANSWERED, ASKED)
        far.take(ANSWERED)
        return told(near, far)


def threads(kind: str) -> Facts:
    """Three threads of a child send, and three of who has it: they are one image each."""
    with pair(kind) as (near, far):

        def all_send() -> None:
            working = [threading.Thread(target=send, args=(near.channel, it)) for it in SENT]
            for each in working:
                each.start()
            for each in working:
                each.join()

        child = near.child(all_send)
        near.note(child, sum(SENT), 0)
        far.take(sum(SENT))
        all_send()
        near.note(os.getpid(), sum(SENT), 0)
        far.take(sum(SENT))
        return told(near, far)


def threads_alone(kind: str) -> Facts:
    """Another thread of who has it sends: still nobody else."""
    with pair(kind) as (near, far):
        thread = threading.Thread(target=send, args=(near.channel, *SENT))
        thread.start()
        thread.join()
        near.note(os.getpid(), sum(SENT), 0)
        far.take(sum(SENT))
        return told(near, far)


def many(kind: str, children: str, owner: str) -> Facts:
    """So many children, one after the other.

    Args:
        kind: Of the socket.
        children: How many.
        owner: When who has it uses it: first (and once more in the end), last, or never.
    """
    with pair(kind) as (near, far):
        if owner == "first":
            near.send(61)
            far.take(61)
        for number in range(int(children)):
            serve(near, far, 67 + number, 127 + 2 * number)
        if owner != "never":
            far.send(71)
            near.take(71)
        return told(near, far)


def again(kind: str) -> Facts:
    """Ten children in their order, and again in the other order: two of them have no entry."""
    with pair(kind) as (near, far):
        gates = [os.pipe() for _ in range(10)]

        def act(gate: int, number: int) -> None:
            for _ in range(2):
                os.read(gate, 1)
                take(near.channel, 101 + number)
                send(near.channel, 3 * (101 + number))

        children = [start_child(partial(act, gate[0], it)) for it, gate in enumerate(gates)]
        for number in (*range(10), *reversed(range(10))):
            far.send(101 + number)
            os.write(gates[number][1], b"g")
            far.take(3 * (101 + number))
            near.note(children[number], 3 * (101 + number), 101 + number)
        for child in children:
            end_child(child)
        return told(near, far)


def at_once(kind: str) -> Facts:
    """Five children send at the same time, after who has it: in which order, nobody knows."""
    with pair(kind) as (near, far):
        near.send(3)
        far.take(3)
        children = [start_child(lambda: send(near.channel, *[7] * 29)) for _ in range(5)]
        for child in children:
            end_child(child)
            near.note(child, 7 * 29, 0)
        far.take(5 * 7 * 29)
        return told(near, far) | {"unordered": True}


def other_user(kind: str) -> Facts:
    """A child becomes another user in between: it is still the same program."""
    with pair(kind) as (near, far):

        def act() -> None:
            send(near.channel, 7)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            send(near.channel, 11)

        near.note(near.child(act), 18, 0)
        far.take(18)
        return told(near, far)


def accept_in_child() -> Facts:
    """A child accepts and serves: it is the owner, whoever listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                take(connection, ASKED)
                send(connection, ANSWERED)
                assert connection.recv(1) == b""

        child = start_child(answer)
        with socket.create_connection(("127.0.0.1", server)) as client:
            far = End(client)
            far.send(ASKED)
            far.take(ANSWERED)
            client.shutdown(socket.SHUT_WR)
            end_child(child)
            assert client.recv(1) == b""
            ports = {"SockLocalPort": server, "SockRemotePort": client.getsockname()[1]}
        where: Facts = {"SockProtocol": "TCP"} | ports
        moves = [("", child, ANSWERED, ASKED)]
        return {"ends": [far.facts, {"where": where, "owner": ("", child), "moves": moves}]}


def connect_in_child(protocol: str) -> Facts:
    """A child connects a socket of its parent: it is the owner of what goes over it then."""
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[protocol]
    with socket.socket(socket.AF_INET, kind) as to, socket.socket(socket.AF_INET, kind) as channel:
        to.bind(("127.0.0.1", 0))
        if protocol == "tcp":
            to.listen(1)

        def act() -> None:
            channel.connect(to.getsockname())
            send(channel, BANNER)

        child = by_child(act)
        near = End(channel, owner=child)
        near.note(child, BANNER, 0)
        near.send(HELLO)
        if protocol == "udp":
            far = End(to, channel.getsockname()[1])
            far.take(BANNER)
            far.take(HELLO)
        else:
            with to.accept()[0] as server:
                far = End(server)
                far.take(BANNER + HELLO)
                channel.shutdown(socket.SHUT_WR)
                assert server.recv(1) == b""
            assert channel.recv(1) == b""
        return told(near, far)


def passed(kind: str) -> Facts:
    """A process that was there before the socket gets it as a message, and has it alone."""
    mine, others = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def answer() -> None:
        _, (descriptor,), _, _ = socket.recv_fds(others, 1, 1)
        with socket.socket(fileno=descriptor) as channel:
            take(channel, ASKED)
            send(channel, ANSWERED)
            assert kind not in STREAMS or channel.recv(1) == b""

    child = start_child(answer)
    by, to = End(mine), End(others)
    with pair(kind) as (near, far):
        far.send(ASKED)
        socket.send_fds(mine, [b"f"], [near.channel.fileno()])
        by.note(os.getpid(), 1, 0)
        to.note(child, 0, 1)
        near.note(child, ANSWERED, ASKED)
        far.take(ANSWERED)
        if kind in STREAMS:
            far.channel.shutdown(socket.SHUT_WR)
        end_child(child)
    mine.close()
    others.close()
    return told(near, far, by, to)


# --- before the agent, and many connections


def older(kind: str, ready: str, begin: str) -> Facts:
    """A socket from before the agent, over which who has it has spoken; then a child serves."""
    signal.alarm(SECONDS)
    with pair(kind) as (near, far):
        send(near.channel, BANNER)
        take(far.channel, BANNER)
        os.write(int(ready), b"r")
        assert os.read(int(begin), 1)
        serve(near, far, ASKED, ANSWERED)
        return told(near, far)


def forking_server(connections: str) -> Facts:
    """So many connections at the same time, of which each has a child of its own."""
    with ExitStack() as stack:
        pairs = [stack.enter_context(pair("server")) for _ in range(int(connections))]
        for near, far in pairs:
            serve(near, far, ASKED, ANSWERED)
        return told(*(near for near, _ in pairs))


# --- all of them

SHARED = ("server", "udp", *UNIX)
_FOLDER = {
    users_programs.execute,
    users_programs.execute_later,
    users_programs.execute_owner,
    users_calls.destinations,
}
_TABLE: tuple[tuple[Callable[..., Facts], Iterable[tuple[str, ...]]], ...] = (
    *((workload, product(KINDS)) for workload in (fork_server, alone, in_turns, child_first)),
    *((each, product(SHARED)) for each in (threads, threads_alone, other_user, grandchild, passed)),
    *(
        (each, product(SHARED))
        for each in (users_programs.execute, users_programs.execute_later, users_calls.peek)
    ),
    *(
        (users_calls.call, product(SHARED, [sender], [receiver]))
        for sender, receiver in users_calls.CALLS.items()
    ),
    # not over UNIX sockets: their own records lack what is moved without a message
    (users_calls.call, product(("server", "udp"), ["sendfile"], ["recvfrom"])),
    (users_calls.call, [("server", "splice", "splice")]),
    *((each, product(("server", "udp", "stream"))) for each in (again, at_once)),
    (many, product(("server", "udp", "stream"), ("8", "11"), ("first", "last", "never"))),
    (accept_in_child, [()]),
    (connect_in_child, product(("tcp", "udp"))),
    (users_programs.execute_owner, product((str(BANNER), "0"))),
    *(
        (each, product(("server", "client", "stream")))
        for each in (users_calls.read_while_written, users_calls.write_while_read)
    ),
    (users_calls.partly, product(("server", "stream"))),
    (users_calls.truncate, product(("server", "udp", "datagram", "seqpacket"))),
    (users_calls.only_peek, product(("server", "udp"))),
    (users_calls.read_late, [()]),
    (users_calls.udp_peers, product(("inet", "inet6"))),
    (users_calls.udp_nowhere, product(("0.0.0.0", "::"))),
    (users_calls.udp_without_address, product(("recv", "recvmsg", "recvmmsg", "read", "readv"))),
    (users_calls.prefork, product(("1", str(users_calls.PREFORKED)))),
    (users_calls.udp_batch, [()]),
    (users_calls.udp_pieces, [()]),
    (users_calls.udp_first, [()]),
    (held.udp_held, [()] if held.possible() else []),
    (users_calls.udp_segments, [()]),
    (users_calls.destinations, [()]),
)
WORKLOADS = {
    "-".join((workload.__name__, *arguments)): (workload, arguments)
    for workload, variants in _TABLE
    for arguments in variants
}


# what emulated machines run: each call and each way to share, over one socket of each kind
_KINDS = {"client", "server6", "mapped", "udp6", "udp-mapped", "datagram", "seqpacket"}
FEW = {
    name: it
    for name, it in WORKLOADS.items()
    if it[0] is fork_server
    or (
        not (_KINDS & set(it[1]) or (it[0] is users_calls.call and "stream" in it[1]))
        and not (it[0] is many and it[1][1:] not in {("11", "first"), ("8", "never")})
    )
}


def start(name: str, folder: Path) -> tuple[int, BinaryIO]:
    """Start a workload; the folder has the programs.

    Returns:
        What tests.host.operations.end_forked takes.
    """
    workload, arguments = WORKLOADS[name]

    def limited(*arguments: str) -> Facts:
        signal.alarm(SECONDS)  # it is ended, whatever it waits for
        return workload(*arguments)

    return start_forked(limited, *arguments, *([folder] if workload in _FOLDER else []))
