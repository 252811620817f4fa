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
from itertools import product
from pathlib import Path
from typing import BinaryIO

from tests.host import users_calls
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
from tests.host.workloads import NOBODY, Facts

ASKED, ANSWERED = 101, 211
ECHOED, BANNER, HELLO = 41, 13, 5
SENT = (7, 11, 13)  # by threads
CAT, SHELL = "kf-cat", "kf-sh"


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
        by_child(near.channel.fileno)
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

        child = by_child(all_send)
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

        near.note(by_child(act), 18, 0)
        far.take(18)
        return told(near, far)


# --- what it runs


def _echo(kind: str, far: End, child: int, *before: int) -> None:
    """Take what comes before, have the child's `cat` echo something, and let it end."""
    for size in before:
        far.take(size)
    far.send(ECHOED)
    far.take(ECHOED)
    if kind in STREAMS or kind == "seqpacket":
        far.channel.shutdown(socket.SHUT_WR)
    else:
        far.channel.send(b"")
    end_child(child)


def _execute(end: End, folder: str, program: str, *arguments: str) -> None:
    """Become a program that has the socket as standard input and output."""
    for descriptor in (0, 1):
        os.dup2(end.channel.fileno(), descriptor)
    os.execv(f"{folder}/{program}", [program, *arguments])


def execute(kind: str, folder: str) -> Facts:
    """As inetd does: a child becomes another program, which has the socket as input and output."""
    with pair(kind) as (near, far):
        child = start_child(lambda: _execute(near, folder, CAT))
        near.note(child, ECHOED, ECHOED, CAT)
        _echo(kind, far, child)
        return told(near, far)


def execute_later(kind: str, folder: str) -> Facts:
    """A child sends, becomes a shell that sends, which becomes another program: three images."""
    script = f"printf {'h' * HELLO}; exec {folder}/{CAT}"

    def act() -> None:
        send(near.channel, BANNER)
        _execute(near, folder, SHELL, "-c", script)

    with pair(kind) as (near, far):
        child = start_child(act)
        near.note(child, BANNER, 0)
        near.note(child, HELLO, 0, SHELL)
        near.note(child, ECHOED, ECHOED, CAT)
        _echo(kind, far, child, BANNER, HELLO)
        return told(near, far)


def execute_owner(before: str, folder: str) -> Facts:
    """Who connected becomes another program, after so many bytes: one process, two images."""
    reader, writer = os.pipe()

    def act() -> None:
        client = socket.create_connection(listener.getsockname())
        os.write(writer, client.getsockname()[1].to_bytes(4, "little"))
        if int(before):
            send(client, int(before))
        _execute(End(client), folder, CAT)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = start_child(act)
        server, _ = listener.accept()
        with server:
            far = End(server)
            _echo("client", far, child, *([int(before)] if int(before) else []))
            assert server.recv(1) == b""
        port = listener.getsockname()[1]
    where: Facts = {"SockProtocol": "TCP", "SockRemotePort": port}
    where["SockLocalPort"] = int.from_bytes(os.read(reader, 4), "little")
    moves = [("", child, int(before), 0), (CAT, child, ECHOED, ECHOED)]
    return {"ends": [far.facts, {"where": where, "owner": ("", child), "moves": moves}]}


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


# --- before the agent, and for long


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


# --- all of them

SHARED = ("server", "udp", *UNIX)
_FOLDER = {execute, execute_later, execute_owner, users_calls.destinations}
_TABLE: tuple[tuple[Callable[..., Facts], Iterable[tuple[str, ...]]], ...] = (
    *((workload, product(KINDS)) for workload in (fork_server, alone, in_turns, child_first)),
    *((each, product(SHARED)) for each in (threads, threads_alone, other_user, grandchild, passed)),
    *((each, product(SHARED)) for each in (execute, execute_later, users_calls.peek)),
    *(
        (users_calls.call, product(SHARED, [sender], [receiver]))
        for sender, receiver in users_calls.CALLS.items()
    ),
    # not over UNIX sockets: their own records lack what is moved without a message
    (users_calls.call, product(("server", "udp"), ["sendfile"], ["recvfrom"])),
    (users_calls.call, [("server", "splice", "splice")]),
    (at_once, product(("server", "udp", "stream"))),
    (many, product(("server", "udp", "stream"), ("8", "11"), ("first", "last", "never"))),
    (execute_owner, product((str(BANNER), "0"))),
    (users_calls.partly, product(("server", "stream"))),
    (users_calls.truncate, product(("server", "udp", "datagram", "seqpacket"))),
    (users_calls.only_peek, product(("server", "udp"))),
    (users_calls.udp_peers, product(("inet", "inet6"))),
    (users_calls.udp_without_address, product(("recv", "recvmsg", "recvmmsg", "read", "readv"))),
    (users_calls.prefork, product(("1", str(users_calls.PREFORKED)))),
    (users_calls.udp_batch, [()]),
    (users_calls.udp_pieces, [()]),
    (users_calls.udp_segments, [()]),
    (users_calls.destinations, [()]),
)
WORKLOADS = {
    "-".join((workload.__name__, *arguments)): (workload, arguments)
    for workload, variants in _TABLE
    for arguments in variants
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
