# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols import Limits
from kflowd.protocols.tls.hello import decode, text_of
from tests.unit.protocols.tls.make import (
    GREASE,
    RETRY,
    UNREADABLE,
    alpn,
    chosen,
    client_body,
    extension,
    numbers,
    offered,
    server_body,
    sni,
    vector,
)

LIMITS = Limits()
FULL = client_body(
    extension(GREASE, b""),
    sni(b"www.example.org"),
    extension(13, vector(numbers([0x0403, 0x0804]), 2)),
    alpn(b"\x1a\x1a", b"h2", b"http/1.1"),
    offered(0x8A8A, 0x0304, 0x0303),
)
MEMBERS = {"Version": "TLS 1.3", "Sni": "www.example.org", "Alpn": ["h2", "http/1.1"]}


def client(body: bytes, *, whole: bool = True) -> tuple[dict[str, object], list[str]]:
    """Return the members of a ClientHello without its fingerprint, and its notes."""
    members, notes, _ = decode(body, LIMITS, client=True, whole=whole)
    members.pop("Ja4", None)
    return members, notes


def server(body: bytes) -> tuple[dict[str, object], list[str]]:
    """Return the members of a ServerHello, and its notes."""
    members, notes, _ = decode(body, LIMITS, client=False, whole=True)
    return members, notes


def test_a_client_says_what_it_wants() -> None:
    """What stands for nothing (RFC 8701) is left out; the order of members is that of the docs."""
    members, notes, retry = decode(FULL, LIMITS, client=True, whole=True)
    assert (notes, retry) == ([], False)
    assert members.pop("Ja4").startswith("t13d0204")
    assert list(members.items()) == list(MEMBERS.items())


@pytest.mark.parametrize(
    ("body", "members"),
    [
        (client_body(), {"Version": "TLS 1.2"}),
        (client_body(version=0x0300), {"Version": "SSL 3.0"}),
        (client_body(version=0x0305), {"Version": "0x0305"}),
        (client_body(offered(0x8A8A)), {"Version": "TLS 1.2"}),
        (client_body(offered(0x0304, 0x7F1C)), {"Version": "TLS 1.3"}),
        (client_body(offered(0x7F1C, 0x7F17)), {"Version": "TLS 1.3 draft 28"}),
        (client_body(sni(b"")), {"Version": "TLS 1.2", "Sni": ""}),
        (client_body(sni(b"a\0\n\\\xff b")),
         {"Version": "TLS 1.2", "Sni": r"a\000\010\092\255\032b"}),
        (client_body(sni(b"x", 7)), {"Version": "TLS 1.2"}),
        (client_body(sni(b"outer.example"), extension(0xFE0D, b"\0" * 40)),
         {"Version": "TLS 1.2", "Sni": "outer.example", "Ech": True}),
    ],
)  # fmt: skip
def test_clients(body: bytes, members: dict[str, object]) -> None:
    """Old ones, those with odd names, those that hide them."""
    assert client(body) == (members, [])


