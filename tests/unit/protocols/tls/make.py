# SPDX-License-Identifier: Apache-2.0
"""Messages of TLS, piece by piece, and those that OpenSSL sends."""

import ssl
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kflowd.protocols import Direction, Message
from kflowd.protocols.base import Conversation

TX, RX = Direction.TX, Direction.RX
UNREADABLE = {"_Exception": "TLS Message Decoder"}
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
FATAL, WARNING = 2, 1
GREASE = 0x3A3A


def vector(data: bytes, width: int) -> bytes:
    """Return bytes behind their length."""
    return len(data).to_bytes(width, "big") + data


def numbers(values: Iterable[int]) -> bytes:
    """Return numbers of two bytes each."""
    return b"".join(each.to_bytes(2, "big") for each in values)


def extension(kind: int, data: bytes) -> bytes:
    """Return an extension."""
    return numbers([kind]) + vector(data, 2)


def sni(name: bytes, kind: int = 0) -> bytes:
    """Return the extension that names a server."""
    return extension(0, vector(bytes([kind]) + vector(name, 2), 2))


def alpn(*names: bytes) -> bytes:
    """Return the extension with protocols."""
    return extension(16, vector(b"".join(vector(each, 1) for each in names), 2))


def offered(*versions: int) -> bytes:
    """Return a client's versions."""
    return extension(43, vector(numbers(versions), 1))


def chosen(version: int) -> bytes:
    """Return a server's version."""
    return extension(43, numbers([version]))


def client_body(
    *extensions: bytes, version: int = 0x0303, ciphers: Iterable[int] = (0x1301, 0xC02F)
) -> bytes:
    """Return what is behind the head of a ClientHello; without extensions it has none at all."""
    head = numbers([version]) + bytes(range(32)) + vector(b"s" * 32, 1)
    block = vector(b"".join(extensions), 2) if extensions else b""
    return head + vector(numbers(ciphers), 2) + vector(b"\0", 1) + block


def server_body(*extensions: bytes, version: int = 0x0303, random: bytes = bytes(32)) -> bytes:
    """Return what is behind the head of a ServerHello."""
    block = vector(b"".join(extensions), 2) if extensions else b""
    return numbers([version]) + random + vector(b"s" * 32, 1) + b"\x13\x01\0" + block


def handshake(kind: int, body: bytes) -> bytes:
    """Return a message of the handshake."""
    return bytes([kind]) + vector(body, 3)


def client_hello(*extensions: bytes, version: int = 0x0303) -> bytes:
    """Return a ClientHello."""
    return handshake(1, client_body(*extensions, version=version))


def server_hello(*extensions: bytes, version: int = 0x0303, random: bytes = bytes(32)) -> bytes:
    """Return a ServerHello."""
    return handshake(2, server_body(*extensions, version=version, random=random))


def record(data: bytes, content: int = 22, version: int = 0x0301) -> bytes:
    """Return a record."""
    return bytes([content]) + numbers([version]) + vector(data, 2)


def records(data: bytes, size: int) -> bytes:
    """Return bytes in records of some size."""
    return b"".join(record(data[at : at + size]) for at in range(0, len(data), size))


def alert(number: int, level: int = FATAL) -> bytes:
    """Return the record of an alert."""
    return record(bytes([level, number]), 21)


def older_client(version: int = 0x0002, challenge: int = 16) -> bytes:
    """Return a ClientHello in the form of SSL 2.0."""
    body = b"\x01" + numbers([version, 6, 0, challenge]) + bytes(6 + challenge)
    return numbers([0x8000 | len(body)]) + body


def older_server() -> bytes:
    """Return a ServerHello of SSL 2.0."""
    body = b"\x04\0\x01" + numbers([2, 100, 3, 16]) + bytes(119)
    return numbers([0x8000 | len(body)]) + body


def fed(
    talk: Conversation, data: bytes, sizes: Iterable[int], direction: Direction = TX
) -> list[Message]:
    """Return the messages of bytes that come in pieces; the time of each is where it begins."""
    found, at = [], 0
    for size in (*sizes, len(data)):
        found += talk.feed(direction, data[at : at + size], at)
        at += size
    return found


class Flight(NamedTuple):
    """Bytes of one end, up to where the other one has its turn."""

    direction: Direction
    data: bytes


class Talked(NamedTuple):
    """A connection by OpenSSL, and what it says of it."""

    flights: list[Flight]
    version: str
    alpn: str | None
    name: str | None


@cache
def certificate() -> tuple[str, str]:
    """Return the paths of a certificate and its key."""
    folder = Path(tempfile.mkdtemp(prefix="kflowd-tls-"))
    paths = str(folder / "certificate"), str(folder / "key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=kf.example", "-out", paths[0], "-keyout", paths[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths


@cache
def talked(
    version: ssl.TLSVersion, *, curve: str = "", alpn_names: tuple[str, ...] = ("h2", "http/1.1")
) -> Talked:
    """Return a connection with one request and one answer.

    Args:
        version: The highest of the server.
        curve: The one curve that the server has; "": all.
        alpn_names: What the client offers; the server prefers the last.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate())
    server.maximum_version = version
    if curve:
        server.set_ecdh_curve(curve)
    if alpn_names:
        client.set_alpn_protocols(list(alpn_names))
        server.set_alpn_protocols(list(reversed(alpn_names)))
    named: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: named.append(name)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up, server_hostname="kf.example"),
        server.wrap_bio(up, down, server_side=True),
    )
    flights: list[Flight] = []
    waiting, turn = [True, True], 0
    while any(waiting):
        bio = (up, down)[turn]
        try:
            ends[turn].do_handshake()
            waiting[turn] = False
        except ssl.SSLWantReadError:
            pass
        if data := bio.read():
            flights.append(Flight((TX, RX)[turn], data))
            bio.write(data)
        turn = 1 - turn
    for end, bio, direction in zip(ends, (up, down), (TX, RX), strict=True):
        end.write(b"x" * 1000)
        flights.append(Flight(direction, bio.read()))
    known = ends[0].version()
    assert known is not None
    return Talked(flights, known, ends[0].selected_alpn_protocol(), named[-1])
