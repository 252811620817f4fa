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
        ("a = 1\nb", "no TOML: Expected '=' after a key in a key/value pair", None),
        ("a = 1\nb c = 1", "no TOML: Expected '=' after a key in a key/value pair (column 3)", 2),
        ("a = 1\r\na = 2", "no TOML: Cannot overwrite a value", None),
        ("\0", "no TOML: Invalid statement (column 1)", 1),
        ("a = " + "9" * 5000, "Exceeds the limit (4300 digits) for integer string", None),
        ("x = 1\na = " + "[" * 5000, "more than 16 lists or tables in one another", 2),
        (".".join("a" * 50_000) + " = 1", "a key has more than 16 parts", 1),
    ],
)
def test_what_is_no_toml_is_one_line(text: str, cause: str, line: int | None) -> None:
    """It says what is wrong and, where tomllib tells, at which line; at once."""
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
