# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.protocols.http.startline import read, unfinished

IN_TARGET = "control or non-ASCII character in the request target"


def request(method: str, url: str, version: str = "HTTP/1.1") -> dict[str, Any]:
    """Return the members of a request line."""
    return {"_Method": method, "_Url": url, "_Version": version}


def status(code: int, reason: str = "", version: str = "HTTP/1.1") -> dict[str, Any]:
    """Return the members of a status line."""
    members = {"_Version": version, "_Status": code}
    return members | ({"_Reason": reason} if reason else {})


@pytest.mark.parametrize(
    ("line", "members", "complaints"),
    [
        (b"GET /a?b HTTP/1.1\r\n", request("GET", "/a?b"), []),
        (b"M-SEARCH * HTTP/1.0\n", request("M-SEARCH", "*", "HTTP/1.0"), []),
        (b"GET /a b HTTP/1.1\r\n", request("GET", "/a b"), ["space in the request target"]),
        (b"GET\t/ HTTP/1.1\r\n", request("GET", "/"), ["white space in the request line"]),
        (b" GET / HTTP/1.1 \r\n", request("GET", "/"), ["white space in the request line"]),
        (b"G@T / HTTP/1.1\r\n", request("G@T", "/"), ["method is no token"]),
        (b"GET / http/1.1\r\n", request("GET", "/", "http/1.1"), ["unusual version"]),
        (b"GET / HTTP/3\r\n", request("GET", "/", "HTTP/3"), ["unusual version"]),
        (b"GET /\xff HTTP/1.1\r\n", request("GET", "/\ufffd"), [IN_TARGET]),
        (b"GET x HTTP/1.1\r\n", request("GET", "x"), ["request target of no known form"]),
        (b"OPTIONS * HTTP/1.1\r\n", request("OPTIONS", "*"), []),
        (b"GET / HTTP/1.1\r\r\n", request("GET", "/"), ["white space in the request line"]),
        (b"HTTP/1.1 200 OK\r\r\n", status(200, "OK"), ["malformed status line"]),
        (b"GET /\x00 HTTP/1.1\r\n", request("GET", "/\0"), [IN_TARGET]),
        (b"GET /\t HTTP/1.1\r\n", request("GET", "/\t"), [IN_TARGET]),
        (b"GET /a\rb HTTP/1.1\r\n", request("GET", "/a\rb"), [IN_TARGET]),
        (
            b"GET /\x7f x HTTP/1.1\r\n",
            request("GET", "/\x7f x"),
            ["space in the request target", IN_TARGET],
        ),
        (b"GET /\x1b\n", request("GET", "/\x1b", "HTTP/0.9"), [IN_TARGET]),
        (b"HTTP/1.1 007 OK\r\n", status(7, "OK"), ["malformed status line"]),
        (b"HTTP/1.1 200 a\x00\r\n", status(200, "a\0"), ["control character in the reason"]),
        (b"HTTP/1.1 200 a\tb\xff\r\n", status(200, "a\tb\ufffd"), []),
        (b"GET /x\n", request("GET", "/x", "HTTP/0.9"), []),
        (b"GET /x \n", request("GET", "/x", "HTTP/0.9"), ["white space in the request line"]),
        (
            b"POST /x\n",
            request("POST", "/x", "HTTP/0.9"),
            ["HTTP/0.9 has no method but GET"],
        ),
        (b"T /x\n", request("T", "/x", "HTTP/0.9"), ["HTTP/0.9 has no method but GET"]),
        (b"GET \n", request("GET", "", "HTTP/0.9"), ["request without target"]),
        (b"GET\n", request("GET", "", "HTTP/0.9"), ["request without target"]),
        (b"HTTP/1.1 200 OK\r\n", status(200, "OK"), []),
        (b"HTTP/1.1 200 \r\n", status(200), []),
        (b"HTTP/1.0 404\n", status(404, version="HTTP/1.0"), []),
        (b"HTTP/1.1 404 Not  Found\r\n", status(404, "Not  Found"), []),
        (b"HTTP/1.1  200 OK\r\n", status(200, "OK"), ["malformed status line"]),
        (b"HTTP/1.1 2000 OK\r\n", status(2000, "OK"), ["malformed status line"]),
        (b"HTTP/2.0 200 OK\r\n", status(200, "OK", "HTTP/2.0"), ["unusual version"]),
        (
            b"http/1.1 200OK\r\n",
            status(200, "OK", "http/1.1"),
            ["malformed status line", "unusual version"],
        ),
    ],
)
def test_first_lines_are_read(line: bytes, members: dict[str, Any], complaints: list[str]) -> None:
    """Members are in order; what a strict parser refuses is read with a complaint."""
    found = read(line)
    assert found
    assert list(found.members.items()) == list(members.items())
    assert found.complaints == complaints
    assert found.method == members.get("_Method", "")
    assert found.status == members.get("_Status", 0)


@pytest.mark.parametrize(
    "line",
    [
        b"\r\n", b"T \n", b"hello world\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"HELO mail.example\r\n",
        b"HTTP/1.1 abc\r\n", b"HTTP/1.1\r\n", b"220 ready\r\n", b" HTTP/1.1\r\n",
        "HTTP/1.1 ٢٠٠ OK\r\n".encode(), b"HTTP/1.1 9999999999 OK\r\n",
    ],
)  # fmt: skip
def test_other_lines_are_not(line: bytes) -> None:
    """What is no first line of a message is none."""
    assert read(line) is None


def test_a_request_line_without_end_is_read() -> None:
    """What came of it is shown if its method is known."""
    found = unfinished(b"GET /ab")
    assert found
    assert found.members == {"_Method": "GET", "_Url": "/ab"}
    assert unfinished(b"XYZ /ab") is None
