# SPDX-License-Identifier: Apache-2.0
"""By which calls a child uses a socket of the workload: more of tests/host/users.py."""

import ctypes
import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.host.ledger import (
    SECONDS,
    STREAMS,
    End,
    by_child,
    end_child,
    pair,
    send,
    start_child,
    take,
    told,
)
from tests.host.operations import _Message, _Piece
from tests.host.workloads import Facts

OUT, IN = (7, 11, 13), (5, 17, 19)  # messages of a call that is tested
LARGE = 1 << 24  # more than a socket takes at once
SOL_UDP, UDP_SEGMENT = 17, 103
PREFORKED, PREFORK_ASKED, PID_BYTES = 17, 19, 7


def _batch(call: str, channel: socket.socket, sizes: Iterable[int]) -> None:
    """Send or receive all messages by one call."""
    wanted = tuple(sizes)
    libc = ctypes.CDLL(None, use_errno=True)
    rooms = [ctypes.create_string_buffer(size) for size in wanted]
    pieces = [_Piece(ctypes.addressof(room), len(room)) for room in rooms]
    messages = (_Message * len(wanted))()
    for message, piece in zip(messages, pieces, strict=True):
        message.pieces, message.piece_count = ctypes.addressof(piece), 1
    last = [None] if call == "recvmmsg" else []
    moved = getattr(libc, call)(channel.fileno(), messages, len(wanted), 0, *last)
    assert moved == len(wanted), os.strerror(ctypes.get_errno())
    # the second half of the word is padding
    assert tuple(message.length & 0xFFFFFFFF for message in messages) == wanted


def _send_file(channel: socket.socket, size: int) -> int:
    source = os.memfd_create("kflowd-users")
    os.write(source, b"f" * size)
    return os.sendfile(channel.fileno(), source, 0, size)


def _splice_to(channel: socket.socket, size: int) -> int:
    reader, writer = os.pipe()
    os.write(writer, b"p" * size)
    return os.splice(reader, channel.fileno(), size)


def _splice_from(channel: socket.socket, size: int) -> int:
    _, writer = os.pipe()
    return os.splice(channel.fileno(), writer, size)


