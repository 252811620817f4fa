# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols.base import Limits
from kflowd.protocols.http.fields import Fields, clip


def fields(*lines: str, limits: Limits | None = None) -> Fields:
    """Return header lines as they are read."""
    made = Fields(limits or Limits())
    made.add(lines)
    return made


def test_spelling_and_order_stay() -> None:
    """Names are as they were sent, values without the white space around them."""
    made = fields("hOST:  a.example\t\r", "B:", "A: 1 2")
    assert list(made.shown.items()) == [("hOST", "a.example"), ("B", ""), ("A", "1 2")]
    assert not made.complaints
    assert made.get("host") == "a.example"
    assert made.has("b")
    assert not made.has("c")


def test_repeated_headers_are_joined() -> None:
    """In any spelling they are one, by the first spelling, in their order."""
    made = fields("Accept: a", "Host: x", "accept: b", "ACCEPT: c")
    assert list(made.shown.items()) == [("Accept", "a, b, c"), ("Host", "x")]


def test_names_of_members_cannot_be_forged() -> None:
    """A name that begins with an underscore has a colon ahead, which no header's name can have."""
    made = fields("_Method: x", "_: y", ": z", ":_Method: w")
    assert made.shown == {":_Method": "x", ":_": "y", ":": "z, _Method: w"}
    assert made.complaints == ["header name is no token"]


@pytest.mark.parametrize(
    ("lines", "shown", "complaint"),
    [
        (("A: 1", " 2", "\t3"), {"A": "1 2 3"}, "folded header"),
        (("A:", " 2"), {"A": "2"}, "folded header"),
        (("A : 1",), {"A": "1"}, "space before colon"),
        ((" A: 1",), {"A": "1"}, "header name is no token"),
        (("A B: 1",), {"A B": "1"}, "header name is no token"),
        (("\ufffd: 1",), {"\ufffd": "1"}, "header name is no token"),
        (("garbage",), {":": "garbage"}, "header without colon"),
    ],
)
def test_faulty_lines_are_shown(
    lines: tuple[str, ...], shown: dict[str, str], complaint: str
) -> None:
    """What a strict parser refuses is shown, with what is wrong."""
    made = fields(*lines)
    assert made.shown == shown
    assert made.complaints == [complaint]


def test_headers_above_the_limit_are_read_for_their_length() -> None:
    """What is not shown is cut; what says how long the message is counts at any place."""
    lines = [f"H{number}: x" for number in range(200)]
    made = fields(*lines, " Content-Length: 9", "content-length: 5", limits=Limits(items=10))
    assert list(made.shown)[:10] == [f"H{number}" for number in range(10)]
    assert made.get("content-length") == "5"
    assert made.cut
    assert made.complaints == ["folded header"]


def test_long_values_are_cut() -> None:
    """Names and values have their limit in bytes; letters stay whole."""
    limits = Limits(text_bytes=8)
    made = fields("A: 123456789", "Ä" * 8 + ": x", "C: äääää", "C: d", limits=limits)
    assert made.shown == {"A": "12345678", "Ä" * 4: "x", "C": "ääää"}
    assert made.cut


def test_a_clipped_name_joins_another() -> None:
    """Two names that are the same where they are cut are one member."""
    made = fields("a" * 9 + ": 1", "a" * 10 + ": 2", limits=Limits(text_bytes=8))
    assert made.shown == {"a" * 8: "1, 2"}


def test_clip_counts_bytes() -> None:
    """A text is cut at bytes of UTF-8, between letters."""
    assert clip("abc", 2) == "ab"
    assert clip("äb", 2) == "ä"
    assert clip("äb", 1) == ""
    assert clip("ab", 2) == "ab"
