# SPDX-License-Identifier: Apache-2.0
"""A hello becomes the members that a record has for it (RFC 8446 4.1, 6066 3, 7301, 9849)."""

import struct
from typing import Any, NamedTuple

import msgspec

from kflowd.protocols.base import Limits
from kflowd.protocols.tls import codes
from kflowd.protocols.tls.codes import highest, is_grease, version_name
from kflowd.protocols.tls.ja4 import Offer, fingerprint
from kflowd.protocols.tls.reader import EndsError, Reader, UnreadableError

EXCEPTION = "TLS Message Decoder"
HOST_NAME = 0  # the one type of a server's name
VERSION_BYTES, RANDOM_BYTES = 2, 32
PAIR = struct.Struct(">HH")  # type and length of an extension
ENDS_EARLY = "early end of extensions"
READ = frozenset([codes.SERVER_NAME, codes.ALPN, codes.SUPPORTED_VERSIONS, codes.SIGNATURES])
# SHA-256 of "HelloRetryRequest": what such a ServerHello has for its random bytes
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
# as zone files have it: what is no printable ASCII, and the backslash itself
CHARACTERS = [chr(it) if 32 < it < 127 and it != 92 else f"\\{it:03}" for it in range(256)]


class Hello(msgspec.Struct):
    """What a hello says, as far as it could be read.

    Attributes:
        version: That of the message itself, the highest until TLS 1.2.
        versions: Those of its extension.
        extensions: Types, in their order.
        name: Of the server, None if it is not there.
        alpn: Protocols, in their order.
        retry: It asks for another ClientHello.
        complaint: What is wrong with it first, "" if nothing is.
        trailing: Bytes are behind what it has.
    """

    version: int = 0
    versions: list[int] = []
    ciphers: list[int] = []
    extensions: list[int] = []
    signatures: list[int] = []
    name: bytes | None = None
    alpn: list[bytes] = []
    retry: bool = False
    complaint: str = ""
    trailing: bool = False


class Decoded(NamedTuple):
    """The members of a hello, notes, and whether it asks for another one."""

    members: dict[str, Any]
    notes: list[str]
    retry: bool = False


def text_of(data: bytes) -> str:
    r"""Return a name as ASCII: any other byte is \DDD."""
    return "".join([CHARACTERS[byte] for byte in data])


def decode(body: bytes, limits: Limits, *, client: bool, whole: bool) -> Decoded:
    """Return what a hello says.

    Args:
        body: What is behind its type and length.
        limits: How much is shown.
        client: It is a ClientHello.
        whole: It is no fault that it ends early if it is not.
    """
    hello = Hello()
    try:
        (_read_client if client else _read_server)(hello, Reader(body, "hello"))
    except UnreadableError as error:
        if whole or not isinstance(error, EndsError):
            hello.complaint = hello.complaint or str(error)
    if hello.version >> 8 != codes.SSL3_MAJOR:
        # of one that ends ahead of its version nothing is known
        known = whole or len(body) >= VERSION_BYTES
        return Decoded({"_Exception": EXCEPTION}, ["MALFORMED"] if known else [])
    members, notes = _members(hello, limits, client=client)
    if client and whole and not hello.complaint:
        members["Ja4"] = fingerprint(
            Offer(
                version=_version(hello),
                ciphers=hello.ciphers,
                extensions=hello.extensions,
                signatures=hello.signatures,
                alpn=hello.alpn[0] if hello.alpn else b"",
            )
        )
    if hello.complaint:
        members["_Exception"] = f"{EXCEPTION}: {hello.complaint}"
        notes.append("MALFORMED")
    if hello.trailing:
        notes.append("TRAILING")
    return Decoded(members, notes, hello.retry)


def _version(hello: Hello) -> int:
    found = highest(hello.versions)
    return hello.version if found is None else found


def _members(hello: Hello, limits: Limits, *, client: bool) -> tuple[dict[str, Any], list[str]]:
    members: dict[str, Any] = {"Version": version_name(_version(hello))}
    cut = False
    if hello.name is not None:
        # each of its bytes may be four characters
        shown = hello.name[: limits.text_bytes // 4]
        members["Sni"] = text_of(shown)
        cut = len(shown) < len(hello.name)
    if hello.alpn:
        named = [it for it in hello.alpn if len(it) != 2 or not is_grease(int.from_bytes(it))]
        members["Alpn"] = [text_of(it) for it in named[: limits.items]]
        cut = cut or len(named) > limits.items
    if client and codes.ENCRYPTED_HELLO in hello.extensions:
        members["Ech"] = True
    if hello.retry:
        members["Retry"] = True
    return members, ["CUT"] if cut else []


def _read_client(hello: Hello, reader: Reader) -> None:
    hello.version = reader.number(VERSION_BYTES)
    reader.take(RANDOM_BYTES)
    reader.vector(1)  # session
    hello.ciphers = reader.numbers(2)
    reader.vector(1)  # compression
    _read_extensions(hello, reader, client=True)


def _read_server(hello: Hello, reader: Reader) -> None:
    hello.version = reader.number(VERSION_BYTES)
    hello.retry = reader.take(RANDOM_BYTES) == RETRY
    reader.vector(1)  # session
    reader.take(3)  # cipher, compression
    _read_extensions(hello, reader, client=False)


def _read_extensions(hello: Hello, reader: Reader, *, client: bool) -> None:
    """Read what may follow; of an extension that is there twice the first is read."""
    if not reader.left:
        return
    size = reader.number(2)
    # those that are there are read, whether or not all are
    block = reader.take(min(size, reader.left))
    hello.trailing = reader.left > 0
    seen: set[int] = set()
    at, end = 0, len(block)
    while at < end:
        if at + PAIR.size > end:
            raise EndsError(ENDS_EARLY)
        kind, length = PAIR.unpack_from(block, at)
        at += PAIR.size + length
        if at > end:
            raise EndsError(ENDS_EARLY)
        hello.extensions.append(kind)
        if kind in seen:
            hello.complaint = hello.complaint or f"extension {kind} is there twice"
        elif kind in READ:
            try:
                _read_extension(hello, kind, block[at - length : at], client=client)
            except UnreadableError as error:
                # all of it is here: it is wrong by itself
                hello.complaint = hello.complaint or str(error)
        seen.add(kind)
    if end < size:
        raise EndsError(ENDS_EARLY)


def _read_extension(hello: Hello, kind: int, data: bytes, *, client: bool) -> None:
    if kind == codes.SERVER_NAME and client:
        names = Reader(Reader(data, "server name").vector(2), "server name")
        while names.left and hello.name is None:
            of, name = names.number(1), names.vector(2)
            hello.name = name if of == HOST_NAME else None
    elif kind == codes.ALPN:
        protocols = Reader(Reader(data, "ALPN").vector(2), "ALPN")
        while protocols.left:
            hello.alpn.append(protocols.vector(1))
    elif kind == codes.SUPPORTED_VERSIONS:
        reader = Reader(data, "supported versions")
        hello.versions = reader.numbers(1) if client else [reader.number(2)]
    elif kind == codes.SIGNATURES and client:
        hello.signatures = Reader(data, "signature algorithms").numbers(2)
