# SPDX-License-Identifier: Apache-2.0
"""Programs that a child becomes, with a socket of the workload: more of tests/host/users.py."""

import os
import socket

from tests.host.ledger import STREAMS, End, end_child, pair, send, start_child, told
from tests.host.workloads import Facts

ECHOED, BANNER, HELLO = 41, 13, 5
CAT, SHELL = "kf-cat", "kf-sh"


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