@pytest.mark.parametrize(
    ("body", "members"),
    [
        (server_body(), {"Version": "TLS 1.2"}),
        (server_body(version=0x0301), {"Version": "TLS 1.0"}),
        (server_body(chosen(0x0304)), {"Version": "TLS 1.3"}),
        (server_body(alpn(b"h2"), extension(0, b"")), {"Version": "TLS 1.2", "Alpn": ["h2"]}),
        (server_body(chosen(0x0304), random=RETRY), {"Version": "TLS 1.3", "Retry": True}),
    ],
)
def test_servers(body: bytes, members: dict[str, object]) -> None:
    """They say what they have chosen; that they have a name of the client's is no name."""
    assert server(body) == (members, [])
    assert decode(body, LIMITS, client=False, whole=True).retry == ("Retry" in members)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (client_body()[:40], "early end of hello"),
        (FULL[:-1], "early end of extensions"),
        (client_body(b"\0\x10\0\x09ab"), "early end of extensions"),
        (client_body(b"\0"), "early end of extensions"),
        (client_body(extension(16, b"\0\x03\x02h")), "early end of ALPN"),
        (client_body(extension(0, b"\0")), "early end of server name"),
        (client_body(extension(43, b"\x03\x03\x04\x03")), "half a number in supported versions"),
        (client_body(extension(13, b"\0\x04\0\0")), "early end of signature algorithms"),
        (client_body(sni(b"a"), sni(b"b")), "extension 0 is there twice"),
        (client_body(extension(7, b""), extension(7, b"")), "extension 7 is there twice"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_right(body: bytes, wrong: str) -> None:
    """What could be read is there; a fingerprint of less than all is none."""
    members, notes, _ = decode(body, LIMITS, client=True, whole=True)
    assert members["_Exception"] == f"TLS Message Decoder: {wrong}"
    assert members["Version"] in ("TLS 1.2", "TLS 1.3")
    assert "Ja4" not in members
    assert notes == ["MALFORMED"]


def test_the_first_of_two_names_counts() -> None:
    """As for who stops at the first."""
    members, _ = client(client_body(sni(b"a"), sni(b"b"), alpn(b"h2")))
    assert (members["Sni"], members["Alpn"]) == ("a", ["h2"])


def test_bytes_behind_a_hello_are_noted() -> None:
    """They belong to nothing."""
    assert client(FULL + b"more") == (MEMBERS, ["TRAILING"])


@pytest.mark.parametrize("body", [b"", b"\x03", b"\x02\x03" + bytes(60), b"GET / HTTP/1.1\r\n"])
def test_what_is_no_hello_is_told(body: bytes) -> None:
    """By its version."""
    assert client(body) == (UNREADABLE, ["MALFORMED"])
    assert server(body) == (UNREADABLE, ["MALFORMED"])


@given(st.integers(0, len(FULL)))
def test_of_one_that_is_cut_all_that_came_is_read(size: int) -> None:
    """That it ends early is no fault of its own."""
    members, notes = client(FULL[:size], whole=False)
    assert notes == []
    assert members.items() <= (MEMBERS | {"Version": "TLS 1.2"}).items() or members in (
        UNREADABLE,
        MEMBERS,
    )
    assert ("Sni" in members) == (size >= FULL.index(b"www.example.org") + 15)


def test_lists_and_names_are_cut() -> None:
    """At the limits, noted."""
    many = [b"%d" % number for number in range(1000)]
    members, notes = client(client_body(alpn(*many), sni(b"x" * 5000)))
    assert members["Alpn"] == [str(number) for number in range(128)]
    assert members["Sni"] == "x" * 1024
    assert notes == ["CUT"]


@given(st.binary(max_size=300))
def test_names_are_ascii(name: bytes) -> None:
    """And say what they were."""
    text = text_of(name)
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    back = bytearray()
    at = 0
    while at < len(text):
        back.append(int(text[at + 1 : at + 4]) if text[at] == "\\" else ord(text[at]))
        at += 4 if text[at] == "\\" else 1
    assert bytes(back) == name


@given(st.binary(max_size=400), st.booleans(), st.booleans())
def test_no_bytes_are_too_strange(tail: bytes, client: bool, whole: bool) -> None:
    """Something is said of all of them."""
    for body in (tail, FULL[:35] + tail, FULL[:76] + tail):
        assert decode(body, LIMITS, client=client, whole=whole).members


def test_the_cost_is_linear() -> None:
    """Of as many extensions, protocols and ciphers as 64 KiB have."""
    hostile = [
        client_body(*(extension(number % 65536, b"") for number in range(15000))),
        client_body(alpn(*[b"x"] * 30000)),
        client_body(extension(0, vector(b"\x01\0\0" * 20000, 2))),
        client_body(ciphers=range(30000)),
    ]
    began = time.process_time()
    for body in hostile:
        client(body)
    assert time.process_time() - began < 1
