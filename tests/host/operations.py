# SPDX-License-Identifier: Apache-2.0
"""More workloads for files, sockets and processes: what tests/host/workloads.py has no room for.

As there, each is one list of operations of exactly known outcome. `forked` runs those of both
modules in a process of their own.
"""

import ctypes
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from tests.host.workloads import NOBODY, Done, Facts

COPIES, COPY_BYTES = 3, 17
BATCH, BATCH_BYTES = 71, 3
CLONE_NEWNS, MS_BIND, MS_PRIVATE_ALL = 0x20000, 0x1000, 0x44000


def forked(workload: Callable[..., Facts], *arguments: str | int | Path) -> Done:
    """Run a workload in a child made by fork alone: an emulated machine starts Python slowly.

    Returns:
        The child's pid and what the workload returned.
    """
    return end_forked(*start_forked(workload, *arguments))


def start_forked(
    workload: Callable[..., Facts], *arguments: str | int | Path
) -> tuple[int, BinaryIO]:
    """Start a workload; return its pid and where its facts come from."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            os.write(writer, json.dumps(workload(*map(str, arguments))).encode())
            code = 0
        except BaseException:  # noqa: BLE001 - the child ends here, whatever happens
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    return child, open(reader, "rb")


def end_forked(child: int, facts: BinaryIO) -> Done:
    """Wait for a workload's end and return its pid and facts: none if it has run a program."""
    with facts:
        text = facts.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the workload failed with {status}"
    return Done(child, json.loads(text or b"{}"))


def refused(*calls: Callable[[], object]) -> int:
    """Return how many of the calls fail."""
    failed = 0
    for call in calls:
        try:
            call()
        except OSError:
            failed += 1
    return failed


def copy_range(source: str, target: str) -> Facts:
    """Copy parts of a file by copy_file_range(2)."""
    reader = os.open(source, os.O_RDONLY)
    writer = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    for _ in range(COPIES):
        assert os.copy_file_range(reader, writer, COPY_BYTES) == COPY_BYTES
    os.close(reader)
    os.close(writer)
    return {}


def send_file(source: str, target: str) -> Facts:
    """Copy parts of a file by sendfile(2)."""
    reader = os.open(source, os.O_RDONLY)
    writer = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    for _ in range(COPIES):
        assert os.sendfile(writer, reader, None, COPY_BYTES) == COPY_BYTES
    os.close(reader)
    os.close(writer)
    return {}


def vectors(path: str) -> Facts:
    """Write and read by pwrite, writev, pwritev, pread, readv and preadv, once each."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    os.pwrite(descriptor, b"1" * 11, 0)
    os.writev(descriptor, [b"2" * 7, b"3" * 5])
    os.pwritev(descriptor, [b"4" * 3, b"5" * 2], 12)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.pread(descriptor, 5, 0)
    os.readv(descriptor, [bytearray(3), bytearray(2)])
    os.preadv(descriptor, [bytearray(3), bytearray(2)], 1)
    os.close(descriptor)
    return {}


def allocate(path: str) -> Facts:
    """Allocate space of a file three times."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    for number in range(3):
        os.posix_fallocate(descriptor, number * 4096, 4096)
    os.close(descriptor)
    return {}


def resize(path: str) -> Facts:
    """Truncate an open file twice, and by opening it a third time."""
    descriptor = os.open(path, os.O_WRONLY)
    os.ftruncate(descriptor, 11)
    os.ftruncate(descriptor, 7)
    os.close(descriptor)
    os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))
    return {}


def duplicate(path: str) -> Facts:
    """Write through a descriptor, its duplicate and the one of a child; all are one open file."""
    first = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    second = os.dup(first)
    os.write(first, b"1")
    os.close(first)
    os.write(second, b"2")
    os.close(second)
    return {}


