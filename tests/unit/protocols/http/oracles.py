# SPDX-License-Identifier: Apache-2.0
"""What h11 and httptools read of exchanges; tests/fuzz/against makes these."""

import itertools
from typing import Any, NamedTuple

import h11
import httptools

from kflowd.protocols import Message

Headers = list[tuple[str, str]]
# What an oracle says of a message: first line, headers, body.
Seen = tuple[tuple[str, ...], Headers, bytes]


class Exchange(NamedTuple):
    """A request and the responses that it gets."""

    method: str
    request: bytes
    response: bytes


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
