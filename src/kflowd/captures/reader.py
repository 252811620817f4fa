# SPDX-License-Identifier: Apache-2.0
"""Frames of a capture file, pcap or pcapng.

Nothing that a file says of its lengths is believed beyond a bound. Source: the Internet-Drafts
draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple

from kflowd.constants import SECOND_NS
from kflowd.errors import CaptureError

ByteOrder = Literal["little", "big"]
# what a jumbo frame, or a segment that a network card will cut, never reaches; libpcap's own bound
MAX_FRAME = 1 << 18
# a block of pcapng has options, too, and a list of names may be long
MAX_BLOCK = 1 << 24
MAX_INTERFACES = 1 << 12
PCAP = {
    bytes.fromhex("a1b2c3d4"): ("big", 1000),
    bytes.fromhex("d4c3b2a1"): ("little", 1000),
    bytes.fromhex("a1b23c4d"): ("big", 1),
    bytes.fromhex("4d3cb2a1"): ("little", 1),
}
SECTION = bytes.fromhex("0a0d0d0a")
ORDERS: dict[bytes, ByteOrder] = {
    bytes.fromhex("1a2b3c4d"): "big",
    bytes.fromhex("4d3c2b1a"): "little",
}
# blocks of pcapng
INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 1, 2, 3, 6
END_OF_OPTIONS, RESOLUTION, OFFSET = 0, 9, 14


class Frame(NamedTuple):
    """What was on a link.

    Attributes:
        ts_ns: Since 1970.
        link: LINKTYPE_, what it begins with.
        size: Its length on the link.
        data: Those bytes that were captured.
    """

    ts_ns: int
    link: int
    size: int
    data: bytes


class _Interface(NamedTuple):
    link: int
    snap: int
    per_second: int
    offset_s: int


def frames(file: BinaryIO) -> Iterator[Frame]:
    """Yield the frames of a file in their order.

    Raises:
        CaptureError: It is no capture, or damaged; what is ahead of the damage was given out.
        OSError: It cannot be read.
    """
    magic = file.read(4)
    if magic == SECTION:
        yield from _blocks(file)
    elif magic in PCAP:
        order, unit_ns = PCAP[magic]
        yield from _records(file, "big" if order == "big" else "little", unit_ns)
    elif magic[:2] == b"\x1f\x8b":
        raise CaptureError("is compressed by gzip", "gzip -dc FILE | kflowd decode -")
    else:
        raise CaptureError("is no capture: neither pcap nor pcapng")


def _records(file: BinaryIO, order: ByteOrder, unit_ns: int) -> Iterator[Frame]:
    head = _exactly(file, 20, "its header")
    # the upper bits say how long a checksum is
    link = int.from_bytes(head[16:20], order) & 0xFFFF
    number = 0
    while head := file.read(16):
        number += 1
        if len(head) < 16:
            raise CaptureError(f"ends inside packet {number}")
        seconds, fraction, captured, size = _numbers(head, order)
        if captured > MAX_FRAME:
            raise CaptureError(f"packet {number} claims {captured} bytes")
        data = _exactly(file, captured, f"packet {number}")
        yield Frame(seconds * SECOND_NS + fraction * unit_ns, link, max(size, captured), data)


def _blocks(file: BinaryIO) -> Iterator[Frame]:
    """Yield the frames of a pcapng file, whose first four bytes were read."""
    order: ByteOrder = "little"
    interfaces: list[_Interface] = []
    kind, number = SECTION, 0
    while kind:
        number += 1
        length_bytes = _exactly(file, 4, f"block {number}")
        if kind == SECTION:
            magic = _exactly(file, 4, f"block {number}")
            if magic not in ORDERS:
                raise CaptureError(f"block {number} has no byte order")
            order, interfaces = ORDERS[magic], []
        length = int.from_bytes(length_bytes, order)
        begun = 12 if kind == SECTION else 8
        if not begun + 4 <= length <= MAX_BLOCK or length % 4:
            raise CaptureError(f"block {number} claims {length} bytes")
        body = _exactly(file, length - begun, f"block {number}")[:-4]
        what = int.from_bytes(kind, order)
        if what == INTERFACE and len(interfaces) < MAX_INTERFACES:
            interfaces.append(_interface(body, order, number))
        elif what in {PACKET, OLD_PACKET, SIMPLE_PACKET}:
            yield _frame(what, body, order, interfaces, number)
        kind = file.read(4)
        if kind and len(kind) < 4:
            raise CaptureError(f"ends inside block {number + 1}")


def _interface(body: bytes, order: ByteOrder, number: int) -> _Interface:
    if len(body) < 8:
        raise CaptureError(f"block {number} is too short")
    per_second, offset_s, at = 1_000_000, 0, 8
    while at + 4 <= len(body):
        code = int.from_bytes(body[at : at + 2], order)
        size = int.from_bytes(body[at + 2 : at + 4], order)
        value = body[at + 4 : at + 4 + size]
        if code == END_OF_OPTIONS:
            break
        if code == RESOLUTION and value:
            power = value[0] & 0x7F
            if power > 64:
                raise CaptureError(f"block {number} has times of no known unit")
            per_second = 2**power if value[0] & 0x80 else 10**power
        elif code == OFFSET and len(value) == 8:
            offset_s = int.from_bytes(value, order, signed=True)
        at += 4 + size + -size % 4
    snap = int.from_bytes(body[4:8], order)
    return _Interface(int.from_bytes(body[:2], order), snap, per_second, offset_s)


def _frame(
    what: int, body: bytes, order: ByteOrder, interfaces: list[_Interface], number: int
) -> Frame:
    head = 4 if what == SIMPLE_PACKET else 20
    if len(body) < head:
        raise CaptureError(f"block {number} is too short")
    if what == SIMPLE_PACKET:
        which, high, low, size = 0, 0, 0, int.from_bytes(body[:4], order)
        captured = size
    else:
        which, high, low, captured, size = _numbers(body[:20], order)
        if what == OLD_PACKET:
            which = int.from_bytes(body[:2], order)
    if which >= len(interfaces):
        raise CaptureError(f"block {number} is of an interface that is not described")
    interface = interfaces[which]
    if what == SIMPLE_PACKET and interface.snap:
        captured = min(captured, interface.snap)
    if captured > min(len(body) - head, MAX_FRAME):
        raise CaptureError(f"block {number} claims a packet of {captured} bytes")
    ticks = high << 32 | low
    ts_ns = ticks * SECOND_NS // interface.per_second + interface.offset_s * SECOND_NS
    data = body[head : head + captured]
    # a clock that is wrong is no reason to read no further
    return Frame(max(ts_ns, 0), interface.link, max(size, captured), data)


def _numbers(data: bytes, order: ByteOrder) -> list[int]:
    return [int.from_bytes(data[at : at + 4], order) for at in range(0, len(data), 4)]


def _exactly(file: BinaryIO, size: int, what: str) -> bytes:
    """Return bytes that have to be there."""
    data = file.read(size)
    if len(data) < size:
        raise CaptureError(f"ends inside {what}")
    return data
