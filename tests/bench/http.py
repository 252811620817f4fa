# SPDX-License-Identifier: Apache-2.0
"""What a message of HTTP costs: CPU of the decoder alone, without capture and streams."""

from functools import partial

from kflowd.protocols.base import Direction
from kflowd.protocols.http import HTTP
from tests.bench.stages import microseconds

COUNT = 2000
CURL = b"GET / HTTP/1.1\r\nHost: kflow.co\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
BROWSER = (
    b"GET /index.html?a=b HTTP/1.1\r\n"
    b"Host: www.example.org\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
    b"Connection: keep-alive\r\nReferer: http://www.example.org/\r\nCookie: a=b; c=d\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 301 Moved Permanently\r\nDate: Thu, 04 Apr 2024 15:49:12 GMT\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Length: 59\r\n"
    b"Connection: keep-alive\r\nLocation: https://kflowd.github.io\r\nServer: x\r\n\r\n"
    b'<a href="https://kflowd.github.io">Moved Permanently</a>.\n\n'
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _spoken(*said: tuple[Direction, bytes]) -> None:
    conversation = HTTP.conversation(joined=False)
    for number in range(COUNT):
        for direction, data in said:
            conversation.feed(direction, data, number)


def _chunks() -> None:
    conversation = HTTP.conversation(joined=True)
    conversation.feed(Direction.RX, CHUNKED, 1)
    conversation.feed(Direction.RX, b"1\r\na\r\n" * COUNT, 2)


def http_costs() -> str:
    """Return the table of microseconds for a message."""
    asked = {name: (Direction.TX, data) for name, data in (("curl", CURL), ("browser", BROWSER))}
    costs = {
        f"HTTP request of a {name}": microseconds(partial(_spoken, it), COUNT)
        for name, it in asked.items()
    }
    both = microseconds(lambda: _spoken(asked["browser"], (Direction.RX, ANSWER)), COUNT)
    costs["HTTP response, 59 bytes of text"] = both - costs["HTTP request of a browser"]
    costs["HTTP chunk of a byte"] = microseconds(_chunks, COUNT)
    lines = [f"{name:<32} {cost:6.1f}" for name, cost in costs.items()]
    return "\n".join(["microseconds of CPU per application message:", *lines])
