# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols.base import Limits, Message
from kflowd.protocols.http.frames import CONTINUATION, END_HEADERS, HEADERS, RESET
from tests.unit.protocols.http.frames_made import (
    ANSWER,
    ASK,
    PREFACE,
    SETTINGS,
    Pairs,
    Sender,
    data,
    frame,
)
from tests.unit.protocols.http.talk import GET, RX, TX, UNREADABLE, Step, talk

ASKED = {
    "_Method": "GET", "_Url": "/x", "_Version": "HTTP/2", ":scheme": "http",
    ":authority": "a.example", "user-agent": "test",
}  # fmt: skip
ANSWERED = {"_Version": "HTTP/2", "_Status": 200, "content-type": "text/plain", "_Body": "text"}


def spoken(client: bytes, server: bytes = b"", limits: Limits | None = None) -> list[Message]:
    """Return the messages of a connection with prior knowledge."""
    steps: list[Step] = [(TX, PREFACE + SETTINGS + client), (RX, SETTINGS + server)]
    return talk(*steps, limits=limits)


@pytest.mark.parametrize("size", [1, 3, 50, 1000])
def test_prior_knowledge(size: int) -> None:
    """Method, path, status, headers and text bodies are shown, in any pieces, in any order."""
    client = PREFACE + SETTINGS + Sender().headers(ASK)
    answer = Sender()
    server = SETTINGS + answer.headers(ANSWER, ends=False, parts=3) + data(b"te", ends=False)
    server += data(b"xt", ends=False) + answer.headers([("x-sum", "1")])
    steps = [(TX, client[at : at + size]) for at in range(0, len(client), size)]
    steps += [(RX, server[at : at + size]) for at in range(0, len(server), size)]
    for order in (1, -1):
        messages = talk(*steps[::1]) if order == 1 else talk(*sorted(steps, key=lambda it: -it[0]))
        members = {it.direction: list(it.members.items()) for it in messages}
        wanted = dict(ANSWERED)
        wanted["x-sum"] = "1"
        wanted["_Body"] = wanted.pop("_Body")
        assert members == {TX: list(ASKED.items()), RX: list(wanted.items())}
        assert not any(it.notes or it.length for it in messages)


TARGET = "space in the request target; control or non-ASCII character in the request target"


