# SPDX-License-Identifier: Apache-2.0
"""Workloads of test_floods.py: a victim, and those who try to hide it. Each is a program.

`python3 floods.py NAME ARGUMENT...` prints a JSON object with what it has done. Those that hold
sockets open do so until their standard input ends.
"""

import json
import os
import resource
import socket
import struct
import subprocess
import sys
from contextlib import suppress

REQUEST, REPLY = b"q" * 41, b"r" * 67
DATAGRAM = b"d" * 23


def report(**facts: object) -> None:
    """Tell the test what was done."""
    print(json.dumps(facts), flush=True)


def wait() -> None:
    """Wait for the test."""
    sys.stdin.read()


def many() -> None:
    """Allow as many descriptors as the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def exchange(client: socket.socket, server: socket.socket) -> None:
    """Send a request and its reply."""
    client.sendall(REQUEST)
    assert server.recv(4096) == REQUEST
    server.sendall(REPLY)
    assert client.recv(4096) == REPLY


def victim(connections: str, peers: str, pairs: str) -> None:
    """Use TCP connections to itself, UDP sockets of one peer each, and UNIX streams."""
    many()
    kept: list[socket.socket] = []
    ports: dict[str, list[int]] = {"tcp": [], "udp": []}
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        for _ in range(int(connections)):
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            exchange(client, server)
            ports["tcp"].append(client.getsockname()[1])
            kept += [client, server]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        for _ in range(int(peers)):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender.connect(sink.getsockname())
            sender.send(DATAGRAM)
            sink.recv(4096)
            ports["udp"].append(sender.getsockname()[1])
            kept.append(sender)
        for _ in range(int(pairs)):
            one, other = socket.socketpair()
            exchange(one, other)
            kept += [one, other]
    report(pid=os.getpid(), **ports)


def datagrams(port: str) -> None:
    """Receive on a port until the test says that all was sent, and count."""
    count = size = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        channel.bind(("", int(port)))
        channel.settimeout(0.5)
        report(pid=os.getpid(), port=channel.getsockname()[1])
        sys.stdin.readline()
        with suppress(TimeoutError):
            while data := channel.recv(4096):
                count += 1
                size += len(data)
        report(count=count, size=size)
        wait()


def forged(target: str, port: str, count: str, sources: str) -> None:
    """Send datagrams from forged sources 10.x.y.z; needs a raw socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in range(int(count)):
            of = number % int(sources)
            source = bytes([10, 64 + (of >> 16), of >> 8 & 255, of & 255])
            length = 28 + len(DATAGRAM)
            header = struct.pack(
                "!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, source, socket.inet_aton(target)
            )
            udp = struct.pack("!HHHH", 1024 + of % 60000, int(port), 8 + len(DATAGRAM), 0)
            raw.sendto(header + udp + DATAGRAM, (target, int(port)))
    report(pid=os.getpid(), count=int(count), size=int(count) * len(DATAGRAM))


def processes(name: str, number: str, *arguments: str) -> None:
    """Run a workload in several processes at once, and hold them until the test ends them."""
    code = [sys.executable, "-I", "-S", __file__, name, *arguments]
    running = [
        subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(int(number))
    ]
    said = [json.loads(each.stdout.readline()) for each in running if each.stdout]
    report(pid=os.getpid(), pids=[each["pid"] for each in said], each=said)
    wait()
    for each in running:
        each.communicate()


def pairs(count: str) -> None:
    """Hold socket pairs that have each carried a request and a reply."""
    many()
    kept = []
    for _ in range(int(count)):
        one, other = socket.socketpair()
        exchange(one, other)
        kept.append((one, other))
    report(pid=os.getpid(), size=int(count) * (len(REQUEST) + len(REPLY)), messages=2 * int(count))
    wait()


def idle(count: str) -> None:
    """Hold UDP sockets that do nothing, and use the last of them."""
    many()
    kept = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(count))]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        kept[-1].sendto(DATAGRAM, sink.getsockname())
    report(pid=os.getpid())
    wait()


def accepted(count: str) -> None:
    """Hold connections that a listener has taken from clients that are gone."""
    many()
    kept = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        for _ in range(int(count)):
            with socket.create_connection(listener.getsockname()) as client:
                server, _ = listener.accept()
                exchange(client, server)
            kept.append(server)
    report(pid=os.getpid())
    wait()


def ports(count: str) -> None:
    """Send a datagram to each of many ports, from one socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        for number in range(int(count)):
            with suppress(ConnectionRefusedError):
                channel.sendto(DATAGRAM, ("127.0.0.1", 20000 + number))
        report(pid=os.getpid(), count=int(count), size=int(count) * len(DATAGRAM))
        wait()


def connections(count: str, hold: str = "") -> None:
    """Hold connections to a server of another process, all used once; then close them.

    Args:
        count: Of them.
        hold: "hold" is to keep them until standard input ends.
    """
    many()
    code = [sys.executable, "-I", "-S", __file__, "serve", count]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        kept = []
        for _ in range(int(count)):
            client = socket.create_connection(("127.0.0.1", said["port"]))
            client.sendall(REQUEST)
            assert client.recv(4096) == REPLY
            kept.append(client)
        facts = {"server": said["pid"], "port": said["port"], "count": int(count)}
        if hold:
            report(pid=os.getpid(), **facts)
            wait()
        for client in kept:
            client.close()
    if not hold:
        report(pid=os.getpid(), **facts)
        wait()


def serve(count: str) -> None:
    """Answer on so many connections, and hold them until they are closed."""
    many()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        report(pid=os.getpid(), port=listener.getsockname()[1])
        kept = []
        for _ in range(int(count)):
            channel, _ = listener.accept()
            assert channel.recv(4096) == REQUEST
            channel.sendall(REPLY)
            kept.append(channel)
    for channel in kept:
        assert channel.recv(4096) == b""
        channel.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
