# SPDX-License-Identifier: Apache-2.0
import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols import TLS, Message
from kflowd.protocols.base import Conversation
from tests.unit.protocols.tls.make import (
    RX,
    TX,
    UNREADABLE,
    Talked,
    alert,
    client_hello,
    fed,
    offered,
    record,
    server_hello,
    sni,
    talked,
)

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CASES: list[dict[str, Any]] = [
    {"version": V12},
    {"version": V13},
    {"version": V13, "curve": "secp384r1"},
    {"version": V12, "alpn_names": ()},
    {"version": V13, "alpn_names": ()},
    {"version": V13, "alpn_names": tuple(f"protocol-{number}" for number in range(500))},
]


def begun() -> Conversation:
    """Return a decoder for a new connection."""
    return TLS.conversation(joined=False)


def said(messages: list[Message], direction: int) -> list[dict[str, Any]]:
    """Return what one end says, but for fingerprints."""
    return [
        {key: value for key, value in it.members.items() if key != "Ja4"}
        for it in messages
        if it.direction == direction
    ]


def heard(case: Talked, sizes: list[int]) -> tuple[list[Message], Conversation]:
    """Return the messages of a connection that comes in pieces."""
    talk = begun()
    return [it for way, data in case.flights for it in fed(talk, data, sizes, way)], talk


@pytest.mark.parametrize("case", CASES)
@given(sizes=st.lists(st.integers(1, 300), max_size=30))
def test_hellos_are_what_openssl_says_of_them(case: dict[str, Any], sizes: list[int]) -> None:
    """However they are cut; behind them nothing is kept."""
    known = talked(**case)
    messages, talk = heard(known, sizes)
    assert talk.held == 0
    assert talk.end(TX) == talk.end(RX) == []
    client, server = said(messages, TX), said(messages, RX)
    offers: dict[str, Any] = {"Version": "TLS 1.3", "Sni": known.name}
    if names := case.get("alpn_names", ("h2", "http/1.1")):
        offers["Alpn"] = list(names[:128])
    again = 2 if "curve" in case else 1
    assert client == [offers] * again
    for it in messages:
        assert it.notes == (["CUT"] if it.direction == TX and len(names) > 128 else [])
    answer: dict[str, Any] = {"Version": known.version.replace("v", " ")}
    if "." not in answer["Version"]:
        answer["Version"] += ".0"
    if known.alpn and case["version"] == V12:
        answer["Alpn"] = [known.alpn]
    retry = [{"Version": "TLS 1.3", "Retry": True}] if "curve" in case else []
    assert server == [*retry, answer]


def test_behind_both_hellos_nothing_is_looked_at() -> None:
    """Not even where records begin."""
    talk = begun()
    assert len(talk.feed(TX, record(client_hello()), 1)) == 1
    assert len(talk.feed(RX, record(server_hello()), 2)) == 1
    for way in (TX, RX):
        assert talk.feed(way, b"\x16\x03\x01" + bytes(9), 3) == []
        assert talk.gap(way, 100, 4) == []
        assert talk.end(way) == []
    assert talk.held == 0


def test_directions_may_come_in_any_order() -> None:
    """And either may be the client's."""
    talk = begun()
    (server,) = talk.feed(TX, record(server_hello()), 1)
    (client,) = talk.feed(RX, record(client_hello(sni(b"a"))), 2)
    assert (server.direction, client.direction) == (TX, RX)
    assert client.members["Sni"] == "a"


def test_a_server_that_refuses() -> None:
    """The alert is its message."""
    talk = begun()
    talk.feed(TX, record(client_hello(offered(0x0304))), 1)
    assert said(talk.feed(RX, alert(70), 2), RX) == [{"Alert": "protocol_version"}]
    assert talk.feed(TX, alert(0), 3) == []


def test_each_direction_that_is_no_tls_is_told_once() -> None:
    """HTTP on the port: a server of TLS answers with its own words."""
    talk = begun()
    assert said(talk.feed(TX, b"GET / HTTP/1.1\r\n\r\n", 1), TX) == [UNREADABLE]
    assert talk.feed(TX, b"GET / HTTP/1.1\r\n\r\n", 2) == []
    assert said(talk.feed(RX, b"HTTP/1.1 400 Bad Request\r\n\r\n", 3), RX) == [UNREADABLE]
    assert talk.held == 0


def test_a_gap_costs_the_hello_that_it_is_in() -> None:
    """And no other."""
    talk = begun()
    data = record(client_hello(sni(b"kf.example")))
    talk.feed(TX, data[:100], 1)
    (message,) = talk.gap(TX, 5, 2)
    assert message.notes == ["GAP"]
    assert talk.feed(TX, data[105:], 3) == []
    assert said(talk.feed(RX, record(server_hello()), 4), RX) == [{"Version": "TLS 1.2"}]
