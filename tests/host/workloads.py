# SPDX-License-Identifier: Apache-2.0
"""What happens under the agent's eyes: each function is one workload of exactly known outcome.

Run as a script in a process of its own (`start` does it), so that its pid belongs to it alone.
Counts are prime numbers, names are the test's. It prints the facts that only it knows as JSON.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

WRITES, WRITE_BYTES = 7, 11
READS, READ_BYTES = 5, 13
ROUNDS, REQUEST, REPLY = 7, b"q" * 101, b"a" * 211
NOBODY, DAEMON = 65534, 1  # a user, and another number for the group

Facts = dict[str, Any]


class Done(NamedTuple):
    """A workload that has ended."""

    pid: int
    facts: Facts


def start(name: str, *arguments: str | int | Path) -> Done:
    """Run a workload and return its pid and facts."""
    command = [sys.executable, "-I", "-S", __file__, name, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, f"workload {name} failed with {process.returncode}"
    return Done(process.pid, json.loads(output))


# --- files


def write_file(path: str) -> Facts:
    """Create a file, write to it, close it."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
    for _ in range(WRITES):
        os.write(descriptor, b"w" * WRITE_BYTES)
    inode = os.fstat(descriptor).st_ino
    os.close(descriptor)
    return {"inode": inode}


def read_file(path: str) -> Facts:
    """Open a file, read from it, close it."""
    descriptor = os.open(path, os.O_RDONLY)
    for _ in range(READS):
        os.read(descriptor, READ_BYTES)
    os.close(descriptor)
    return {}


def change_attributes(path: str) -> Facts:
    """Change mode, owner, times and size by path, without opening."""
    os.chmod(path, 0o604)
    os.chown(path, NOBODY, DAEMON)
    os.utime(path, ns=(1_000_000_007, 2_000_000_011))
    os.truncate(path, 3)
    return {}


def one_chmod(path: str) -> Facts:
    """Change the mode of an open file once."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fchmod(descriptor, 0o4711)
    os.close(descriptor)
    return {}


def modes_by_descriptor(path: str, *modes: str) -> Facts:
    """Give an open file one octal mode after the other; with a slash ahead by its name."""
    descriptor = os.open(path, os.O_RDONLY)
    for mode in modes:
        os.chmod(path if mode.startswith("/") else descriptor, int(mode.lstrip("/"), 8))
    os.close(descriptor)
    return {}


def modes_by_name(path: str, *modes: str) -> Facts:
    """Give a file one octal mode after the other, without opening it."""
    for mode in modes:
        os.chmod(path, int(mode, 8))
    return {}


def denied_chmod(path: str) -> Facts:
    """As another user: fail to change the mode, then open and close."""
    os.setgroups([])
    os.setgid(DAEMON)
    os.setuid(NOBODY)
    failed = 0
    try:
        os.chmod(path, 0o777)
    except PermissionError:
        failed += 1
    os.close(os.open(path, os.O_RDONLY))
    return {"failed": failed, "uid": NOBODY, "gid": DAEMON}


def rename(old: str, new: str) -> Facts:
    """Rename a file."""
    os.rename(old, new)
    return {}


def failed_changes(folder: str) -> Facts:
    """Try to rename, remove, link and open what is not there."""
    missing, target = f"{folder}/missing", f"{folder}/target"
    failed = 0
    for call in (
        lambda: os.rename(missing, target),
        lambda: os.unlink(missing),
        lambda: os.link(missing, target),
        lambda: os.open(missing, os.O_RDONLY),
        lambda: os.truncate(missing, 1),
    ):
        try:
            call()
        except FileNotFoundError:
            failed += 1
    return {"failed": failed}


def link(old: str, new: str) -> Facts:
    """Make a hard link."""
    os.link(old, new)
    return {}


def symlink(target: str, path: str) -> Facts:
    """Make a symbolic link."""
    os.symlink(target, path)
    return {"inode": os.lstat(path).st_ino}


def unlink(path: str) -> Facts:
    """Remove a file."""
    os.unlink(path)
    return {}


def execute(path: str) -> Facts:
    """Run a program and wait for it."""
    child = os.posix_spawn(path, [path, "first", "second argument"], {})
    os.waitpid(child, 0)
    return {"child": child}


def create_named(folder: str, *names_hex: str) -> Facts:
    """Create a file for each name, given in hex because a name can hold any bytes."""
    for name in names_hex:
        os.close(
            os.open(os.fsencode(folder) + b"/" + bytes.fromhex(name), os.O_CREAT | os.O_WRONLY)
        )
    return {}


def two_descriptors(path: str) -> Facts:
    """Open a file twice, write once through each, close both."""
    first = os.open(path, os.O_CREAT | os.O_WRONLY)
    second = os.open(path, os.O_WRONLY)
    os.write(first, b"1")
    os.close(first)
    os.write(second, b"2")
    os.close(second)
    return {}


def stay_open(path: str) -> Facts:
    """Write to a file and end without closing it."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, b"x" * WRITE_BYTES)
    return {}


def read_pseudo() -> Facts:
    """Read files of proc, sysfs and cgroup."""
    for path in ("/proc/self/status", "/proc/self/maps", "/proc/version"):
        Path(path).read_bytes()
    return {}


def write_many(folder: str, count: str) -> Facts:
    """Create, write and close many files: three events and one descriptor each."""
    for number in range(int(count)):
        descriptor = os.open(f"{folder}/{number}", os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, b"x")
        os.close(descriptor)
    return {}