def _halves(size: int) -> list[bytearray]:
    return [bytearray(size // 2), bytearray(size - size // 2)]


SENDERS: dict[str, Callable[[socket.socket, int], int]] = {
    "send": lambda channel, size: channel.send(bytes(size)),
    "sendmsg": lambda channel, size: channel.sendmsg(_halves(size)),
    "write": lambda channel, size: os.write(channel.fileno(), bytes(size)),
    "writev": lambda channel, size: os.writev(channel.fileno(), _halves(size)),
    "sendfile": _send_file,
    "splice": _splice_to,
}
RECEIVERS: dict[str, Callable[[socket.socket, int], int]] = {
    "recv": lambda channel, size: len(channel.recv(size)),
    "recvfrom": lambda channel, size: len(channel.recvfrom(size)[0]),
    "recvmsg": lambda channel, size: channel.recvmsg_into(_halves(size))[0],
    "read": lambda channel, size: len(os.read(channel.fileno(), size)),
    "readv": lambda channel, size: os.readv(channel.fileno(), _halves(size)),
    "splice": _splice_from,
}
BATCHES = {"sendmmsg", "recvmmsg"}
# with which call the other way is made
CALLS = {
    "send": "recv",
    "sendmsg": "recvmsg",
    "sendmmsg": "recvmmsg",
    "write": "read",
    "writev": "readv",
}


def call(kind: str, sender: str, receiver: str) -> Facts:
    """A child moves three messages each way by these calls, after who has it moved some."""
    with pair(kind) as (near, far):

        def act() -> None:
            if sender in BATCHES:
                _batch(sender, near.channel, OUT)
            else:
                assert [SENDERS[sender](near.channel, size) for size in OUT] == list(OUT)
            if receiver in BATCHES:
                _batch(receiver, near.channel, IN)
            else:
                assert [RECEIVERS[receiver](near.channel, size) for size in IN] == list(IN)

        near.send(3)
        far.take(3)
        far.send(*IN)
        near.note(near.child(act), sum(OUT), sum(IN))
        far.take(sum(OUT))
        return told(near, far)


def peek(kind: str) -> Facts:
    """What is peeked is not received; who only peeks does not use it."""

    def peek_and_take(size: int) -> None:
        for _ in range(3):
            assert len(near.channel.recv(size, socket.MSG_PEEK)) == size
        take(near.channel, size)

    with pair(kind) as (near, far):
        far.send(37)
        near.child(lambda: near.channel.recv(37, socket.MSG_PEEK))
        near.note(near.child(lambda: peek_and_take(37)), 0, 37)
        far.send(19)
        near.child(lambda: near.channel.recv(19, socket.MSG_PEEK))
        near.channel.recv(19, socket.MSG_PEEK)
        near.take(19)
        return told(near, far)


def only_peek(kind: str) -> Facts:
    """A child that peeks, and one whose calls fail, use nothing."""
    with pair(kind) as (near, far):

        def act() -> None:
            near.channel.recv(19, socket.MSG_PEEK)
            with suppress(BlockingIOError):
                raise AssertionError(near.channel.recv(19, socket.MSG_ERRQUEUE))

        far.send(19)
        near.send(23)
        far.take(23)
        near.child(act)
        near.take(19)
        return told(near, far)


def truncate(kind: str) -> Facts:
    """A child receives by MSG_TRUNC: TCP throws bytes away, datagrams tell their whole length."""
    with pair(kind) as (near, far):

        def act() -> None:
            if kind in STREAMS:
                assert near.channel.recv_into(bytearray(31), 31, socket.MSG_TRUNC) == 31
            else:
                assert near.channel.recv_into(bytearray(5), 5, socket.MSG_TRUNC) == 31

        far.send(31)
        near.note(near.child(act), 0, 31)
        near.send(3)
        far.take(3)
        return told(near, far)


def partly(kind: str) -> Facts:
    """A call that sends less than it was asked for counts with what it sent."""
    with pair(kind) as (near, far):
        reader, writer = os.pipe()

        def act() -> None:
            try:
                near.channel.recv(1)
            except BlockingIOError:
                sent = near.channel.send(bytes(1 << 24))
                assert sent < 1 << 24
                os.write(writer, sent.to_bytes(4, "little"))

        os.set_blocking(near.channel.fileno(), False)
        child = near.child(act)
        sent = int.from_bytes(os.read(reader, 4), "little")
        near.note(child, sent, 0)
        far.take(sent)
        os.set_blocking(near.channel.fileno(), True)
        return told(near, far)


def read_while_written(kind: str) -> Facts:
    """A child waits inside of a call that sends while others receive: in which order, is open."""
    with pair(kind) as (near, far):
        near.send(3)
        far.take(3)
        writer = start_child(lambda: near.channel.sendall(bytes(LARGE)))
        _await_sleep(writer)
        near.note(writer, LARGE, 0)
        for size in IN:
            far.send(size)
            reader = by_child(partial(take, near.channel, size))
            near.note(reader, 0, size)
        far.take(LARGE)
        end_child(writer)
        return told(near, far) | {"unordered": True}


def write_while_read(kind: str) -> Facts:
    """A child waits inside of a call that receives while others send: in which order, is open."""
    with pair(kind) as (near, far):
        near.send(3)
        far.take(3)
        reader = start_child(lambda: near.channel.recv(5, socket.MSG_WAITALL))
        _await_sleep(reader)
        far.send(2)
        _await_sleep(reader)
        near.note(reader, 0, 5)
        for size in OUT:
            writer = by_child(partial(send, near.channel, size))
            near.note(writer, size, 0)
            far.take(size)
        far.send(3)
        end_child(reader)
        return told(near, far) | {"unordered": True}


def _await_sleep(child: int) -> None:
    """Wait until a child waits inside of a call, and goes on waiting."""
    end = time.monotonic() + SECONDS / 2
    asleep = 0
    while asleep < 5:
        assert time.monotonic() < end, "it never waits"
        state = Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2][0]
        asleep = asleep + 1 if state == "S" else 0
        time.sleep(0.01)


# --- UDP and its peers


def _udp(family: int = socket.AF_INET) -> socket.socket:
    channel = socket.socket(family, socket.SOCK_DGRAM)
    channel.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    return channel


def read_late() -> Facts:
    """A child reads what came before both ends have closed, long after that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        channel, _ = listener.accept()
    near, far = End(channel), End(peer)
    channel.shutdown(socket.SHUT_WR)
    assert peer.recv(1) == b""
    far.send(1009)
    peer.close()
    time.sleep(0.7)
    near.note(near.child(lambda: take(channel, 1009)), 0, 1009)
    assert channel.recv(1) == b""
    channel.close()
    return told(near, far)


def udp_peers(family: str) -> Facts:
    """One socket, used by two children for a peer each: each is a user of that peer's record."""
    kind = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}[family]
    ends = []
    with _udp(kind) as shared, _udp(kind) as first, _udp(kind) as second:
        for peer, count, size in ((first, 3, 17), (second, 5, 19)):
            address, end = peer.getsockname(), End(shared, peer.getsockname()[1])
            far = End(peer, shared.getsockname()[1])

            def act(to: tuple[str, int] = address, many: int = count, size: int = size) -> None:
                for _ in range(many):
                    shared.sendto(b"u" * size, to)
                data, sender = shared.recvfrom(64)
                assert (len(data), sender) == (29, to)

            peer.sendto(b"r" * 29, shared.getsockname())
            far.note(os.getpid(), 29, 0)
            end.note(end.child(act), count * size, 29)
            far.take(count * size)
            ends += [end, far]
        return told(*ends)


