# SPDX-License-Identifier: Apache-2.0
import struct

import pytest
from hypothesis import given, settings

from kflowd.protocols.base import Limits
from kflowd.protocols.dns.message import decode
from kflowd.protocols.dns.names import UnreadableError
from kflowd.protocols.dns.rdata import LAYOUTS, generic_text, rdata_text
from tests.unit.protocols.dns import oracle
from tests.unit.protocols.dns.generate import FORMS, records
from tests.unit.protocols.dns.make import RESPONSE, message, name, question, record

ALL = Limits(text_bytes=1 << 20)


@settings(max_examples=600)
@given(records())
def test_data_are_those_of_dnspython(made: tuple[int, bytes]) -> None:
    """Of each type; where one refuses data, so does the other, or the reason is in a list."""
    kind, data = made
    wire = message(RESPONSE, [question("example.com")], [record("a.example.com", kind, data)])
    known = oracle.read(wire)
    members, _ = decode(wire, ALL, whole=True)
    assert known is not None
    if known.errors:
        shown = "_Exception" not in members
        assert not shown or known.errors[0].startswith(oracle.LENIENT), known.errors
    else:
        assert members["ResourceRecords"] == known.answers
        assert "_Exception" not in members


def test_all_types_that_have_a_text_are_compared() -> None:
    """Those that dnspython has no text for are not."""
    assert set(LAYOUTS) - set(FORMS) == {57, 58, 108, 109, 32768}


def text(kind: int, data: bytes, group: int = 1) -> str:
    """Return the text of data that are a message of their own."""
    return rdata_text(kind, group, data, 0, len(data))


@pytest.mark.parametrize(
    ("kind", "data", "wanted"),
    [
        (1, b"\xc0\0\2\1", "192.0.2.1"),
        (28, bytes.fromhex("20010db8000000000000000000000001"), "2001:db8::1"),
        (5, name("a.example"), "a.example"),
        (6, name("ns.x") + name("root.x") + struct.pack(">5I", 1, 2, 3, 4, 0xFFFFFFFF),
         "ns.x root.x 1 2 3 4 4294967295"),
        (15, b"\0\x0a" + name("mail.x"), "10 mail.x"),
        (16, b"\6v=spf1\4-all", '"v=spf1" "-all"'),
        (33, b"\0\1\0\2\1\xbb" + name("x"), "1 2 443 x"),
        (35, b"\0\1\0\2\1s\7SIP+D2T\0" + name("_sip._tcp.x"), '1 2 "s" "SIP+D2T" "" _sip._tcp.x'),
        (257, b"\x80\5issueca.x", '128 issue "ca.x"'),
        (47, name("b.x") + b"\0\1\x40", "b.x A"),
        (50, b"\1\0\0\x0a\0\5" + bytes(5) + b"\0\1\x40", "1 0 10 - 00000000 A"),
        (108, b"\0\0\x5e\0\x53\x2a", "00-00-5e-00-53-2a"),
        (20, b"\4" + b"1502", '"1502"'),
        (20, b"\4" + b"1502" + b"\1" + b"4", '"1502" "4"'),
        (66, b"\0\x3b\1\x14\xef" + name("x"), "CDS NOTIFY 5359 x"),
        (66, b"\0\x3b\2\x14\xef" + name("x"), "CDS 2 5359 x"),
        (67, b"abcd", "YWJjZA=="),
        (65, b"\0\1\0\0\1\0\3\2h2", '1 . alpn="h2"'),
        (4242, b"\xab\xcd", "\\# 2 abcd"),
        (10, b"", "\\# 0"),
    ],
)  # fmt: skip
def test_data_have_a_text(kind: int, data: bytes, wanted: str) -> None:
    """As zone files have it, names without their last dot, nothing split by blanks."""
    assert text(kind, data) == wanted


@pytest.mark.parametrize(
    ("kind", "data"),
    [(1, b"abc"), (1, b"abcde"), (28, bytes(15)), (5, name("a") + b"x"), (15, b"\0"), (16, b""),
     (33, b"\0\1\0\2\0\3"), (6, name("a") + name("b") + bytes(21))],
)  # fmt: skip
def test_data_of_another_form_are_told(kind: int, data: bytes) -> None:
    """Too short, too long."""
    with pytest.raises(UnreadableError):
        text(kind, data)


def test_an_address_of_chaosnet_is_none_of_the_internet() -> None:
    """Its data are a name and a number."""
    assert text(1, name("x") + b"\0\1", 3) == generic_text(name("x") + b"\0\1")
