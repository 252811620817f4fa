# SPDX-License-Identifier: Apache-2.0
"""DNS as dnspython reads it: questions, answers of all types, some of them damaged."""

import json
import struct
from collections.abc import Callable
from random import Random

from kflowd.protocols.dns.message import decode
from tests.unit.protocols.dns import oracle
from tests.unit.protocols.dns.generate import FORMS
from tests.unit.protocols.dns.make import (
    OPT,
    QUERY,
    RESPONSE,
    message,
    name,
    pointer,
    question,
    record,
)
from tests.unit.protocols.dns.oracle import ALL, differs

LABELS = (b"www", b"example", b"com", b"_tcp", b"A", b"\xc3\xa4", b"a.b", b'"\\$@;() ')
ALPHANUMERIC = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
VALUES = (b"\2h2\2h3", b"\3h,2", b"\1\\", b"\1\xbb", bytes(4), bytes(16), b"\0\1\0\3")
KINDS = sorted(FORMS)


def _bytes(random: Random, least: int, most: int) -> bytes:
    return random.randbytes(random.randint(least, most))


def _counted(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def _label(random: Random, most: int = 63) -> bytes:
    return random.choice(LABELS) if random.random() < 0.6 else _bytes(random, 1, most)


def _name(random: Random) -> bytes:
    if random.random() < 0.2:
        return pointer(12)
    wire = b"".join(_counted(_label(random)) for _ in range(random.randrange(7)))
    return wire + b"\0" if len(wire) < 255 else b"\0"


def _number(size: int) -> Callable[[Random], bytes]:
    def make(random: Random) -> bytes:
        if random.random() < 0.3:
            return random.choice((0, 1, 255, 256**size - 1)).to_bytes(size)
        return random.randbytes(size)

    return make


def _string(random: Random) -> bytes:
    return _counted(_bytes(random, 0, 40))


def _types(random: Random) -> bytes:
    windows = sorted(random.sample(range(256), random.randrange(4)))
    return b"".join(bytes([it]) + _counted(_bytes(random, 1, 32)) for it in windows)


def _parameters(random: Random) -> bytes:
    keys = sorted({random.choice((random.randrange(13), random.randrange(65536)))
                   for _ in range(random.randrange(6))})  # fmt: skip
    values = [
        random.choice(VALUES) if random.random() < 0.5 else _bytes(random, 0, 40) for _ in keys
    ]
    pairs = zip(keys, values, strict=True)
    return b"".join(struct.pack(">HH", key, len(value)) + value for key, value in pairs)


def _address(random: Random) -> bytes:
    return random.choice((b"", bytes(10) + b"\xff\xff", bytes(12)))


def _aaaa(random: Random) -> bytes:
    head = _address(random)
    return head + random.randbytes(16 - len(head))


PARTS: dict[str, Callable[[Random], bytes]] = {
    "1": _number(1),
    "2": _number(2),
    "4": _number(4),
    "name": _name,
    "string": _string,
    "strings": lambda random: b"".join(_string(random) for _ in range(random.randint(1, 4))),
    "word": lambda random: _counted(bytes(random.choices(ALPHANUMERIC, k=random.randint(1, 20)))),
    "rest": lambda random: _bytes(random, 0, 80),
    "some": lambda random: _bytes(random, 1, 80),
    "hash": lambda random: _counted(_bytes(random, 1, 40)),
    "types": _types,
    "parameters": _parameters,
    "a": lambda random: random.randbytes(4),
    "aaaa": _aaaa,
}


def _record(random: Random) -> bytes:
    kind = random.choice(KINDS)
    data = b"".join(PARTS[word](random) for word in FORMS[kind].split())
    owner = random.choice((pointer(12), name("x.example"), name("")))
    return record(owner, kind, data)


def made(random: Random) -> bytes:
    """Return a message; every third one is damaged."""
    labels = [_label(random, 29) for _ in range(random.randint(1, 5))]
    asked = b"".join(map(_counted, labels)) + b"\0"
    answers = [_record(random) for _ in range(random.randrange(5))]
    edns = [record("", OPT, b"", random.randrange(256) << 24, 1232)] * random.randrange(2)
    flags = random.choice((QUERY, RESPONSE, RESPONSE, 0x8583))
    data = bytearray(message(flags, [question(asked)], answers, additional=edns))
    if random.randrange(3):
        return bytes(data)
    for _ in range(random.randint(1, 4)):
        other = random.choice((random.randrange(256), 0, 1, 0xC0, 12))
        data[random.randrange(len(data))] = other
    return bytes(data[: random.choice((len(data), random.randint(0, len(data))))])


def compare(random: Random) -> int:
    """Compare one message: what dnspython reads without an error is the same, and no complaint."""
    data = made(random)
    known = oracle.read(data)
    members, notes = decode(data, ALL, whole=True)
    json.dumps(members)
    if known is None or known.errors or differs(data):
        return 1
    if data[2] & 0x80:
        assert members["ResourceRecords"] == known.answers, data.hex()
        assert members["ResponseCode"] == known.rcode, data.hex()
    else:
        assert members["ResourceRecords"] == known.questions, data.hex()
    assert "MALFORMED" not in notes, data.hex()
    return 1
