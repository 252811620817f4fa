# SPDX-License-Identifier: Apache-2.0
"""Conversations that are damaged at random, from a seed; `python -m tests.fuzz` has a million."""

import gzip
import random

import msgspec

from kflowd.protocols.base import NOTES, Limits, Message
from kflowd.protocols.http import Http
from tests.unit.protocols.http.frames_made import ANSWER, ASK, PREFACE, SETTINGS, Sender, data
from tests.unit.protocols.http.talk import GET, OK, RX, TX, Step

OWN = {"_Method", "_Url", "_Version", "_Status", "_Reason", "_Body", "_Exception"}
_sender = Sender()
CLIENT = (
    GET,
    b"GET /a b HTTP/1.1\r\nHost : x\r\n folded\r\n_Method: x\r\n\r\n",
    b"POST /p HTTP/1.1\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
    b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: 1\r\n\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\n\r\n",
    b"GET /w HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /old\n",
    PREFACE + SETTINGS + _sender.headers(ASK) + _sender.headers(ASK, 3, ends=False) + data(b"x", 3),
)
SERVER = (
    OK,
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n%b"
    % gzip.compress(b"abc", mtime=0),
    b"<html>\n",
    SETTINGS + _sender.headers(ANSWER, ends=False, parts=2) + data(b"text"),
)
PIECES = (
    b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\t", b":", b"\x00", b"\xff", b"-1", b"10000000000000000",
    b"0", b"HTTP/1.1 ", b"HTTP/", b"GET ", b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Upgrade: h2c\r\n", b"_Body: x\r\n", b"x" * 300,
)  # fmt: skip
LIMITS = Limits(message_bytes=400, body_bytes=16, text_bytes=32, items=6)


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Return bytes with some of them changed, lost, doubled or added."""
    made = bytearray(data)
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        at = chance.randrange(len(made) + 1)
        end = at + chance.choice((1, 1, 2, 8, 40))
        what = chance.randrange(5)
        if what == 0:
            made[at:end] = b""
        elif what == 1:
            made[at:at] = chance.choice(PIECES)
        elif what == 2:
            made[at : at + 1] = bytes([chance.randrange(256)])
        elif what == 3:
            made[at:at] = made[at:end]
        else:
            made[at:end] = chance.choice(PIECES)
    return bytes(made)


def conversation(chance: random.Random) -> list[Step]:
    """Return the steps of a damaged conversation, in pieces and in any order."""
    ways: list[list[Step]] = []
    for direction, said in ((TX, CLIENT), (RX, SERVER)):
        data = b"".join(chance.choice(said) for _ in range(chance.randrange(5)))
        data = damaged(chance, data)
        most = chance.choice((1, 3, 20, 1000))
        way: list[Step] = []
        while data:
            size = chance.randint(1, most)
            way.append((direction, data[:size]))
            if chance.randrange(40) == 0:
                way.append((direction, chance.choice((0, 1, 5, 100, 1 << 40))))
            data = data[size:]
        ways.append(way)
    steps = []
    while any(ways):
        way = chance.choice([it for it in ways if it])
        steps += way[: (count := chance.randint(1, 9))]
        del way[:count]
    return steps


def check(messages: list[Message], fed: int) -> None:
    """Fail if messages are not such as a record can show."""
    # the shortest message that is read has some bytes of its own
    assert len(messages) <= 2 + fed // 4
    for it in messages:
        msgspec.json.encode(it.members)
        assert it.members
        assert {name for name in it.members if name.startswith("_")} <= OWN
        assert len(it.members) <= LIMITS.items + len(OWN) + 6
        assert all(len(str(value).encode()) <= 999 for value in it.members.values())
        assert len(it.members.get("_Body", "").encode()) <= 3 * LIMITS.body_bytes
        assert set(it.notes) <= set(NOTES)
        assert len(set(it.notes)) == len(it.notes)
        assert it.length >= 0
        assert it.ts_ns > 0


def run(seed: int) -> int:
    """Decode one conversation, and return how many messages it gave.

    Raises:
        AssertionError: One of them is not as it should be; it names the seed.
    """
    try:
        return _run(seed)
    except Exception as error:
        raise AssertionError(f"seed {seed}") from error


def _run(seed: int) -> int:
    chance = random.Random(seed)
    steps = conversation(chance)
    decoder = Http(LIMITS).conversation(joined=chance.randrange(4) == 0)
    messages, fed = [], 0
    for ts_ns, (direction, what) in enumerate(steps, 1):
        if isinstance(what, bytes):
            messages += decoder.feed(direction, what, ts_ns)
            fed += len(what)
        else:
            messages += decoder.gap(direction, what, ts_ns)
        # both directions: what waits, one piece more than its limit, and a line
        assert decoder.held <= 2 * (4 * LIMITS.message_bytes + LIMITS.body_bytes + 1000 + 4096)
    for direction in chance.sample((TX, RX), 2):
        messages += decoder.end(direction)
    assert decoder.held == 0
    check(messages, fed)
    return len(messages)
