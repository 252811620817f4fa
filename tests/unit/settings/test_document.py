# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.settings.document import TextError, parse


def test_a_text_is_a_table_with_lines() -> None:
    """What has no line of its own has that of what it is part of."""
    found = parse("a = 1\n[b]\nc = [[2]]\n")
    assert found.table == {"a": 1, "b": {"c": [[2]]}}
    assert [found.line_of(it) for it in (("a",), ("b", "c", 0, 0), ("d",))] == [1, 3, None]


@pytest.mark.parametrize(
    ("text", "cause", "line"),
    [
        ("a = 1\nb", "no TOML: Expected '=' after a key in a key/value pair", 2),
        ("a = 1\nb\n\n", "no TOML: Expected '=' after a key in a key/value pair (column 2)", 2),
        ("a = 1\nb c = 1", "no TOML: Expected '=' after a key in a key/value pair (column 3)", 2),
        ("a = 1\r\na = 2", "a: it is there twice, first in line 1", 2),
        ("[a]\n[b]\n[a]\n", "a: it is there twice, first in line 1", 3),
        ("b = 1\na.b = 1\na.'b' = [\n]\n", "a.b: it is there twice, first in line 2", 3),
        ("[[a]]\nb = 1\n[[a]]\nb = 1\nb = 1", "a[1].b: it is there twice, first in line 4", 5),
        ("a = { b = 1, b = 2 }", "a.b: it is there twice, first in line 1", 1),
        ("b = 'x\na = 1\na = 1", 'no TOML: Expected "\'"', 3),
        ("a = 1\na\n", "no TOML: Expected '=' after a key in a key/value pair (column 2)", 2),
        ("\n\n\na = \n", "no TOML: Invalid value (column 5)", 4),
        ("[a]\n\n\na = \n", "no TOML: Invalid value (column 5)", 4),
        ("a = \nb = 1\nb = 1", "no TOML: Invalid value (column 5)", 1),
        ("\0", "no TOML: Invalid statement (column 1)", 1),
        ("\na = " + "9" * 641, "a number or word of more than 640 characters", 2),
        ("a = [\n0x" + "f" * 9999, "a number or word of more than 640 characters", 2),
        ("x = 1\na = " + "[" * 5000, "more than 16 lists or tables in one another", 2),
        (".".join("a" * 50_000) + " = 1", "a key has more than 16 parts", 1),
    ],
)
def test_what_is_no_toml_is_one_line(text: str, cause: str, line: int) -> None:
    """It says what is wrong and at which line; at once."""
    with pytest.raises(TextError) as caught:
        parse(text)
    assert str(caught.value).startswith(cause)
    assert caught.value.line == line
    assert len(str(caught.value)) < 200


def test_a_long_name_makes_no_long_line() -> None:
    """tomllib names some keys in full."""
    key = "k" * 10_000
    with pytest.raises(TextError) as caught:
        parse(f"a = {{ {key} = 1, {key} = 2 }}")
    assert len(str(caught.value)) < 200
