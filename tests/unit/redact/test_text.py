# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.redact.text import is_elsewhere, quoted_end, redact_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the whole of an argument is the value
        ("--password=a b,c;d&e", "--password=***"),
        ("PASSWORD='a b' c", "PASSWORD='***' c"),
        # what stands ahead of the name ends the value
        ("user=u&password=a;b,c&x=1", "user=u&password=***&x=1"),
        ("user=u,password=a;b&c,x=1", "user=u,password=***,x=1"),
        ("Server=h;Pwd=a,b&c;X=1", "Server=h;Pwd=***;X=1"),
        ("host=h password=a,b;c x=1", "host=h password=*** x=1"),
        ("(password=a)", "(password=***)"),
        ('{"password":"a b","x":1}', '{"password":"***","x":1}'),
        ('{"password": 12, "x": 1}', '{"password": ***, "x": 1}'),
        ('{\\"token\\":\\"a b\\",\\"x\\":1}', '{\\"token\\":\\"***\\",\\"x\\":1}'),
        ('{"a":"\\"","token":"a\\"b","x":1}', '{"a":"\\"","token":"***","x":1}'),
        ("'token=a b' c", "'token=***' c"),
        ("x 'it'\"'\"'s' token='a'\"'\"'b' c", "x 'it'\"'\"'s' token='***' c"),
        # the name of a scheme, and of a user, stays
        ("Authorization: Bearer a.b.c", "Authorization: Bearer ***"),
        ("authorization: a", "authorization: ***"),
        ("Authorization: Digest username=a, response=b", "Authorization: Digest ***"),
        ("Cookie: a=b; c=d", "Cookie: ***"),
        ("https://u:a@h/?x=c@d", "https://u:***@h/?x=c@d"),
        ("https://u:a/b@h/x", "https://u:***@h/x"),
        ("https://u:a@b@h/x", "https://u:***@h/x"),
        ("https://0123456789abcdef0123:x-oauth-basic@h/", "https://***:***@h/"),
        ("https://0123456789abcdef0123@h/", "https://***@h/"),
        ("https://h:80,g:90/x", "https://h:80,g:90/x"),
        ("https://h:80/x@y", "https://h:80/x@y"),
        ("a?key=b&keys=c#d", "a?key=***&keys=c#d"),
        (
            "IDENTIFIED WITH caching_sha2_password BY 'a b'",
            "IDENTIFIED WITH caching_sha2_password BY '***'",
        ),
        ("SET PASSWORD = PASSWORD('a')", "SET PASSWORD = ***)"),
    ],
)
def test_a_value_ends_where_it_does(text: str, expected: str) -> None:
    """Neither is a part of it left, nor is what follows hidden, as far as the text tells."""
    assert redact_text(text.encode()).decode() == expected


def test_a_command_line_has_more_behind_its_first_value() -> None:
    """Elsewhere blanks belong to it."""
    assert redact_text(b"PGPASSWORD=a psql") == b"PGPASSWORD=***"
    assert redact_text(b"PGPASSWORD=a psql", line=True) == b"PGPASSWORD=*** psql"
    assert redact_text(b"A=1 B_TOKEN='a b' c", line=True) == b"A=1 B_TOKEN='***' c"


def test_cut_texts_are_read_to_their_end() -> None:
    """An address whose host is missing is one all the same; a port is only then taken for it."""
    assert redact_text(b"https://u:ab", cut=True) == b"https://u:***"
    assert redact_text(b"https://u:ab") == b"https://u:ab"
    assert redact_text(b"x eyJh", cut=True) == b"x ***"


def test_quotes_end() -> None:
    """At the same quote; escapes and a quote in quotes of a shell do not end them."""
    assert quoted_end(b"'ab' c", b"'", 1, 6) == 3
    assert quoted_end(b'"a\\"b" c', b'"', 1, 8) == 5
    assert quoted_end(b"'a'\\''b' c", b"'", 1, 10) == 7
    assert quoted_end(b"'ab", b"'", 1, 3) == 3


def test_some_values_only_say_where_it_is() -> None:
    """A file, a variable, a descriptor; of keys also what is a file's name."""
    assert is_elsewhere(b"file:/x")
    assert not is_elsewhere(b"/x")
    assert is_elsewhere(b"/x", material=True)
    assert is_elsewhere(b"x.pem", material=True)
    assert not is_elsewhere(b"0123abc", material=True)