def inherit(path: str) -> Facts:
    """Open a file, fork, and write to it in parent and child."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.write(descriptor, b"1" * 3)
    child = os.fork()
    if child == 0:
        os.write(descriptor, b"2" * 5)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(descriptor)
    return {"child": child}


def two_names(first: str, second: str) -> Facts:
    """Read a file by one of its names and write it by the other, in turns."""
    reader = os.open(first, os.O_RDONLY)
    writer = os.open(second, os.O_WRONLY)
    for _ in range(3):
        os.read(reader, 1)
        os.write(writer, b"22")
    os.close(writer)
    os.close(reader)
    return {}


def exchange(first: str, second: str) -> Facts:
    """Rename a file over one that is there."""
    os.rename(first, second)
    return {}


def denied(path: str, folder: str) -> Facts:
    """As another user, fail to change what belongs to root."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    failed = refused(
        lambda: os.open(path, os.O_WRONLY),
        lambda: os.chmod(path, 0o777),
        lambda: os.truncate(path, 1),
        lambda: os.unlink(path),
        lambda: os.rename(path, f"{folder}/renamed"),
        lambda: os.symlink("target", f"{folder}/symbolic"),
        lambda: os.open(f"{folder}/new", os.O_CREAT | os.O_WRONLY),
    )
    return {"failed": failed}


def write_bound(source: str, mounted: str) -> Facts:
    """Mount a folder in a second place and write a file there; in a mount namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    where, what = os.fsencode(mounted), os.fsencode(source)
    assert libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
    assert libc.mount(b"none", b"/", None, MS_PRIVATE_ALL, None) == 0
    assert libc.mount(what, where, None, MS_BIND, None) == 0, os.strerror(ctypes.get_errno())
    descriptor = os.open(f"{mounted}/bound", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.write(descriptor, b"b" * 11)
    os.close(descriptor)
    return {}


def fork_write(path: str) -> Facts:
    """Fork without exec; the child writes the file."""
    child = os.fork()
    if child == 0:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.write(descriptor, b"f" * 11)
        os.close(descriptor)
        os._exit(0)
    os.waitpid(child, 0)
    return {"child": child}


def accept_in_child(size: str) -> Facts:
    """Listen, and let a child accept: the connection is the child's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        child = os.fork()
        if child == 0:
            connection, _ = listener.accept()
            with connection:
                left = int(size)
                while left:
                    left -= len(connection.recv(left))
            os._exit(0)
        client.sendall(b"c" * int(size))
        os.waitpid(child, 0)
        port = client.getsockname()[1]
        client.close()
    return {"child": child, "client_port": port}


def flood(port: str, count: str, size: str) -> Facts:
    """Send datagrams to a port where nobody reads."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        for _ in range(int(count)):
            channel.sendto(b"d" * int(size), ("127.0.0.1", int(port)))
        return {"port": channel.getsockname()[1]}


def unix_destinations(*destinations: str) -> Facts:
    """From one socket, send a datagram to each address, given as hexadecimal digits of sun_path.

    What an address has behind the NUL of its path is no part of its name.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    receivers: dict[bytes, socket.socket] = {}
    with ExitStack() as stack:
        sender = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        for sun_path in map(bytes.fromhex, destinations):
            name = sun_path if sun_path[0] == 0 else sun_path.partition(b"\0")[0]
            address = socket.AF_UNIX.to_bytes(2, sys.byteorder) + sun_path
            if name not in receivers:
                receivers[name] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                stack.enter_context(receivers[name])
                bound = libc.bind(receivers[name].fileno(), address, len(address))
                assert bound == 0, os.strerror(ctypes.get_errno())
            sent = libc.sendto(sender.fileno(), b"u" * 19, 19, 0, address, len(address))
            assert sent == 19, os.strerror(ctypes.get_errno())
            assert len(receivers[name].recv(64)) == 19
    return {}


def unix_seqpacket() -> Facts:
    """Send 3 packets of 31 bytes over a pair of sockets."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for _ in range(3):
        left.send(b"s" * 31)
        assert len(right.recv(64)) == 31
    left.close()
    right.close()
    return {}


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct mmsghdr of 64-bit machines."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint64),
        ("pieces", ctypes.c_void_p),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_uint64),
        ("length", ctypes.c_uint64),
    )


def unix_batch() -> Facts:
    """Send 71 messages of 3 bytes by one sendmmsg(2), and receive them by one recvmmsg(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    room = ctypes.create_string_buffer(BATCH_BYTES)
    piece = _Piece(ctypes.addressof(room), BATCH_BYTES)
    messages = (_Message * BATCH)()
    for message in messages:
        message.pieces, message.piece_count = ctypes.addressof(piece), 1
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    assert libc.sendmmsg(left.fileno(), messages, BATCH, 0) == BATCH
    assert libc.recvmmsg(right.fileno(), messages, BATCH, 0, None) == BATCH
    left.close()
    right.close()
    return {}