def udp_nowhere(to: str) -> Facts:
    """A child sends to no address, which is this host, over a socket that has another peer."""
    kind = socket.AF_INET6 if ":" in to else socket.AF_INET
    with _udp(kind) as shared, _udp(kind) as first, _udp(kind) as second:
        ends = [End(shared, peer.getsockname()[1]) for peer in (first, second)]
        far = [End(peer, shared.getsockname()[1]) for peer in (first, second)]
        shared.sendto(b"f" * 11, first.getsockname())
        ends[0].note(os.getpid(), 11, 0)
        far[0].take(11)

        def act() -> None:
            for _ in range(3):
                shared.sendto(b"n" * 13, (to, second.getsockname()[1]))

        ends[1].note(ends[1].child(act), 39, 0)
        far[1].take(39)
        return told(*ends, *far)


def udp_without_address(receiver: str) -> Facts:
    """A child receives from two peers by a call that does not ask who sent; one user each.

    The results of system calls alone do not tell which of the two it was.
    """
    with _udp() as shared, _udp() as first, _udp() as second:
        ends = [End(shared, peer.getsockname()[1]) for peer in (first, second)]
        far = [End(peer, shared.getsockname()[1]) for peer in (first, second)]
        sizes = (7, 11), (13, 17)

        def act() -> None:
            for size in sizes[0] + sizes[1]:
                assert RECEIVERS[receiver](shared, size) == size

        def act_batch() -> None:
            _batch(receiver, shared, sizes[0] + sizes[1])

        for both in sizes:
            for end, size in zip(far, both, strict=True):
                end.channel.sendto(b"r" * size, shared.getsockname())
                end.note(os.getpid(), size, 0)
        child = by_child(act_batch if receiver in BATCHES else act)
        for end, received in zip(ends, zip(*sizes, strict=True), strict=True):
            end.note(child, 0, sum(received))
            if receiver != "recvmsg":  # Python has room for an address there
                end.by_results()
        return told(*ends, *far)


def udp_batch() -> Facts:
    """A child sends to two peers by one sendmmsg with addresses: one user each."""
    libc = ctypes.CDLL(None, use_errno=True)
    with _udp() as shared, _udp() as first, _udp() as second:
        ends = [End(shared, peer.getsockname()[1]) for peer in (first, second)]
        far = [End(peer, shared.getsockname()[1]) for peer in (first, second)]

        def act() -> None:
            messages = (_Message * len(OUT))()
            kept = []
            for number, (message, size) in enumerate(zip(messages, OUT, strict=True)):
                port = far[number % 2].channel.getsockname()[1]
                name = socket.AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big")
                name = ctypes.create_string_buffer(name + bytes([127, 0, 0, 1]), 16)
                room = ctypes.create_string_buffer(size)
                piece = _Piece(ctypes.addressof(room), size)
                kept += [name, room, piece]
                message.name, message.name_length = ctypes.addressof(name), 16
                message.pieces, message.piece_count = ctypes.addressof(piece), 1
            assert libc.sendmmsg(shared.fileno(), messages, len(OUT), 0) == len(OUT)

        child = by_child(act)
        for end, peer, sizes in zip(ends, far, (OUT[::2], OUT[1::2]), strict=True):
            end.note(child, sum(sizes), 0)
            peer.take(sum(sizes))
        return told(*ends, *far)


