# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as h11 and httptools (llhttp) read it: valid exchanges, and heads that are damaged.

What llhttp refuses of a head is never read here without a complaint.
"""

import re
from random import Random

import httptools

from kflowd.protocols.http import startline
from tests.unit.protocols.http.mutate import damaged
from tests.unit.protocols.http.oracles import (
    Exchange,
    Headers,
    by_h11,
    by_httptools,
    expected,
    given_by,
    pieces,
)
from tests.unit.protocols.http.talk import RX, TX, Step, asked, talk

TOKEN = "abcXYZ019-.!#$%&'*+^`|~"
VALUE = "abc XYZ019-,;:=/\"'()\t"
TEXT = "abc \nöß{}"
TARGET = "abc/?&=%20.;"
# what says something of the connection, or of how its messages are read
KNOWN = {it.encode() for it in startline.KNOWN}
# of a second request, too, which a body that is lost becomes
METHOD = re.compile(rb"^(?!HTTP/)([^ \r\n:]*) [^\r\n]*HTTP/", re.MULTILINE)
BARE = re.compile(rb"(?<!\r)\n")
LENGTH = re.compile(rb"^content-length:[ \t]*([0-9]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
NAMED = {"te", "upgrade", "trailer", "connection"}


def _text(random: Random, letters: str, least: int, most: int) -> str:
    return "".join(random.choices(letters, k=random.randint(least, most)))


def _headers(random: Random) -> Headers:
    made: dict[str, tuple[str, str]] = {}
    for _ in range(random.randrange(6)):
        name = _text(random, TOKEN, 1, 8)
        if name.lower() not in NAMED:
            made[name.lower()] = name, _text(random, VALUE, 0, 12).strip()
    return list(made.values())


def _lines(headers: Headers) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers)


def _body(random: Random, *, needed: bool) -> tuple[Headers, bytes]:
    text = _text(random, TEXT, 0, 40).encode()
    if random.random() < 0.5:
        return [("Content-Length", str(len(text)))], text
    if not needed and random.random() < 0.5:
        return [], b""
    chunks = b""
    while text:
        size = random.randint(1, len(text))
        chunks += b"%x%b\r\n%b\r\n" % (size, random.choice((b"", b";a=b", b";a")), text[:size])
        text = text[size:]
    trailers = _lines(_headers(random)) if random.random() < 0.5 else b""
    return [("Transfer-Encoding", "chunked")], chunks + b"0\r\n" + trailers + b"\r\n"


def _exchange(random: Random) -> Exchange:
    method = random.choice(("GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH"))
    headers: Headers = []
    body = b""
    if method in {"POST", "PUT", "PATCH"}:
        headers, body = _body(random, needed=False)
    head = f"{method} /{_text(random, TARGET, 0, 10)} HTTP/1.1\r\n".encode()
    request = head + _lines([("Host", "a"), *_headers(random), *headers]) + b"\r\n" + body
    response = b""
    for _ in range(random.choice((0, 0, 1, 2))):
        status = random.choice((100, 102, 103))
        response += b"HTTP/1.1 %d Go on\r\n%b\r\n" % (status, _lines(_headers(random)))
    status = random.choice((200, 201, 204, 301, 304, 404, 500))
    headers, body = _body(random, needed=True)
    if status == 204:
        headers = []
    if status in {204, 304} or method == "HEAD":
        body = b""
    head = f"HTTP/1.1 {status} {random.choice(('', 'OK', 'Not  Found'))}\r\n".encode()
    response += head + _lines([*_headers(random), *headers]) + b"\r\n" + body
    return Exchange(method, request, response)


def _valid(random: Random) -> int:
    said = [_exchange(random) for _ in range(random.randint(1, 4))]
    requests, responses = by_h11(said)
    cuts = [random.randrange(1000) for _ in range(random.randrange(20))]
    ways: list[list[Step]] = [
        [(TX, it) for it in pieces(b"".join(each.request for each in said), cuts)],
        [(RX, it) for it in pieces(b"".join(each.response for each in said), cuts)],
    ]
    steps = []
    while any(ways):
        steps.append(random.choice([it for it in ways if it]).pop(0))
    messages = talk(*steps)
    made = given_by([it for it in messages if it.direction is TX])
    assert made == list(map(expected, requests))
    assert made == list(map(expected, by_httptools(b"".join(each.request for each in said))))
    made = given_by([it for it in messages if it.direction is RX])
    assert made == list(map(expected, responses))
    return len(messages)


def _damaged(random: Random) -> int:
    """Compare a request or a response without a body; return 1."""
    headers = _lines([("Host", "a"), *_headers(random), ("Content-Length", "0")])
    if random.random() < 0.5:
        head = f"GET /{_text(random, TARGET, 0, 10)} HTTP/1.1\r\n".encode()
        data = damaged(random, head + headers + b"\r\n")
        strict: type = httptools.HttpRequestParser
        messages = asked(data) if data else []
    else:
        data = damaged(random, b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n")
        strict = httptools.HttpResponseParser
        messages = talk((TX, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (RX, data))[1:]
    # a line may end without a carriage return (RFC 9112 2.2)
    if not _refused(strict, BARE.sub(b"\r\n", data)) or _is_known(data):
        return 1
    assert any(it.notes for it in messages), data
    return 1


class _Nothing:
    """What llhttp calls: nothing."""


def _refused(strict: type, data: bytes) -> bool:
    try:
        strict(_Nothing()).feed_data(data)
    except httptools.HttpParserUpgrade:
        return False
    except httptools.HttpParserError:
        return True
    return False


def _is_known(data: bytes) -> bool:
    """Say whether llhttp may have refused what we let pass, each with its reason."""
    methods, lengths = set(METHOD.findall(data)), LENGTH.findall(data)
    return (
        # it has a list of methods, where RFC 9110 has any token
        not methods <= KNOWN
        # the same Content-Length twice is one (RFC 9110 8.6)
        or (len(lengths) > 1 and len(set(lengths)) == 1)
    )


def compare(random: Random) -> int:
    """Compare a connection, or a damaged head."""
    return _valid(random) if random.random() < 0.7 else _damaged(random)
