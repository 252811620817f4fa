# SPDX-License-Identifier: Apache-2.0
import json
import struct
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kflowd.protocols.base import Limits
from kflowd.protocols.dns.message import decode, plausible
from tests.unit.protocols.dns import oracle
from tests.unit.protocols.dns.generate import LABELS, records
from tests.unit.protocols.dns.make import (
    ANY,
    CNAME,
    HTTPS,
    IN,
    MX,
    NONE,
    OPT,
    QUERY,
    RESPONSE,
    RRSIG,
    SOA,
    TXT,
    message,
    name,
    pointer,
    question,
    record,
)
from tests.unit.protocols.dns.oracle import ALL, differs

LIMITS = Limits()
UPDATE = 5 << 11
NO_MESSAGE = {"_Exception": "DNS Message Decoder"}
AT_NAME = pointer(12)


def of(
    data: bytes, limits: Limits = LIMITS, *, whole: bool = True
) -> tuple[dict[str, Any], list[str]]:
    """Return members and notes."""
    return decode(data, limits, whole=whole)


def complaint(data: bytes) -> str:
    """Return what is said of a message that is malformed."""
    members, notes = of(data)
    assert notes == ["MALFORMED"]
    assert list(members)[-1] == "_Exception"
    text = members["_Exception"]
    assert isinstance(text, str)
    return text.removeprefix("DNS Message Decoder: ")


def test_messages_of_the_sample_record() -> None:
    """Byte for byte, in order."""
    sent, _ = of(message(QUERY, [question("kflow.co")], ident=56864))
    answers = [
        record(AT_NAME, data=bytes(it), ttl=600) for it in ((15, 197, 142, 173), (3, 33, 152, 147))
    ]
    came, notes = of(message(RESPONSE, [question("kflow.co")], answers, ident=56864))
    empty, _ = of(message(RESPONSE, [question("kflow.co", 28)], ident=52515))
    assert json.dumps(sent) == (
        '{"TransactionId": 56864, "OpCode": "QUERY", "Flags": ["RD"], '
        '"ResourceRecords": [["A", "kflow.co"]]}'
    )
    assert json.dumps(came) == (
        '{"TransactionId": 56864, "ResponseCode": "NOERROR", "Flags": ["QR", "RD", "RA"], '
        '"AnswerCount": 2, "ResourceRecords": [["A", "kflow.co", 600, "IN", "15.197.142.173"], '
        '["A", "kflow.co", 600, "IN", "3.33.152.147"]]}'
    )
    assert empty["AnswerCount"] == 0
    assert empty["ResourceRecords"] == []
    assert notes == []


def test_all_questions_and_all_answers_are_shown() -> None:
    """In the order of the message."""
    kinds = [1, 28, HTTPS, 4242]
    sent, _ = of(message(QUERY, [question("a.example", it) for it in kinds]))
    assert sent["ResourceRecords"] == [
        [it, "a.example"] for it in ("A", "AAAA", "HTTPS", "TYPE4242")
    ]
    chain = [
        record(AT_NAME, CNAME, name("b.example"), 60),
        record("b.example", MX, b"\0\5" + AT_NAME, 60),
        record("b.example", 4242, b"\1\2", 60, 4242),
    ]
    came, _ = of(message(RESPONSE, [question("a.example")], chain))
    assert came["ResourceRecords"] == [
        ["CNAME", "a.example", 60, "IN", "b.example"],
        ["MX", "b.example", 60, "IN", "5 a.example"],
        ["TYPE4242", "b.example", 60, "CLASS4242", "\\# 2 0102"],
    ]


@pytest.mark.parametrize(
    ("bits", "member", "value"),
    [(code << 11, "OpCode", text) for code, text in
     enumerate(["QUERY", "IQUERY", "STATUS", "OPCODE3", "NOTIFY", "UPDATE", "DSO", "OPCODE7"])]
    + [(0x8000 | code, "ResponseCode", text) for code, text in
       enumerate(["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"])]
    + [(0x8000 | 15, "ResponseCode", "RCODE15")],
)  # fmt: skip
def test_operations_and_responses_have_names(bits: int, member: str, value: str) -> None:
    """Those without one have their number."""
    assert of(message(bits, [question("x")]))[0][member] == value


