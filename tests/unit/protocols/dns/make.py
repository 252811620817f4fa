# SPDX-License-Identifier: Apache-2.0
"""DNS messages, byte by byte."""

import struct
from collections.abc import Sequence

A, CNAME, SOA, MX, TXT, AAAA, OPT, RRSIG, HTTPS = 1, 5, 6, 15, 16, 28, 41, 46, 65
IN, NONE, ANY = 1, 254, 255
QUERY, RESPONSE = 0x0100, 0x8180  # RD; QR RD RA


def name(text: str) -> bytes:
    """Return an ASCII name as the wire has it, without pointers."""
    labels = text.split(".") if text else []
    return b"".join(bytes([len(it)]) + it.encode() for it in labels) + b"\0"


def pointer(at: int) -> bytes:
    """Return a pointer to an offset."""
    return struct.pack(">H", 0xC000 | at)


def question(of: bytes | str, kind: int = A, group: int = IN) -> bytes:
    """Return a question."""
    return (name(of) if isinstance(of, str) else of) + struct.pack(">HH", kind, group)


def record(
    of: bytes | str, kind: int = A, data: bytes = b"\xc0\0\2\1", ttl: int = 300, group: int = IN
) -> bytes:
    """Return a resource record."""
    owner = name(of) if isinstance(of, str) else of
    return owner + struct.pack(">HHIH", kind, group, ttl, len(data)) + data


def message(
    bits: int,
    questions: Sequence[bytes] = (),
    answers: Sequence[bytes] = (),
    authority: Sequence[bytes] = (),
    additional: Sequence[bytes] = (),
    *,
    counts: Sequence[int] | None = None,
    ident: int = 0x1234,
) -> bytes:
    """Return a message; counts are those of what is in it, if nothing else is asked for."""
    sections = (questions, answers, authority, additional)
    numbers = counts or [len(it) for it in sections]
    body = b"".join(entry for section in sections for entry in section)
    return struct.pack(">6H", ident, bits, *numbers) + body


def framed(*messages: bytes) -> bytes:
    """Return messages as a connection has them."""
    return b"".join(struct.pack(">H", len(it)) + it for it in messages)
