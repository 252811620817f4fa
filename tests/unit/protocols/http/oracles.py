# SPDX-License-Identifier: Apache-2.0
"""Exchanges of messages that are valid, and what h11 and httptools read of their bytes."""

import itertools
from typing import Any, NamedTuple

import h11
import httptools
from hypothesis import strategies as st

from kflowd.protocols import Message

Headers = list[tuple[str, str]]
# What an oracle says of a message: first line, headers, body.
Seen = tuple[tuple[str, ...], Headers, bytes]

TOKEN = st.text("abcXYZ019-.!#$%&'*+^`|~", min_size=1, max_size=8)
NAME = TOKEN.filter(lambda it: it.lower() not in {"te", "upgrade", "trailer", "connection"})
VALUE = st.text("abc XYZ019-,;:=/\"'()\t", max_size=12).map(str.strip)
HEADERS = st.lists(st.tuples(NAME, VALUE), max_size=5, unique_by=lambda it: it[0].lower())
TEXT = st.text("abc \nöß{}", max_size=40).map(str.encode)


class Exchange(NamedTuple):
    """A request and the responses that it gets."""

    method: str
    request: bytes
    response: bytes


@st.composite
def _body(draw: st.DrawFn, *, needed: bool) -> tuple[Headers, bytes]:
    """Return the headers and the bytes of a body."""
    text = draw(TEXT)
    if draw(st.booleans()):
        return [("Content-Length", str(len(text)))], text
    if not needed and draw(st.booleans()):
        return [], b""
    chunks = b""
    while text:
        size = draw(st.integers(1, len(text)))
        extension = draw(st.sampled_from([b"", b";a=b", b";a"]))
        chunks += b"%x%b\r\n%b\r\n" % (size, extension, text[:size])
        text = text[size:]
    trailers = _lines(draw(HEADERS)) if draw(st.booleans()) else b""
    return [("Transfer-Encoding", "chunked")], chunks + b"0\r\n" + trailers + b"\r\n"


def _lines(headers: Headers) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    """Return one exchange of HTTP/1.1 on a connection that stays open."""
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH"]))
    target = "/" + draw(st.text("abc/?&=%20.;", max_size=10))
    headers, body = draw(_body(needed=False)) if method in {"POST", "PUT", "PATCH"} else ([], b"")
    head = f"{method} {target} HTTP/1.1\r\n".encode() + _lines([("Host", "a"), *draw(HEADERS)])
    request = head + _lines(headers) + b"\r\n" + body
    response = b""
    for status in draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2)):
        response += b"HTTP/1.1 %d Go on\r\n%b\r\n" % (status, _lines(draw(HEADERS)))
    status = draw(st.sampled_from([200, 201, 204, 301, 304, 404, 500]))
    reason = draw(st.sampled_from(["", "OK", "Not  Found"]))
    headers, body = draw(_body(needed=True))
    if status == 204:
        headers = []
    if status in {204, 304} or method == "HEAD":
        body = b""
    head = f"HTTP/1.1 {status} {reason}\r\n".encode() + _lines(draw(HEADERS))
    return Exchange(method, request, response + head + _lines(headers) + b"\r\n" + body)


def by_h11(said: list[Exchange]) -> tuple[list[Seen], list[Seen]]:
    """Return what h11 reads of the requests, and of the responses."""
    server, client = h11.Connection(h11.SERVER), h11.Connection(h11.CLIENT)
    requests: list[Seen] = []
    responses: list[Seen] = []
    for exchange in said:
        server.receive_data(exchange.request)
        events = _events(server)
        requests += _messages(events)
        for event in events:
            client.send(event)
        client.receive_data(exchange.response)
        events = _events(client)
        responses += _messages(events)
        for event in events:
            server.send(event)
        server.start_next_cycle()
        client.start_next_cycle()
    return requests, responses


def _events(connection: h11.Connection) -> list[Any]:
    events = []
    while not isinstance(event := connection.next_event(), type):  # NEED_DATA, PAUSED are types
        events.append(event)
        if isinstance(event, h11.EndOfMessage):
            break
    return events


def _messages(events: list[Any]) -> list[Seen]:
    messages: list[Seen] = []
    for event in events:
        if isinstance(event, h11.Data):
            first, headers, body = messages[-1]
            messages[-1] = first, headers, body + bytes(event.data)
            continue
        headers = [(n.decode(), v.decode()) for n, v in event.headers.raw_items()]
        if isinstance(event, h11.EndOfMessage):
            messages[-1][1].extend(headers)
        elif isinstance(event, h11.Request):
            messages.append(((event.method.decode(), event.target.decode()), headers, b""))
        else:
            messages.append(((str(event.status_code), event.reason.decode()), headers, b""))
    return messages


class _Reader:
    """What httptools calls."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.parser: httptools.HttpRequestParser | None = None
        self._url, self._body = b"", b""
        self._headers: Headers = []

    def on_message_begin(self) -> None:
        self._url, self._body, self._headers = b"", b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode(), value.decode()))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        assert self.parser
        method = self.parser.get_method().decode()
        self.seen.append(((method, self._url.decode()), self._headers, self._body))


def by_httptools(data: bytes) -> list[Seen]:
    """Return what httptools reads of requests in a row."""
    reader = _Reader()
    reader.parser = httptools.HttpRequestParser(reader)
    reader.parser.feed_data(data)
    return reader.seen


def expected(seen: Seen) -> dict[str, str]:
    """Return what a record shows of a message that an oracle read: first line, headers, body."""
    first, headers, body = seen
    shown = {name: "" for name, _ in headers}
    names = {name.lower(): name for name in reversed(shown)}
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(names[name.lower()], []).append(value)
    shown = {name: ", ".join(each) for name, each in values.items()}
    text = body.decode().rstrip("\r\n")
    return {"first": " ".join(first), **shown, **({"_Body": text} if text else {})}


def given_by(messages: list[Message]) -> list[dict[str, str]]:
    """Return the same of our messages."""
    made = []
    for it in messages:
        members = dict(it.members)
        members.pop("_Version")
        first = [members.pop("_Method", None), members.pop("_Url", None)]
        if first == [None, None]:
            first = [str(members.pop("_Status")), members.pop("_Reason", "")]
        assert not it.notes
        assert not it.length
        made.append({"first": " ".join(map(str, first)), **members})
    return made


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return bytes cut at places, taken modulo their number."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(places)]
