# SPDX-License-Identifier: Apache-2.0
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.settings.where import (
    MOST_CHARACTERS,
    MOST_DEPTH,
    OPERATORS,
    Comparison,
    Every,
    Exists,
    Expression,
    Name,
    Not,
    Some,
    Value,
    WhereError,
    parse_where,
)


def compared(
    key: str, operator: str, *values: Value, at: int = 1, negated: bool = False
) -> Comparison:
    """Return the comparison of a field whose operator is one blank behind it."""
    key, _, member = key.partition(".")
    behind = at + len(key) + (len(member) + 1 if member else 0) + 1
    return Comparison(Name(key, member, at), operator, values, negated, behind)


A, B, C = (compared(it, "==", Decimal(1), at=at) for it, at in (("A", 1), ("B", 12), ("C", 22)))


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("ProcUID >= 1000", compared("ProcUID", ">=", Decimal(1000))),
        ("ProcAge < 0.5", compared("ProcAge", "<", Decimal("0.5"))),
        ("Change == -3", compared("Change", "==", Decimal(-3))),
        ('FilePath startswith "/etc/"', compared("FilePath", "startswith", "/etc/")),
        ("FilePath contains 'a\"b'", compared("FilePath", "contains", 'a"b')),
        (r'File matches "\\\"\'*"', compared("File", "matches", "\\\"'*")),
        ("FileEvents.WRITE != 0", compared("FileEvents.WRITE", "!=", Decimal(0))),
        ("SockTxFlags.SYN-ACK > 0", compared("SockTxFlags.SYN-ACK", ">", Decimal(0))),
        ('X in ["a", "b"]', compared("X", "in", "a", "b")),
        ("X in[1]", compared("X", "in", Decimal(1))),
        ("X not in [1,2]", compared("X", "in", Decimal(1), Decimal(2), negated=True)),
        ("exists FileOrigin", Exists(Name("FileOrigin", "", 8))),
        ("not exists A.B", Not(Exists(Name("A", "B", 12)))),
        ("A == 1 and B == 1", Every((A, compared("B", "==", Decimal(1), at=12)))),
        ("A == 1 and B == 1 or C == 1", Some((Every((A, B)), C))),
        ("A == 1 and(B == 1 or C == 1)", Every((A, Some((B, C._replace(name=Name("C", "", 22)))))))
    ],
)  # fmt: skip
def test_what_texts_say(text: str, expression: Expression) -> None:
    """`and` binds closer than `or`, `not` than both; parentheses group."""
    assert parse_where(text).expression == expression
    assert str(parse_where(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1: a field is wanted, not the end"),
        ("ProcUID", f"character 8: one of {', '.join(OPERATORS)} is wanted, not the end"),
        ("ProcUID = 1", "character 9: one of ==, "),
        ("ProcUID == ", "character 12: a number or a text in quotes is wanted, not the end"),
        ("ProcUID == root", "character 12: a number or a text in quotes is wanted, not 'root'"),
        ("ProcUID == 1 ProcGID == 1", "character 14: and, or or the end is wanted, not 'ProcGID'"),
        ("(A == 1", "character 8: and, or or ) is wanted, not the end"),
        ("A == 1)", "character 7: and, or or the end is wanted, not ')'"),
        ("and == 1", "character 1: a field is wanted, not 'and'"),
        ("A in 1", "character 6: [ is wanted, not '1'"),
        ("A in []", "character 7: a number or a text in quotes is wanted, not ']'"),
        ("A in [1 2]", "character 9: , or ] is wanted, not '2'"),
        ("A not == 1", "character 7: in is wanted, not '=='"),
        ('A == "x', "character 6: a text that does not end"),
        ('A == "x\\n"', "character 8: '\\\\n' stands for nothing: a backslash is \\\\"),
        ("A == 1x", "character 6: no number of at most 20 digits"),
        ("A == 1.0000000001", "character 6: no number of at most 20 digits, and 9 behind"),
        (f"A == {'1' * 21}", "character 6: no number of at most 20 digits"),
        ("A == \x1b", "character 6: a number or a text in quotes is wanted, not '\\x1b'"),
        (f"A {'x' * 99}", "character 3: one of"),
        ('A "=="', "character 3: one of"),
        (" " * MOST_CHARACTERS + "A", "character 4097: more than 4096 characters"),
        ("(" * 33 + "A == 1" + ")" * 33, "character 33: more than 32 parentheses or not"),
        ("not " * 33 + "A == 1", "character 129: more than 32 parentheses or not in each other"),
    ],
)  # fmt: skip
def test_what_is_no_expression(text: str, message: str) -> None:
    """One line says where, and what would be right."""
    with pytest.raises(WhereError) as caught:
        parse_where(text)
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_the_deepest() -> None:
    """Parentheses beside each other are not deep."""
    parse_where("(" * MOST_DEPTH + "A == 1" + ")" * MOST_DEPTH)
    parse_where(" and ".join(["(A == 1)"] * 300))


@pytest.mark.parametrize(
    "text",
    ["(" * 4096, "not " * 1024, '"' * 4096, "'\\" * 2048, "1" * 4096, "a." * 2048, " " * 4096],
)
def test_no_text_takes_long(text: str) -> None:
    """Nor does any end in another error."""
    began = time.process_time()
    with pytest.raises(WhereError):
        parse_where(text)
    assert time.process_time() - began < 0.5


PIECES = (
    *("A", "A.b", "==", "in", "[", "]", ",", "(", ")", "not", "and", "or", "exists"),
    *("1", "'x'", '"', "\\"),
)


@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_any_text_is_an_expression_or_says_why(text: str) -> None:
    """And the place is in it, or right behind."""
    try:
        parse_where(text)
    except WhereError as error:
        at = int(str(error).split()[1].rstrip(":"))
        assert 1 <= at <= len(text) + 1
