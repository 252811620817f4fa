# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols import Limits, Message
from kflowd.protocols.tls.side import Side
from tests.unit.protocols.tls.make import (
    RETRY,
    TX,
    UNREADABLE,
    WARNING,
    alert,
    chosen,
    client_hello,
    extension,
    handshake,
    offered,
    older_client,
    older_server,
    record,
    records,
    server_hello,
    sni,
)

CLIENT = client_hello(sni(b"kf.example"), offered(0x0304))
ASKED = {"Version": "TLS 1.3", "Sni": "kf.example"}
CCS = record(b"\x01", 20)
DATA = record(b"x" * 50, 23)


def side(limits: Limits | None = None, *, joined: bool = False) -> Side:
    """Return a direction of a new connection."""
    return Side(TX, limits or Limits(), joined=joined)


def members(messages: list[Message]) -> list[dict[str, object]]:
    """Return what messages say, but for fingerprints."""
    return [{k: v for k, v in it.members.items() if k != "Ja4"} for it in messages]


@given(st.integers(1, 80), st.lists(st.integers(1, 40), max_size=30))
def test_a_hello_may_be_in_many_records_and_segments(size: int, pieces: list[int]) -> None:
    """It is told when it is complete, with the time of its first byte."""
    of, data, at = side(), records(CLIENT, size), 0
    found: list[Message] = []
    for piece in (*pieces, len(data)):
        assert not found or at >= len(data)
        found += of.feed(data[at : at + piece], at)
        at += piece
    assert members(found) == [ASKED]
    assert (found[0].ts_ns, found[0].notes, found[0].length) == (0, [], 0)
    assert of.held == 0
    assert of.told


def test_what_stands_with_a_hello_in_its_record_is_passed_over() -> None:
    """A certificate behind a ServerHello, and all that comes later."""
    of = side()
    data = record(server_hello() + handshake(11, bytes(3000)) + handshake(14, b""))
    assert members(of.feed(data, 1)) == [{"Version": "TLS 1.2"}]
    assert of.feed(b"anything", 2) == []
    assert of.held == 0


def test_a_request_for_a_hello_is_none() -> None:
    """A server may ask for one first; what it then says has a time of its own."""
    of = side()
    assert of.feed(record(handshake(0, b"")), 1) == []
    (hello,) = of.feed(record(handshake(0, b"") + server_hello()), 2)
    assert (hello.members, hello.ts_ns) == ({"Version": "TLS 1.2"}, 2)
    assert side().feed(record(handshake(0, b"x")), 1)[0].members == UNREADABLE


def test_a_server_that_wants_another_hello_says_two() -> None:
    """What tells old boxes that all is as it was (RFC 8446 D.4) stands between them."""
    of = side()
    found = of.feed(record(server_hello(chosen(0x0304), random=RETRY)), 1)
    assert not of.told
    found += of.feed(CCS, 2)
    found += of.feed(record(server_hello(chosen(0x0304))) + DATA, 3)
    assert members(found) == [{"Version": "TLS 1.3", "Retry": True}, {"Version": "TLS 1.3"}]
    assert [it.ts_ns for it in found] == [1, 3]
    assert of.told


def test_a_client_may_say_hello_again() -> None:
    """Behind early data, too; other records are not looked into."""
    of = side()
    found = of.feed(record(CLIENT) + CCS + DATA + DATA[:9], 1)
    assert of.told
    assert of.held == 0
    found += of.feed(DATA[9:] + record(CLIENT)[:8], 2)
    assert of.held == 3
    found += of.feed(record(CLIENT)[8:] + record(CLIENT), 3)
    assert members(found) == [ASKED] * 2
    assert [it.ts_ns for it in found] == [1, 2]


@pytest.mark.parametrize(
    "data",
    [
        record(handshake(16, b"key")) + record(CLIENT),
        alert(0) + record(handshake(16, b"key")),
        record(b"\x01" + bytes(39)),
        b"no record",
        record(CLIENT[:20]) + DATA,
        record(b"\x01\0\0\x04abcd"),
    ],
)
def test_what_a_client_says_later_is_no_message(data: bytes) -> None:
    """Whatever it looks like: it may be encrypted."""
    of = side()
    assert len(of.feed(record(CLIENT), 1)) == 1
    assert of.feed(data, 2) == []
    assert of.broken("UNFINISHED") == []
    assert of.held == 0


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x80\x2e\x01\x00\x05" + bytes(20),
        DATA,
        CCS,
        record(handshake(11, b"certificate")),
        record(b"\x03\x28", 21),
        record(CLIENT[:9]) + alert(40),
        record(b"\x01\0\0\x04abcd"),
        b"\0",
    ],
)
def test_what_is_not_tls_is_told_once(data: bytes) -> None:
    """And nothing is kept or looked at behind that."""
    for joined, note in ((False, "MALFORMED"), (True, "PARTIAL")):
        of = side(joined=joined)
        (message,) = of.feed(data, 7) + of.feed(record(CLIENT), 8) + of.broken("UNFINISHED")
        assert (message.members, message.ts_ns) == (UNREADABLE, 7)
        assert message.notes in ([note], ["MALFORMED"])
        assert of.told
        assert of.held == 0