def thread_write(path: str) -> Facts:
    """Write a file from a second thread, under a name of its own."""
    facts: Facts = {}

    def work() -> None:
        Path("/proc/thread-self/comm").write_text("kf-thread")
        facts["tid"] = threading.get_native_id()
        write_file(path)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return facts


# --- TCP and UDP


def tcp_exchange(family: str, how: str = "close") -> Facts:
    """Talk over a connection: the parent serves, a child asks.

    Args:
        family: inet, inet6, or dual: an IPv6 listener that is asked over IPv4.
        how: close, or reset: the client throws the connection away.
    """
    listener = _listener(family)
    port = listener.getsockname()[1]
    child = os.fork()
    if child == 0:
        listener.close()
        _ask("::1" if family == "inet6" else "127.0.0.1", port, how)
        os._exit(0)
    connection, peer = listener.accept()
    for _ in range(ROUNDS):
        _read_exactly(connection, len(REQUEST))
        connection.sendall(REPLY)
    with suppress(ConnectionResetError):
        assert connection.recv(1) == b""
    connection.close()
    listener.close()
    os.waitpid(child, 0)
    return {"client": child, "server_port": port, "client_port": peer[1]}


def _listener(family: str) -> socket.socket:
    kind = socket.AF_INET if family == "inet" else socket.AF_INET6
    listener = socket.socket(kind, socket.SOCK_STREAM)
    if family == "dual":
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    address = {"inet": "127.0.0.1", "inet6": "::1", "dual": "::"}[family]
    listener.bind((address, 0))
    listener.listen(1)
    return listener


def _ask(address: str, port: int, how: str) -> None:
    with socket.create_connection((address, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(ROUNDS):
            connection.sendall(REQUEST)
            _read_exactly(connection, len(REPLY))
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            # closed before the other end is, it would be a TIME_WAIT socket if that took long, and
            # the last FIN and ACK would go over no socket of anybody
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""


def _read_exactly(connection: socket.socket, size: int) -> None:
    while size:
        size -= len(connection.recv(size))


def tcp_refused() -> Facts:
    """Connect to a port where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        client = socket.socket()
        refused = client.connect_ex(("127.0.0.1", port)) != 0
        client.close()
    return {"port": port, "refused": refused}


def tcp_open(seconds_file: str) -> Facts:
    """Hold an idle connection until a file appears."""
    listener = _listener("inet")
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    client.sendall(REQUEST)
    _read_exactly(server, len(REQUEST))
    port = client.getsockname()[1]
    print(json.dumps({"client_port": port}), flush=True)
    while not Path(seconds_file).exists():
        signal.sigtimedwait([], 0.05)
    return {"client_port": port}


def udp_peers(first: str, second: str) -> Facts:
    """Send to two peers over one socket: 3 datagrams of 17 bytes, 5 of 19; each answers once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        channel.settimeout(10)
        for port, count, size in ((int(first), 3, 17), (int(second), 5, 19)):
            for _ in range(count):
                channel.sendto(b"u" * size, ("127.0.0.1", port))
        for _ in range(2):
            channel.recv(4096)
        return {"port": channel.getsockname()[1]}


def udp6(port: str) -> Facts:
    """Send 3 datagrams of 23 bytes over IPv6 and take one answer."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as channel:
        channel.bind(("::1", 0))
        channel.settimeout(10)
        for _ in range(3):
            channel.sendto(b"u" * 23, ("::1", int(port)))
        channel.recv(4096)
        return {"port": channel.getsockname()[1]}


# --- UNIX sockets


def unix_stream(path: str) -> Facts:
    """Talk over a UNIX stream: the parent serves, a child asks."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)
        child = os.fork()
        if child == 0:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.connect(path)
                for _ in range(ROUNDS):
                    client.sendall(REQUEST)
                    _read_exactly(client, len(REPLY))
            os._exit(0)
        connection, _ = listener.accept()
        with connection:
            for _ in range(ROUNDS):
                _read_exactly(connection, len(REQUEST))
                connection.sendall(REPLY)
            assert connection.recv(1) == b""
        os.waitpid(child, 0)
    return {"client": child}


def unix_datagram(path: str) -> Facts:
    """Send 5 datagrams of 101 bytes from a child to the parent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        child = os.fork()
        if child == 0:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                for _ in range(5):
                    sender.sendto(REQUEST, path)
            os._exit(0)
        for _ in range(5):
            receiver.recv(4096)
        os.waitpid(child, 0)
    return {"client": child}


# --- processes


def named_write(comm: str, path: str) -> Facts:
    """As another user and under another task name, write a file."""
    Path("/proc/self/comm").write_text(comm)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    return write_file(path)


WORKLOADS: tuple[Callable[..., Facts], ...] = (
    write_file,
    read_file,
    change_attributes,
    one_chmod,
    denied_chmod,
    rename,
    failed_changes,
    link,
    symlink,
    unlink,
    execute,
    create_named,
    two_descriptors,
    stay_open,
    read_pseudo,
    write_many,
    thread_write,
    tcp_exchange,
    tcp_refused,
    tcp_open,
    udp_peers,
    udp6,
    unix_stream,
    unix_datagram,
    named_write,
)

if __name__ == "__main__":
    by_name = {each.__name__: each for each in WORKLOADS}
    print(json.dumps(by_name[sys.argv[1]](*sys.argv[2:])))
