# SPDX-License-Identifier: Apache-2.0
"""Makes what captures hold: files, frames, packets."""

from collections.abc import Iterable
from typing import Literal

Order = Literal["little", "big"]
CLIENT, SERVER = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 7])
CLIENT6, SERVER6 = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01", b"\x20\x01\x0d\xb8" + bytes(12)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
SECOND = 1_000_000_000


def number(value: int, size: int, order: Order = "big") -> bytes:
    return value.to_bytes(size, order)


def udp(source: int, target: int, data: bytes, size: int | None = None) -> bytes:
    length = 8 + len(data) if size is None else size
    return number(source, 2) + number(target, 2) + number(length, 2) + bytes(2) + data


def tcp(
    source: int, target: int, seq: int, flags: int, data: bytes = b"", *, head: int = 5
) -> bytes:
    ports = number(source, 2) + number(target, 2)
    rest = bytes([head << 4, flags]) + bytes(6) + bytes(max(head - 5, 0) * 4)
    return ports + number(seq & 0xFFFFFFFF, 4) + bytes(4) + rest + data


def ipv4(
    protocol: int,
    data: bytes,
    source: bytes = CLIENT,
    target: bytes = SERVER,
    *,
    place: int = 0,
    name: int = 7,
    total: int | None = None,
    options: bytes = b"",
) -> bytes:
    """Return a packet; `place` is that of a fragment with its flags, as in the header."""
    head = 20 + len(options)
    length = head + len(data) if total is None else total
    first = bytes([0x40 | head // 4, 0]) + number(length, 2) + number(name, 2) + number(place, 2)
    return first + bytes([64, protocol, 0, 0]) + source + target + options + data


def ipv6(protocol: int, data: bytes, source: bytes = CLIENT6, target: bytes = SERVER6) -> bytes:
    return b"\x60\0\0\0" + number(len(data), 2) + bytes([protocol, 61]) + source + target + data


def ethernet(packet: bytes, *tags: int) -> bytes:
    """Return a frame with the EtherTypes of tags ahead of that of the packet."""
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    kinds = b"\0\x05".join(number(it, 2) for it in (*tags, kind))
    return bytes(12) + kinds + packet


def pcap(
    packets: Iterable[tuple[int, bytes]],
    *,
    order: Order = "little",
    nanoseconds: bool = False,
    link: int = 1,
    snap: int = 1 << 16,
) -> bytes:
    """Return a file of (ts_ns, frame)."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    head = number(magic, 4, order) + number(2, 2, order) + number(4, 2, order) + bytes(8)
    parts = [head, number(snap, 4, order), number(link, 4, order)]
    for ts_ns, frame in packets:
        fraction = ts_ns % SECOND // (1 if nanoseconds else 1000)
        values = (ts_ns // SECOND, fraction, min(len(frame), snap), len(frame))
        parts += [number(value, 4, order) for value in values]
        parts.append(frame[:snap])
    return b"".join(parts)


def block(kind: int, body: bytes, order: Order = "little") -> bytes:
    body += bytes(-len(body) % 4)
    length = number(12 + len(body), 4, order)
    return number(kind, 4, order) + length + body + length


def section(order: Order = "little") -> bytes:
    body = number(0x1A2B3C4D, 4, order) + number(1, 2, order) + bytes(2) + b"\xff" * 8
    return block(0x0A0D0D0A, body, order)


def interface(link: int = 1, snap: int = 0, options: bytes = b"", order: Order = "little") -> bytes:
    return block(1, number(link, 2, order) + bytes(2) + number(snap, 4, order) + options, order)


def option(code: int, value: bytes, order: Order = "little") -> bytes:
    padded = value + bytes(-len(value) % 4)
    return number(code, 2, order) + number(len(value), 2, order) + padded


def enhanced(ticks: int, frame: bytes, which: int = 0, order: Order = "little") -> bytes:
    """Return a block of a packet with its time in units of its interface."""
    numbers = (which, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, b"".join(number(it, 4, order) for it in numbers) + frame, order)