def test_flags_are_five_and_in_their_order() -> None:
    """AD and CD are no part of a record."""
    assert of(message(0xFFB0, [question("x")]))[0]["Flags"] == ["QR", "AA", "TC", "RD", "RA"]
    assert of(message(0x0030, [question("x")]))[0]["Flags"] == []


def test_edns_extends_the_response_code() -> None:
    """Its OPT is no answer, and its options are not shown."""
    opt = record("", OPT, struct.pack(">HH", 10, 8) + bytes(8), 1 << 24, 1232)
    members, notes = of(message(RESPONSE, [question("x")], additional=[opt]))
    assert (members["ResponseCode"], members["ResourceRecords"], notes) == ("BADVERS", [], [])
    cookie = record("", OPT, b"", 1 << 24 | 0x8000, 1232)
    assert (
        of(message(RESPONSE | 7, [question("x")], additional=[cookie]))[0]["ResponseCode"]
        == "BADCOOKIE"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (b"\0\x0a\0", "EDNS option ends early"),
        (b"\0\x0a\0\x09" + bytes(8), "EDNS option 10 is longer than the data"),
        (b"\0\x08\0\x04\0\3\x18\0", "EDNS client subnet is none"),  # no such family
        (b"\0\x08\0\x06\0\1\x18\0\xc0\0", "EDNS client subnet is none"),  # three bytes, two there
        (b"\0\x08\0\x09\0\1\x21\0\xc0\0\2\1\1", "EDNS client subnet is none"),  # 33 bits
        (b"\0\x08\0\x02\0\1", "EDNS client subnet is none"),
    ],
)
def test_bad_options_of_edns_are_told(options: bytes, text: str) -> None:
    """Behind all that the message has beside them."""
    opt = record("", OPT, options, 0, 1232)
    data = message(RESPONSE, [question("x")], [record(AT_NAME)], additional=[opt])
    assert complaint(data) == f"additional 1 of 1: {text}"
    assert of(data)[0]["ResourceRecords"] == [["A", "x", 300, "IN", "192.0.2.1"]]
    good = record("", OPT, b"\0\x08\0\x07\0\1\x18\0\xc0\0\2" + b"\0\x08\0\0", 0, 1232)
    assert of(message(QUERY, [question("x")], additional=[good]))[1] == []
    twice = message(QUERY, [question("x")], additional=[good, good])
    assert complaint(twice) == "additional 2 of 2: a second OPT"


def test_an_update_with_tsig_is_read() -> None:
    """Zone in the query; the prerequisite in the answer: no data, of class NONE."""
    prerequisite = record("host.example", CNAME, b"", 0, NONE)
    changes = [
        record("host.example", 28, b"", 0, ANY),
        record("host.example", 1, b"", 0, ANY),
        record("host.example", ttl=1200),
    ]
    tsig = record(
        "key.example",
        250,
        name("gss-tsig") + bytes(6) + b"\x8c\xa0\0\4abcd\x12\x34\0\0\0\0",
        0,
        ANY,
    )
    parts = ([question("example", SOA)], [prerequisite], changes, [tsig])
    sent, notes = of(message(UPDATE, *parts))
    assert (sent["OpCode"], sent["ResourceRecords"], notes) == ("UPDATE", [["SOA", "example"]], [])
    came, notes = of(message(0x8005 | UPDATE, *parts))
    assert came["ResponseCode"] == "REFUSED"
    assert came["ResourceRecords"] == [["CNAME", "host.example", 0, "NONE", ""]]
    assert notes == []


def test_multicast_dns_and_llmnr_have_the_same_form() -> None:
    """The top bit of the class is theirs; names in data may be compressed."""
    pointed = record("_http._tcp.local", 12, b"\7printer" + AT_NAME, 120, 0x8001)
    members, notes = of(
        message(0x8400, [], [record("_http._tcp.local", 12, b"\3a b" + AT_NAME), pointed], ident=0)
    )
    assert members["ResourceRecords"] == [
        ["PTR", "_http._tcp.local", 300, "IN", r"a\032b._http._tcp.local"],
        ["PTR", "_http._tcp.local", 120, "IN", "printer._http._tcp.local"],
    ]
    assert notes == []
    asked, notes = of(
        message(0, [question("host.local", 1, 0x8001), question("host", 255)], ident=0)
    )
    assert asked["ResourceRecords"] == [["A", "host.local"], ["ANY", "host"]]
    assert notes == []


