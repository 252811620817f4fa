# SPDX-License-Identifier: Apache-2.0
import re
import sys
import unicodedata

import pytest
import wcwidth
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.formats import visible as module
from kflowd.delivery.formats.visible import cells, pieces, token, visible
from tests.unit.delivery.formats.hostile import TEXTS

EVERY = [visible(chr(code)) for code in range(sys.maxunicode + 1)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("a b~", "a b~"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\n\r\t\0\x7f", "\\x0a\\x0d\\x09\\x00\\x7f"),
        ("\x85\x9b", "\\u0085\\u009b"),
        ("\udc9b\udcff", "\\x9b\\xff"),
        ("\ud800", "\\ud800"),
        ("\u202e\u2066\u200b\u2028\u2029\ufeff", "\\u202e\\u2066\\u200b\\u2028\\u2029\\ufeff"),
        ("\U000e0001", "\\U000e0001"),
        ("e\u0301", "e\\u0301"),
        ("\xa0\u3000", "\\xa0\\u3000".replace("\\xa0", "\\u00a0")),
        ("漢字 é ä \U0001f600", "漢字 é ä \U0001f600"),
        ("\\x1b", "\\\\x1b"),
    ],
)
def test_what_cannot_be_seen_is_an_escape(text: str, shown: str) -> None:
    """Controls, bytes that are no UTF-8, and what turns, hides or joins; all else stays."""
    assert visible(text) == shown


def test_every_character_is_seen_and_has_its_cells() -> None:
    """As wcwidth counts them; an escape is plain ASCII."""
    for code, shown in enumerate(EVERY):
        if shown == chr(code):
            assert wcwidth.wcwidth(shown) == cells(shown) in (1, 2), hex(code)
            assert not unicodedata.category(shown).startswith(("C", "M", "Zl", "Zp")), hex(code)
        else:
            assert re.fullmatch(r"\\[\\xuU][0-9a-f]*", shown), hex(code)


def test_no_two_characters_look_the_same() -> None:
    """Nobody can write what looks like the escape of another."""
    assert len(set(EVERY)) == len(EVERY)
    assert visible("\\u202e") != visible("\u202e")


@given(text=TEXTS)
def test_a_text_is_its_characters(text: str) -> None:
    """Whichever way it is written."""
    shown = visible(text)
    assert "".join(piece for piece, _ in pieces(text)) == shown
    assert sum(width for _, width in pieces(text)) == cells(shown) == wcwidth.wcswidth(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("/a", "/a"), ("", '""'), ("a b", '"a b"'), ('a"b', '"a\\"b"'), ("a\nb", "a\\x0ab"),
     ("\\", "\\\\"), ('" \\', '"\\" \\\\"')],
)  # fmt: skip
def test_a_space_ends_a_token(text: str, shown: str) -> None:
    """So what holds one is in quotes."""
    assert token(text) == shown


@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_tokens_can_be_told_from_each_other(texts: list[str]) -> None:
    """What is in quotes ends at a quote without a backslash."""
    rest, found = " ".join(map(token, texts)), []
    while rest:
        end = len(rest)
        if rest[0] == '"':
            at = 1
            while rest[at] != '"':
                at += 2 if rest[at] == "\\" else 1
            end = at + 1
        elif " " in rest:
            end = rest.index(" ")
        found.append(rest[:end])
        rest = rest[end + 1 :]
    assert found == [token(text) for text in texts]


def test_what_is_known_of_characters_has_an_end() -> None:
    """Others choose them."""
    for code in range(0x4E00, 0x4E00 + 2 * module.MOST_KNOWN):
        visible(chr(code))
        assert len(module._SHOWN) <= module.MOST_KNOWN