def test_a_hello_at_the_beginning_of_what_was_seen_is_read() -> None:
    """Whenever the connection began."""
    assert members(side(joined=True).feed(record(CLIENT), 1)) == [ASKED]


def test_alerts_ahead_of_a_hello() -> None:
    """One that is fatal ends it; behind a warning the hello may come."""
    of = side()
    assert members(of.feed(alert(40)[:6], 1) + of.feed(alert(40)[6:], 2)) == [
        {"Alert": "handshake_failure"}
    ]
    assert of.told
    of = side()
    found = of.feed(alert(112, WARNING) + record(server_hello()), 1)
    assert members(found) == [{"Alert": "unrecognized_name"}, {"Version": "TLS 1.2"}]
    assert members(side().feed(alert(0, WARNING) + record(CLIENT), 1)) == [
        {"Alert": "close_notify"}
    ]
    assert len(side().feed(alert(90, WARNING) * 100, 1)) == 4


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (older_client(), "SSL 2.0"),
        (older_client(0x0300, 32), "SSL 3.0"),
        (older_client(0x0301), "TLS 1.0"),
        (older_server(), "SSL 2.0"),
    ],
)
def test_hellos_in_the_form_of_ssl_2(data: bytes, version: str) -> None:
    """With the version that they offer, byte by byte."""
    of = side()
    found = [it for at in range(len(data)) for it in of.feed(data[at : at + 1], at)]
    assert [(it.members, it.ts_ns) for it in found] == [({"Version": version}, 0)]
    assert of.held == 0


@pytest.mark.parametrize("note", ["GAP", "UNFINISHED"])
def test_of_a_hello_that_breaks_off_what_came_is_told(note: str) -> None:
    """With the length that it has."""
    of, data = side(), record(CLIENT)
    cut = data.index(b"kf.example") + 10
    assert of.feed(data[:cut], 1) == []
    (message,) = of.broken(note)
    assert message.members == {"Version": "TLS 1.2", "Sni": "kf.example"}
    assert (message.notes, message.length) == ([note], len(CLIENT))
    assert (of.told, of.held) == (True, 0)
    for size in (1, 4, 5, 6, 9, 10):
        of = side()
        of.feed(data[:size], 1)
        (message,) = of.broken(note)
        assert (message.members, message.notes) == (UNREADABLE, [note])
        assert of.held == 0


def test_where_nothing_was_said_only_a_gap_is_told() -> None:
    """A port that was probed has no message."""
    assert side().broken("UNFINISHED") == []
    assert members(side().broken("GAP")) == [UNREADABLE]


def test_a_hello_without_end_is_cut() -> None:
    """At the limit; no more is kept, and nothing is looked for behind it."""
    hello = client_hello(sni(b"kf.example"), extension(21, bytes(60000)))
    of = side(Limits(message_bytes=1000))
    found, data, most = [], records(hello, 1200), 0
    for at in range(0, len(data), 100):
        found += of.feed(data[at : at + 100], at)
        most = max(most, of.held)
    assert most <= 1000 + 4
    (message,) = found
    assert (message.members, message.notes) == (
        {"Version": "TLS 1.2", "Sni": "kf.example"}, ["CUT"],
    )  # fmt: skip
    assert message.length == len(hello)


def test_who_never_says_hello_is_left() -> None:
    """Behind twice what is kept of a message."""
    of = side(Limits(message_bytes=1000))
    found = [it for _ in range(3000) for it in of.feed(record(handshake(0, b"")), 1)]
    assert members(found) == [UNREADABLE]


def test_the_cost_is_linear() -> None:
    """Of a hello in records of one byte, and of records behind one."""
    hello = client_hello(extension(21, bytes(60000)))
    began = time.process_time()
    data = records(hello, 1)
    of = side()
    assert sum(len(of.feed(data[at : at + 7], 1)) for at in range(0, len(data), 7)) == 1
    of.feed(record(b"", 23) * 100_000, 1)
    assert time.process_time() - began < 3
