# SPDX-License-Identifier: Apache-2.0
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.settings.positions import (
    MOST_CHARACTERS,
    MOST_DEPTH,
    MOST_PARTS,
    Repeated,
    TooMuchError,
    key_lines,
    repeated,
)
from kflowd.settings.walk import Place

TOML = r"""# one
a = 1 # = 2
"b c" = '''
x = 1
'''
[t]
"d\u0065" = [
  1, "]",   # ]
  { in = 2 },
]
f = { g = { h = 1 }, "i" = 2 }
'j'.k = '''a = '' ''' ''
[[l]]
m = "[n]"
[[l]]
[l.o]
p = "\"#"
[ q . r ]
s = 1979-05-27T07:32:00
t = -1.5e3
u = 0
"""
# pieces that a text is made of; most texts of them are no TOML
PIECES = (
    *(
        "a",
        "b",
        "t",
        '"a"',
        "'b'",
        '"',
        "'",
        '"""',
        "'''",
        "\\",
        ".",
        "=",
        " = ",
        "\n",
        "\r\n",
        "#",
    ),
    *("[", "]", "[[", "]]", "{", "}", ",", "1", "true", " ", "\t", "a = 1\n", "[t]\n", "[[l]]\n"),
)


def places(table: object, place: Place = ()) -> Iterator[Place]:
    """Yield the places of all keys of a table."""
    match table:
        case dict():
            for key, value in table.items():
                yield (*place, key)
                yield from places(value, (*place, key))
        case list():
            for index, value in enumerate(table):
                yield from places(value, (*place, index))


def test_each_key_has_its_line() -> None:
    """Whatever stands in values and comments, however a key and its table are written."""
    lines = key_lines(TOML)
    assert lines == {
        ("a",): 2,
        ("b c",): 3,
        ("t",): 6,
        ("t", "de"): 7,
        ("t", "de", 2, "in"): 9,
        ("t", "f"): 11,
        ("t", "f", "g"): 11,
        ("t", "f", "g", "h"): 11,
        ("t", "f", "i"): 11,
        ("t", "j"): 12,
        ("t", "j", "k"): 12,
        ("l",): 13,
        ("l", 0): 13,
        ("l", 0, "m"): 14,
        ("l", 1): 15,
        ("l", 1, "o"): 16,
        ("l", 1, "o", "p"): 17,
        ("q",): 18,
        ("q", "r"): 18,
        ("q", "r", "s"): 19,
        ("q", "r", "t"): 20,
        ("q", "r", "u"): 21,
    }


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_what_is_toml_has_a_line_for_each_key(text: str) -> None:
    """And none of them is there twice. What is no TOML is no error here."""
    lines = key_lines(text)
    with suppress(tomllib.TOMLDecodeError):
        assert set(places(tomllib.loads(text))) <= set(lines)
        assert repeated(text) is None
    assert all(1 <= line <= 1 + text.count("\n") for line in lines.values())


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """To its end, without an error of ours."""
    with suppress(TooMuchError):
        key_lines(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\n" + ".".join("a" * (MOST_PARTS + 1)) + " = 1", 2),
        (f"[{'.'.join('a' * (MOST_PARTS + 1))}]", 1),
        (f"a = {'[' * (MOST_DEPTH + 1)}", 1),
        ("a = " + "{a = " * (MOST_DEPTH + 1), 1),
        ("a = [\n" * 1 + "[" * MOST_DEPTH, 2),
        (f"a = [\n{'1' * (MOST_CHARACTERS + 1)}", 2),
    ],
)
def test_what_tomllib_cannot_take_is_refused_ahead_of_it(text: str, line: int) -> None:
    """It would call itself too often, or take hours."""
    with pytest.raises(TooMuchError) as caught:
        key_lines(text)
    assert caught.value.line == line


def test_what_is_within_the_limits_is_read() -> None:
    """As many parts and lists as that, and not one more."""
    assert len(key_lines(".".join("a" * MOST_PARTS) + " = 1")) == MOST_PARTS
    assert key_lines(f"a = {'[' * MOST_DEPTH}{']' * MOST_DEPTH}") == {("a",): 1}
    assert key_lines(f"a = {'1' * MOST_CHARACTERS}") == {("a",): 1}


def test_the_first_that_is_there_twice_is_found() -> None:
    """Also where something else stands between, and others are there twice too."""
    assert repeated("a = 1\nb = 1\n\na = 2\nb = 2") == Repeated(("a",), 4, 1)
    assert repeated("\n\n[a]\n\n\nb = 1\n[]\n[]\n") is None
    assert repeated("[a]\nb = 1\n[a.c]\n[[d]]\nb = 1\n[[d]]\nb = 1\n[d.e]") is None


@pytest.mark.parametrize("piece", ['"\\', "'", '"""', "[", "{", "a.", "=", "\\", "#", "[[a]]\n"])
def test_the_time_grows_with_the_size_alone(piece: str) -> None:
    """A text that is begun and never ended is gone over once."""
    began = time.process_time()
    with suppress(TooMuchError):
        key_lines(f"a = {piece * (200_000 // len(piece))}")
    assert time.process_time() - began < 10