def test_upgrade_from_http_1() -> None:
    """The response to the request that asked for it is in HTTP/2 (a capture of scapy is this)."""
    answer = Sender()
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    messages = talk(
        (TX, GET[:-2] + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"),
        (RX, switch + SETTINGS),
        (TX, PREFACE),
        (TX, SETTINGS),
        (RX, answer.headers(ANSWER, ends=False) + data(b"text")),
        (TX, Sender().headers(ASK, 3)),
        (RX, answer.headers([(":status", "404")], 3)),
    )
    assert [it.ts_ns for it in messages] == [1, 2, 5, 6, 7]
    assert [it.members for it in messages[2:]] == [
        ANSWERED, ASKED, {"_Version": "HTTP/2", "_Status": 404},
    ]  # fmt: skip


def test_an_answer_in_http_1() -> None:
    """A server that knows no HTTP/2 says so as it can."""
    refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    (message,) = talk((TX, PREFACE + SETTINGS), (RX, refused))
    assert message.members["_Status"] == 400


def test_streams_are_read_at_the_same_time() -> None:
    """Each ends by itself; an interim response is a message of its own."""
    sender = Sender()
    said = sender.headers(ANSWER, 1, ends=False) + sender.headers(
        [(":status", "103")], 3, ends=False
    )
    said += sender.headers(ANSWER, 3, ends=False) + data(b"three", 3) + data(b"one", 1)
    shown = [(it.members["_Status"], it.members.get("_Body")) for it in spoken(b"", said)]
    assert shown == [(103, None), (200, "three"), (200, "one")]


def test_a_stream_that_is_reset_is_unfinished() -> None:
    """So is one that the connection ends in."""
    sender = Sender()
    said = sender.headers(ANSWER, 1, ends=False) + frame(RESET, b"\x00" * 4, stream=1)
    said += sender.headers(ANSWER, 3, ends=False)
    assert [it.notes for it in spoken(b"", said)] == [["UNFINISHED"]] * 2


def test_names_cannot_be_forged() -> None:
    """What is no pseudo-header of HTTP/2 gets a colon, as in HTTP/1."""
    pairs = [*ASK, ("_Method", "x"), (":_Method", "y"), ("a: b\r\n_Body", "z")]
    (message,) = spoken(Sender().headers(pairs))
    exception = message.members.pop("_Exception")
    assert exception == "upper-case letter in a header name; unexpected pseudo-header"
    assert message.members == ASKED | {":_Method": "x", "::_Method": "y", "a: b\r\n_Body": "z"}


@pytest.mark.parametrize(
    ("pairs", "members", "exception"),
    [
        (ASK[:3], {"_Url": None}, "pseudo-header is missing"),
        (ASK[1:], {"_Method": None}, "pseudo-header is missing"),
        ([ASK[0], ASK[2], ASK[3]], {":scheme": None}, "pseudo-header is missing"),
        ([*ASK[:4], (":path", "/y")], {"_Url": "/x", "::path": "/y"}, "unexpected pseudo-header"),
        ([*ASK, (":path", "/y")], {"_Url": "/x", "::path": "/y"}, "unexpected pseudo-header"),
        ([*ASK, (":status", "200")], {"::status": "200"}, "unexpected pseudo-header"),
        ([*ASK, (":Path", "/y")], {"_Url": "/x", "::Path": "/y"}, "unexpected pseudo-header"),
        ([*ASK, ("X-A", "1")], {"X-A": "1"}, "upper-case letter in a header name"),
        ([*ASK, ("x a", "1")], {"x a": "1"}, "header name is no token"),
        ([*ASK, ("x\r\na", "1")], {"x\r\na": "1"}, "header name is no token"),
        ([*ASK, ("", "1")], {":": "1"}, "header name is no token"),
        ([*ASK, ("<unknown>", "1")], {"<unknown>": "1"}, "header name is no token"),
        ([*ASK, ("x", "a\r\nb: c")], {"x": "a\r\nb: c"}, "control character in a header"),
        ([*ASK, ("x", "a\x00")], {"x": "a\x00"}, "control character in a header"),
        ([*ASK, ("x", "a ")], {"x": "a "}, "white space around a header"),
        ([*ASK, ("connection", "close")], {"connection": "close"}, "header of a connection"),
        ([*ASK, ("te", "gzip")], {"te": "gzip"}, "header of a connection"),
        ([*ASK[:3], (":path", "")], {"_Url": ""}, "request without target"),
        ([*ASK[:3], (":path", "/ \r\nx")], {"_Url": "/ \r\nx"}, TARGET),
        ([(":method", "G T"), *ASK[1:]], {"_Method": "G T"}, "method is no token"),
        ([(":method", "CONNECT"), ASK[2]], {"_Url": "a.example"}, None),
        ([(":method", "CONNECT")], {"_Url": None}, "pseudo-header is missing"),
        ([*ASK, ("te", "trailers"), ("x", "a\tb")], {"x": "a\tb"}, None),
        ([("a", "1")], {"_Method": None, "a": "1"}, "pseudo-header is missing"),
        ([], {"_Method": None, "_Url": None}, "pseudo-header is missing"),
    ],
)
def test_what_a_strict_peer_refuses_is_told(
    pairs: Pairs, members: dict[str, str | None], exception: str | None
) -> None:
    """A pseudo-header that has no place cannot stand for another; what is not there is absent."""
    (message,) = spoken(frame(HEADERS, Sender().block(pairs), flags=5, stream=1))
    assert {name: message.members.get(name) for name in members} == members
    assert message.members.get("_Exception") == exception
    assert message.notes == ([] if exception is None else ["MALFORMED"])


@pytest.mark.parametrize(
    ("status", "shown"), [("007", "007"), ("20", "20"), ("2000", "2000"), ("abc", "abc"), ("", "")]
)
def test_a_status_that_is_none_is_shown_as_text(status: str, shown: str) -> None:
    """And told; one that is not there is absent."""
    (message,) = spoken(b"", Sender().headers([(":status", status)]))
    assert message.members["_Status"] == shown
    assert message.members["_Exception"] == "malformed status line"
    (message,) = spoken(b"", Sender().headers([("a", "1")]))
    assert message.members == {
        "_Version": "HTTP/2", "a": "1", "_Exception": "pseudo-header is missing",
    }  # fmt: skip


def test_trailers_are_part_of_their_message() -> None:
    """Also if there are none in them; those of a message that was put out are no other message."""
    sender = Sender()
    said = sender.headers(ANSWER, ends=False) + data(b"text", ends=False)
    said += sender.headers([("x-sum", "1")]) + sender.headers([("x-sum", "2")])
    said += sender.headers(ANSWER, 3, ends=False) + frame(HEADERS, b"", flags=5, stream=3)
    first, second = spoken(b"", said)
    assert (first.members["x-sum"], first.notes) == ("1", [])
    assert (second.members["_Status"], second.notes) == (200, [])


def test_a_malformed_block_is_told() -> None:
    """What it was is unknown, and so is what later blocks take from the table."""
    sender = Sender()
    said = sender.headers(ASK)
    said += frame(HEADERS, b"\x80", flags=5, stream=3) + sender.headers(ASK, 5)
    first, second, third = spoken(said)
    assert first.members == ASKED
    assert second.members["_Method"] == "<unknown>"
    assert second.members["_Exception"] == "malformed header block"
    assert second.notes == ["MALFORMED"]
    assert (third.members["_Method"], third.members[":scheme"]) == ("GET", "http")
    assert third.members["_Url"] == "<unknown>"
    assert third.members["<unknown>"] == "<unknown>, <unknown>, <unknown>"


def test_a_block_above_the_limit_is_cut() -> None:
    """It is not kept; the message says so, with its true length."""
    block = frame(HEADERS, b"\x82" * 400, stream=1)
    block += frame(CONTINUATION, b"\x82" * 400, flags=END_HEADERS, stream=1)
    (message,) = spoken(block, limits=Limits(message_bytes=700))
    assert message.members["_Method"] == "<unknown>"
    assert set(message.notes) == {"CUT", "UNFINISHED"}
    assert message.length == len(block)


def test_open_streams_are_bounded() -> None:
    """Above a number the oldest is put out as it is."""
    sender = Sender()
    said = b"".join(sender.headers(ANSWER, number, ends=False) for number in range(1, 999, 2))
    messages = spoken(b"", said)
    assert len(messages) == 499
    assert [it.notes for it in messages[:435]] == [["CUT"]] * 435
    large = [(":status", "200"), *((f"x-{number}", "v" * 90) for number in range(90))]
    said = b"".join(sender.headers(large, number, ends=False) for number in range(1, 99, 2))
    assert sum("CUT" in it.notes for it in spoken(b"", said)) >= 40


def test_a_gap() -> None:
    """Inside of data it is stepped over; else nothing is read behind it."""
    sender = Sender()
    said = SETTINGS + sender.headers(ANSWER, ends=False) + data(b"a" * 20)
    after = sender.headers(ANSWER, 3, ends=False) + data(b"text", 3)
    first, second = talk((TX, PREFACE), (RX, said[:-10]), (RX, 10), (RX, after))
    assert (first.members["_Body"], first.notes) == ("a" * 10, ["GAP"])
    assert second.members == ANSWERED
    first, second = talk(
        (TX, PREFACE), (RX, said[:-10]), (RX, 11), (RX, after[1:]), (RX, SETTINGS + after)
    )
    assert first.notes == ["GAP"]
    unknown = "<unknown>"
    assert second.members == {
        "_Version": "HTTP/2", "_Status": 200, unknown: unknown, "_Body": "text",
    }  # fmt: skip
    assert second.notes == ["GAP"]


PING = frame(6, b"12345678")


def test_joined_late() -> None:
    """What a late table has is exact, the rest is unknown for good."""
    client, server = Sender(), Sender()
    client.headers(ASK)
    server.headers(ANSWER)
    paths = [[*ASK[:3], (":path", path), ("x-new", "1")] for path in ("/new", "/new", "/x")]
    messages = talk(
        (TX, b"xx\nx"),
        (TX, PING + client.headers(paths[0], 3)),
        (TX, client.headers(paths[1], 5) + client.headers(paths[2], 7)),
        (RX, server.headers([*ANSWER, ("x-own", "2")], 3)),
        joined=True,
    )
    unknown = "<unknown>"
    fixed = {"_Version": "HTTP/2", ":scheme": "http"}
    asked = {"_Method": "GET", "_Url": "/new"} | fixed | {unknown: unknown, "x-new": "1"}
    assert [(it.members, it.notes) for it in messages] == [
        (UNREADABLE, ["PARTIAL"]),
        (asked, []),
        (asked, []),
        (asked | {"_Url": unknown, unknown: f"{unknown}, {unknown}"}, []),
        ({"_Version": "HTTP/2", "_Status": 200, unknown: unknown, "x-own": "2"}, []),
    ]
