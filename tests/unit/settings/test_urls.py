# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from kflowd.settings.urls import parse_header, parse_url


@pytest.mark.parametrize(
    ("text", "host", "port", "target", "shown"),
    [
        ("https://logs.test", "logs.test", 443, "/", "https://logs.test/"),
        ("http://logs.test:80/a", "logs.test", 80, "/a", "http://logs.test/a"),
        ("https://logs.test:8443/a/b?c=d&e", "logs.test", 8443, "/a/b?c=d&e",
         "https://logs.test:8443/a/b"),
        ("https://[::1]:443/x%20y", "::1", 443, "/x%20y", "https://[::1]/x%20y"),
        ("https://[::1]/", "::1", 443, "/", "https://[::1]/"),
        ("http://192.0.2.1:8080?a", "192.0.2.1", 8080, "/?a", "http://192.0.2.1:8080/"),
    ],
)  # fmt: skip
def test_urls(text: str, host: str, port: int, target: str, shown: str) -> None:
    """What is written reads as the same; the query may be a secret, and is not shown."""
    url = parse_url(text)
    assert (*url.address, url.target) == (host, port, target)
    assert url.shown == shown
    assert parse_url(str(url)) == url


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no URL: https://HOST[:PORT]/PATH or http://... is wanted"),
        ("logs.test", "is no URL"),
        ("ftp://logs.test", "is no URL"),
        ("HTTPS://logs.test", "is no URL"),
        ("https:///x", "is no URL"),
        ("https://logs.test/#a", "is no URL"),
        ("https://u:p@logs.test/", "has a user: that is for `token_file` or `headers`"),
        ("https://logs.test/a b", "has characters that a URL has as %XX"),
        ("https://logs.test/\r\nX: y", "has characters that a URL has as %XX"),
        ("https://logs.test/\u00e4", "has characters that a URL has as %XX"),
        ("https://logs.test:0/", "has no port from 1 to 65535"),
        ("https://logs test/", "has no IPv4 or IPv6 address"),
        ("https://0.0.0.0/", "has no address that can be sent to"),
        (f"https://logs.test/{'a' * 2048}", "has more than 2048 characters"),
    ],
)
def test_what_is_no_url(text: str, message: str) -> None:
    """The end of a line says why."""
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse_url(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "here"),
    [("http://127.0.0.2/", True), ("http://localhost:1/", True), ("http://[::1]/", True),
     ("http://logs.test/", False), ("http://192.0.2.1/", False),
     ("http://127.logs.test/", False), ("http://localhost.logs.test/", False)],
)  # fmt: skip
def test_what_stays_on_the_host(text: str, here: bool) -> None:
    """By its number, or the name that everyone has."""
    assert parse_url(text).stays_here is here


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [("X-Scope: a b", "X-Scope", "a b"), ("a:1", "a", "1"), ("A: \tb:c", "A", "b:c")],
)
def test_headers(text: str, name: str, value: str) -> None:
    """What is written reads as the same."""
    header = parse_header(text)
    assert tuple(header) == (name, value)
    assert parse_header(str(header)) == header


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X-Scope", "is no header"),
        ("X Scope: a", "is no header"),
        (": a", "is no header"),
        ("A:", "is no header"),
        ("A: b\r\nC: d", "is no header"),
        ("A: \u00e4", "is no header"),
        (f"A: {'b' * 4000}", "is no header"),
        ("Host: x", "cannot be set: Host follows from the request"),
        ("content-length: 1", "cannot be set"),
        ("Transfer-Encoding: chunked", "cannot be set"),
    ],
)
def test_what_is_no_header(text: str, message: str) -> None:
    """Nothing gets into a request by it."""
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse_header(text)
    assert str(caught.value).startswith(message)