def test_dns_stateful_operations_have_no_records() -> None:
    """What is behind the header is theirs."""
    members, notes = of(message(6 << 11, additional=[b"\0\1\0\4\0\0\x3a\x98"], counts=(0, 0, 0, 0)))
    assert (members["OpCode"], members["ResourceRecords"], notes) == ("DSO", [], [])


@pytest.mark.parametrize(
    ("data", "text", "shown"),
    [
        (message(QUERY, [question("a"), question("b")], counts=(65535, 0, 0, 0)),
         "question 3 of 65535: name ends early", [["A", "a"], ["A", "b"]]),
        (message(RESPONSE, [question("a")], [record(AT_NAME)] * 2, counts=(1, 236, 1, 2)),
         "answer 3 of 236: name ends early", [["A", "a", 300, "IN", "192.0.2.1"]] * 2),
        (message(RESPONSE, [question("a")], [record(AT_NAME)], [b"\0\0\1"], counts=(1, 1, 1, 0)),
         "authority 1 of 1: ends early", [["A", "a", 300, "IN", "192.0.2.1"]]),
        (message(RESPONSE, [question("a")], [record(AT_NAME, data=bytes(9))[:-1]]),
         "answer 1 of 1: data end early", []),
        (message(0, [question(AT_NAME)]),
         "question 1 of 1: pointer does not go back to a name", []),
        (message(RESPONSE, [question("a"), name("b")], [record(AT_NAME)], counts=(2, 1, 0, 0)),
         "question 2 of 2: name has more than 255 bytes", []),
        # a record whose data are not of its type: as they are, and what follows is read
        (message(RESPONSE, [question("a")], [record(AT_NAME, data=b"abc"), record(AT_NAME)]),
         "answer 1 of 2: address has not 4 bytes",
         [["A", "a", 300, "IN", "\\# 3 616263"], ["A", "a", 300, "IN", "192.0.2.1"]]),
        (message(RESPONSE, [question("a")], [record(AT_NAME, HTTPS, b"\0\1\0\0\1\0\5\2h2")]),
         "answer 1 of 1: parameter alpn is longer than the data",
         [["HTTPS", "a", 300, "IN", "\\# 10 00010000010005026832"]]),
    ],
)  # fmt: skip
def test_what_can_be_read_is_shown_and_the_rest_is_told(
    data: bytes, text: str, shown: list[list[Any]]
) -> None:
    """Counts that the bytes do not support, names that are none, data of another form."""
    if "255" in text:
        data = data[: data.index(b"\1b\0")] + (b"\x22" + b"A" * 34) * 8
    assert complaint(data) == text
    assert of(data)[0]["ResourceRecords"] == shown


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", message(QUERY)[:11], b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(60, 120)), b"\xff" * 64],
)  # fmt: skip
def test_what_is_no_message_is_told(data: bytes) -> None:
    """No member of it is made up."""
    assert of(data) == (NO_MESSAGE, ["MALFORMED"])
    assert of(b"", whole=False) == (NO_MESSAGE, [])


def test_trailing_bytes_are_noted() -> None:
    """The message is whole."""
    data = message(QUERY, [question("a")])
    assert of(data + b"\0") == (of(data)[0], ["TRAILING"])


def test_a_part_of_a_message_is_no_malformed_one() -> None:
    """What is there of it is shown, wherever it ends."""
    data = message(RESPONSE, [question("a")], [record(AT_NAME), record(AT_NAME, TXT, b"\3abc")])
    for end in range(12, len(data)):
        members, notes = of(data[:end], whole=False)
        assert notes == []
        assert members["AnswerCount"] == 2
        assert len(members["ResourceRecords"]) == (end >= 35)
    # but an entry that is wrong, and not short, is
    wrong = message(RESPONSE, [question("a")], [record(AT_NAME, data=b"abc"), record(AT_NAME)])
    assert of(wrong[:-3], whole=False)[1] == ["MALFORMED"]


def test_lists_and_values_are_cut() -> None:
    """Beyond the limits; the count is that of the header."""
    limits = Limits(items=3, text_bytes=20)
    data = message(RESPONSE, [question("a")], [record(AT_NAME)] * 5)
    members, notes = of(data, limits)
    assert (members["AnswerCount"], len(members["ResourceRecords"]), notes) == (5, 3, ["CUT"])
    asked, notes = of(message(QUERY, [question("a")] * 5), limits)
    assert (len(asked["ResourceRecords"]), notes) == (3, ["CUT"])
    long = message(RESPONSE, [question("a")], [record(AT_NAME, TXT, b"\x1e" + b"a" * 30)])
    members, notes = of(long, limits)
    assert (members["ResourceRecords"][0][4], notes) == ('"' + "a" * 19, ["CUT"])