def udp_pieces() -> Facts:
    """Two children make one datagram (MSG_MORE): it is the one's who completes it."""
    with pair("udp") as (near, far):
        near.child(lambda: near.channel.send(b"1" * 7, socket.MSG_MORE))
        last = near.child(lambda: near.channel.send(b"2" * 11))
        near.note(last, 18, 0)
        far.take(18)
        return told(near, far)


def udp_first() -> Facts:
    """A child sends the first datagrams to two peers of a socket over which there was nothing."""
    with _udp() as shared, _udp() as first, _udp() as second:
        ends = [End(shared, peer.getsockname()[1]) for peer in (first, second)]
        far = [End(peer, shared.getsockname()[1]) for peer in (first, second)]

        def act(peer: socket.socket, size: int) -> None:
            shared.sendto(b"f" * size, peer.getsockname())

        for end, there, size in zip(ends, far, (19, 23), strict=True):
            end.note(end.child(partial(act, there.channel, size)), size, 0)
            there.take(size)
        return told(*ends, *far)


def udp_segments() -> Facts:
    """A child sends three datagrams by one call (UDP_SEGMENT)."""
    with pair("udp") as (near, far):
        near.channel.setsockopt(SOL_UDP, UDP_SEGMENT, 17)
        near.note(near.child(lambda: near.channel.send(b"g" * 51)), 51, 0)
        far.take(51)
        return told(near, far)


def prefork(clients: str) -> Facts:
    """17 processes wait at one UDP socket; who gets a datagram answers with its pid.

    Args:
        clients: 1, or 17: each has a process of its own, and so a record with one user.
    """
    with _udp() as shared:

        def answer() -> None:
            data, sender = shared.recvfrom(64)
            assert len(data) == PREFORK_ASKED
            shared.sendto(f"{os.getpid():0{PID_BYTES}}".encode(), sender)

        children = [start_child(answer) for _ in range(PREFORKED)]
        peers = [_udp() for _ in range(int(clients))]
        near = [End(shared, peer.getsockname()[1]) for peer in peers]
        far = [End(peer, shared.getsockname()[1]) for peer in peers]
        for number in range(PREFORKED):
            peer, end = far[number % len(peers)], near[number % len(peers)]
            peer.channel.sendto(b"q" * PREFORK_ASKED, shared.getsockname())
            end.note(int(peer.channel.recv(64)), PID_BYTES, PREFORK_ASKED)
            peer.note(os.getpid(), PREFORK_ASKED, PID_BYTES)
        for child in children:
            end_child(child)
        for channel in peers:
            channel.close()
        return told(*near, *far)


# --- UNIX datagrams to changing destinations


def destinations(folder: str) -> Facts:
    """Two children send to two receivers over one socket: of each destination both are users."""
    name = f"{folder}/{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as shared:
        paths = [f"{name}-{number}" for number in range(2)]
        receivers = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in paths]
        near = [End(shared, address=path) for path in paths]
        far = [End(it, address=path) for it, path in zip(receivers, paths, strict=True)]
        for receiver, path in zip(receivers, paths, strict=True):
            receiver.bind(path)
        for sizes in ((7, 11), (13, 17)):

            def act(sizes: tuple[int, ...] = sizes) -> None:
                for path, size in zip(paths, sizes, strict=True):
                    shared.sendto(b"d" * size, path)

            child = near[0].child(act)
            for end, peer, size in zip(near, far, sizes, strict=True):
                end.note(child, size, 0)
                peer.take(size)
        for receiver in receivers:
            receiver.close()
        return told(*near, *far)
