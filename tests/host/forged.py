# SPDX-License-Identifier: Apache-2.0
"""Workloads of remote.py: what strangers send, from sources that are not theirs, and who gets it.

Each is a program, as those of floods.py: `python3 forged.py NAME ARGUMENT...`. Senders need raw
sockets. Sources lie in 10.64.0.0/10 and 2001:db8:64::/48.
"""

import json
import os
import select
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

REQUEST, REPLY = b"q" * 41, b"r" * 67
DATAGRAM = b"d" * 23
# bytes of a datagram in fragments: the first with the header of UDP, and what follows
FIRST, SECOND = 608, 301
# where a fragment lies that overlaps both
OVER = (304, 848)
LARGE = FIRST - 8 + SECOND
FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
QUIET_SECONDS = 0.5
PACE = 16  # datagrams that a receiver's buffer holds at least, however large
SYN, ACK = 2, 16
UDP, FRAGMENT, OPTIONS = 17, 44, 60


def report(**facts: object) -> None:
    """Tell the test what was done."""
    print(json.dumps(facts), flush=True)


def told() -> bool:
    """Say whether the test has written a line, or closed our input."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def source(family: str, number: int) -> bytes:
    """Return the address of a forged source."""
    if family == "inet":
        return bytes([10, 64 + (number >> 16 & 63), number >> 8 & 255, number & 255])
    return socket.inet_pton(socket.AF_INET6, "2001:db8:64::")[:12] + struct.pack("!I", number + 1)


def checksum(data: bytes) -> int:
    """Return the sum that headers of IP have."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1]))
    if len(data) & 1:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(
    protocol: int, by: bytes, to: bytes, payload: bytes, part: tuple[int, int] = (0, 0)
) -> bytes:
    """Return a packet; its checksum is the kernel's work, and its number too if it is no part."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), *part, 64, protocol, 0)
    return header + by + to + payload


def ipv6(protocol: int, by: bytes, to: bytes, payload: bytes) -> bytes:
    """Return a packet."""
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + by + to + payload


def syns(target: str, ports: str, count: str, first: str, sources: str) -> None:
    """Begin connections from forged sources: so many, and on until the test says that it is enough.

    Nobody answers the SYN-ACKs. The ports of the sources are those of a client that is real.
    """
    to, goals = socket.inet_aton(target), [int(port) for port in ports.split(",")]
    number = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        while number <= int(count) or number % 64 or not told():
            if number == int(count):
                report(pid=os.getpid())
            by, goal = source("inet", number % int(sources)), goals[number % len(goals)]
            port = int(first) + number // len(goals) % 64
            parts = (port, goal, number * 64021 & 0xFFFFFFFF, 0, 0x50, SYN, 8192)
            tcp = struct.pack("!HHIIBBH", *parts)
            check = checksum(by + to + struct.pack("!HH", 6, 20) + tcp)
            raw.sendto(ipv4(6, by, to, tcp + struct.pack("!HH", check, 0)), (target, goal))
            number += 1
    report(count=number)


def accept(listeners: str, backlog: str, connections: str) -> None:
    """Listen on ports and answer on connections, one port after the other; the client ends them."""
    with ExitStack() as stack:
        kept: list[socket.socket] = []
        for _ in range(int(listeners)):
            each = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            each.bind(("", 0))
            each.listen(int(backlog))
            kept.append(each)
        report(pid=os.getpid(), ports=[each.getsockname()[1] for each in kept])
        for number in range(int(connections)):
            channel, _ = kept[number % len(kept)].accept()
            with channel:
                assert channel.recv(4096) == REQUEST
                channel.sendall(REPLY)
                assert channel.recv(4096) == b""
        report(done=True)
        sys.stdin.read()


def connect(target: str, ports: str, connections: str, first: str) -> None:
    """Use connections from ports of our choice, one after the other."""
    goals = [int(port) for port in ports.split(",")]
    for number in range(int(connections)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", int(first) + number))
            client.settimeout(60)
            client.connect((target, goals[number % len(goals)]))
            client.sendall(REQUEST)
            assert client.recv(4096) == REPLY
    report(pid=os.getpid())


def receive(family: str, count: str) -> None:
    """Receive on some UDP sockets until the test says that all was sent, and count."""
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        ports: dict[bool, list[int]] = {True: [], False: []}
        for number in range(2 * int(count)):  # each second one is closed again
            each = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
            stack.enter_context(each)
            each.bind(("", 0))
            ports[number % 2 == 0].append(each.getsockname()[1])
            if number % 2:
                each.close()
            else:
                each.setblocking(False)  # noqa: FBT003 - the method has no keyword
                selector.register(each, selectors.EVENT_READ)
        report(pid=os.getpid(), ports=ports[True], closed=ports[False])
        sizes: dict[int, int] = {}
        last = time.monotonic()
        while not told() or time.monotonic() - last < QUIET_SECONDS:
            for key, _ in selector.select(0.1):
                size = len(key.fileobj.recv(4096))  # type: ignore[union-attr]
                sizes[size] = sizes.get(size, 0) + 1
                last = time.monotonic()
        report(sizes={str(size): number for size, number in sizes.items()})
        sys.stdin.read()


def datagrams(target: str, ports: str, count: str) -> None:
    """Send datagrams from forged sources to each port in turn."""
    to, goals = socket.inet_aton(target), [int(port) for port in ports.split(",")]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in range(int(count)):
            goal = goals[number % len(goals)]
            udp = struct.pack("!HHHH", 1024 + number % 60000, goal, 8 + len(DATAGRAM), 0)
            raw.sendto(ipv4(UDP, source("inet", number), to, udp + DATAGRAM), (target, goal))
            if number % PACE == 0:
                time.sleep(0.0005)
    report(count=int(count))


def _udp(by: bytes, to: bytes, port: int, payload: bytes) -> bytes:
    """Return a datagram from port 5353 with its checksum."""
    header = struct.pack("!HHH", 5353, port, 8 + len(payload))
    check = checksum(
        by + to + struct.pack("!HH", UDP, 8 + len(payload)) + header + b"\0\0" + payload
    )
    return header + struct.pack("!H", check or 0xFFFF) + payload


def _fragments(family: str, by: bytes, to: bytes, port: int, number: int) -> list[bytes]:
    """Return three fragments: the first, the last, and one that overlaps both."""
    whole = _udp(by, to, port, b"f" * LARGE)
    found = []
    for begin, end, more in ((0, FIRST, 1), (FIRST, FIRST + SECOND, 0), (*OVER, 1)):
        piece = whole[begin:end]
        if family == "inet":
            found.append(ipv4(UDP, by, to, piece, (1 + number % 65535, more << 13 | begin // 8)))
        else:
            header = struct.pack("!BBHI", UDP, 0, begin | more, 1 + number)
            found.append(ipv6(FRAGMENT, by, to, header + piece))
    return found


def _pieces(family: str, to: bytes, port: int, whole: int, torn: int) -> Iterator[bytes]:
    """Yield datagrams in fragments; then those of which one is missing, or overlaps another."""
    for number in range(whole + torn):
        by = source(family, number)
        first, last, other = _fragments(family, by, to, port, number)
        if number < whole:
            yield from (last, first) if number % 2 else (first, last)
        else:
            yield from ((first,), (last,), (first, other, last))[number % 3]


def fragments(family: str, target: str, port: str, whole: str, torn: str) -> None:
    """Send datagrams in fragments, whole and torn ones, and as many in one piece as whole ones."""
    to = socket.inet_pton(FAMILIES[family], target)
    with socket.socket(FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number, packet in enumerate(_pieces(family, to, int(port), int(whole), int(torn))):
            raw.sendto(packet, (target, 0))
            if number % PACE == 0 and number < 2 * int(whole):
                time.sleep(0.002)
        make = ipv4 if family == "inet" else ipv6
        for number in range(int(whole)):
            by = source(family, number)
            raw.sendto(make(UDP, by, to, _udp(by, to, int(port), DATAGRAM)), (target, 0))
            if number % PACE == 0:
                time.sleep(0.002)
    report(count=int(whole))


def _tcp6(by: bytes, to: bytes, fields: tuple[int, int, int, int, int]) -> bytes:
    """Return a segment without data: ports, sequence numbers, flags."""
    *numbers, flags = fields
    tcp = struct.pack("!HHIIBBHHH", *numbers, 0x50, flags, 8192, 0, 0)
    check = checksum(by + to + struct.pack("!II", len(tcp), 6) + tcp)
    return tcp[:16] + struct.pack("!H", check) + tcp[18:]


def _answer(sniffer: socket.socket, port: int) -> int:
    """Return the number with which the SYN-ACK to a port begins."""
    while True:
        packet = sniffer.recv(4096)
        if len(packet) >= 60 and packet[6] == 6:
            _, to, number, _, _, flags = struct.unpack_from("!HHIIBB", packet, 40)
            if (to, flags) == (port, SYN | ACK):
                return int(number)


def masked(target: str, port: str, first: str) -> None:
    """Connect from a forged source, and hide the end of the handshake behind another's beginning.

    That packet has more headers than kflowd looks into, and the one before it has its ports.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    to, (mine, other) = (
        socket.inet_pton(socket.AF_INET6, target),
        (source("inet6", n) for n in (0, 1)),
    )
    ports = (int(first), int(port))
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86DD)) as sniffer,
    ):
        sniffer.settimeout(60)
        raw.sendto(ipv6(6, mine, to, _tcp6(mine, to, (*ports, 100, 0, SYN))), (target, 0))
        began = _answer(sniffer, ports[0])
        raw.sendto(ipv6(6, other, to, _tcp6(other, to, (*ports, 900, 0, SYN))), (target, 0))
        more = [struct.pack("!BBBBI", after, 0, 1, 4, 0) for after in (*[OPTIONS] * 6, 6)]
        end = _tcp6(mine, to, (*ports, 101, began + 1 & 0xFFFFFFFF, ACK))
        raw.sendto(ipv6(OPTIONS, mine, to, b"".join(more) + end), (target, 0))
    report(mine=socket.inet_ntop(socket.AF_INET6, mine))


def greet() -> None:
    """Accept a connection and say something."""
    with socket.create_server(("", 0), family=socket.AF_INET6) as listener:
        report(pid=os.getpid(), port=listener.getsockname()[1])
        channel, peer = listener.accept()
        with channel:
            channel.sendall(REPLY)
            report(peer=peer[0])
            sys.stdin.read()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