def test_plausible_flags() -> None:
    """An operation that there is, nothing reserved, no response code of a query."""
    assert plausible(QUERY)
    assert plausible(0x8003)
    assert not plausible(3)
    assert not plausible(0x40)
    assert not plausible(7 << 11)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Return a message with answers of many kinds."""
    labels = draw(st.lists(LABELS.filter(lambda it: len(it) < 30), min_size=1, max_size=5))
    asked = b"".join(bytes([len(it)]) + it for it in labels) + b"\0"
    answers = [
        record(draw(st.sampled_from([AT_NAME, name("x.example"), name("")])), *each)
        for each in draw(st.lists(records(), max_size=4))
    ]
    edns = [record("", OPT, b"", draw(st.integers(0, 255)) << 24, 1232)] * draw(st.integers(0, 1))
    flags = draw(st.sampled_from([QUERY, RESPONSE, 0x8583]))
    return message(flags, [question(asked)], answers, additional=edns)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return one of which some bytes are others, or that ends early."""
    data = bytearray(draw(responses()))
    for at in draw(st.lists(st.integers(0, len(data) - 1), max_size=4)):
        data[at] = draw(st.integers(0, 255) | st.sampled_from([0, 1, 0xC0, 12]))
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))])


@settings(max_examples=500)
@given(damaged() | responses())
def test_messages_are_those_of_dnspython(data: bytes) -> None:
    """What it reads without an error is the same here, and without a complaint."""
    known = oracle.read(data)
    members, notes = of(data, ALL)
    json.dumps(members)
    if known is None or known.errors or differs(data):
        return
    if data[2] & 0x80:
        assert members["ResourceRecords"] == known.answers
        assert members["ResponseCode"] == known.rcode
    else:
        assert members["ResourceRecords"] == known.questions
    assert "MALFORMED" not in notes


@pytest.mark.parametrize(
    "kind",
    ["pointers", "names", "labels", "texts", "questions", "records", "options", "bitmap", "params"],
)
def test_cost_is_linear_on_hostile_messages(kind: str) -> None:
    """Four times the bytes take no more than about four times as long."""
    costs = {}
    for size in (15000, 60000):
        data = hostile(kind, size)
        assert len(data) <= 65535
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            of(data)
            best = min(best, time.process_time() - began)
        costs[size] = best
    assert costs[60000] < max(0.02, 10 * costs[15000]), costs
    assert costs[60000] < 0.5


def hostile(kind: str, size: int) -> bytes:
    """Return a message that is made to be slow."""
    long = b"".join(b"\1a" for _ in range(126)) + b"\0"
    chain = [record(pointer(12) if not at else pointer(12 + len(long) + 4 + 16 * (at - 1)), MX)
             for at in range(size // 16)]  # fmt: skip
    windows = b"".join(bytes([it, 32]) + b"\xff" * 32 for it in range(256))
    parts: dict[str, list[bytes]] = {
        "pointers": chain,
        "names": [record(AT_NAME, CNAME, AT_NAME, 1)] * (size // 14),
        "labels": [record(long, CNAME, long, 1)] * (size // 520),
        "texts": [record(AT_NAME, TXT, b"\0" * (size - 300))],
        "questions": [],
        "records": [record("", 4242, b"")] * (size // 11),
        "options": [record("", OPT, b"\0\1\0\0" * (size // 4 - 100))],
        "bitmap": [record(AT_NAME, 47, b"\0" + windows)] * (size // 9000),
        "params": [record(AT_NAME, HTTPS, b"\0\1\0" + b"".join(struct.pack(">HH", it, 0)
                   for it in range(11, size // 4 - 100)))],
    }  # fmt: skip
    if kind == "questions":
        return message(QUERY, [question(AT_NAME if at else long) for at in range(size // 7)])
    if kind == "options":
        return message(RESPONSE, [question(long)], additional=parts[kind])
    return message(RESPONSE, [question(long, RRSIG, IN)], parts[kind])
