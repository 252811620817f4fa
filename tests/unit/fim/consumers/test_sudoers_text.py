# SPDX-License-Identifier: Apache-2.0
from hypothesis import given

from kflowd.fim.consumers.sudoers_text import single_blanks, split_at, statements
from tests.unit.fim.consumers.inputs import content, takes_linear_time


def test_lines_are_joined_and_comments_are_gone() -> None:
    """A backslash at the end joins, but not in a comment; "#" and a digit is a user."""
    data = (
        b'a \\\n  b # c \\\n#1000 x\n"a # b"  \\# c\n#include /x\n# include /x\n  #includedir /y\n'
    )
    assert list(statements(data)) == [
        b"a b",
        b"#1000 x",
        b'"a # b" \\# c',
        b"@include /x",
        b"@includedir /y",
    ]


def test_lists_are_parted_where_nothing_hides_it() -> None:
    """Neither in quotes nor behind a backslash."""
    assert split_at(b'a, "b,c" ,d\\,e', b",") == [b"a", b'"b,c"', b"d\\,e"]
    assert single_blanks(b' a   "b   c"\t\\  d ') == b'a "b   c" \\  d'


@given(content)
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing raises, no statement has an end of a line that nothing hides."""
    for each in statements(data):
        split_at(each, b",")
        assert each


def test_time_is_linear() -> None:
    """Four times the bytes take no more than some four times as long."""
    takes_linear_time(lambda data: [split_at(it, b":") for it in statements(data)])
