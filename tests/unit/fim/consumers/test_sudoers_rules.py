# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.fim.consumers.sudoers_rules import NotARuleError, normal_list, user_rules


def joined(text: bytes) -> list[bytes]:
    """Return the rules of a line, each as one text."""
    return [ahead + command for ahead, command in user_rules(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"root ALL=(ALL:ALL) ALL", [b"root ALL=(ALL:ALL) ALL"]),
        (
            b"a,%b ALL = (root : adm) NOPASSWD:NOEXEC: /bin/a, PASSWD: /bin/b x\\:y",
            [
                b"a, %b ALL=(root:adm) NOEXEC: NOPASSWD: /bin/a",
                b"a, %b ALL=(root:adm) NOEXEC: PASSWD: /bin/b x\\:y",
            ],
        ),
        (b"a h1=/bin/a : h2,h3 = /bin/b", [b"a h1=/bin/a", b"a h2, h3=/bin/b"]),
        (b"a ALL=CWD=/x (b) /bin/a", [b"a ALL=CWD=/x (b) /bin/a"]),
        (
            b"a ALL=(b) CWD=/x /bin/a, (c) /bin/b",
            [b"a ALL=(b) CWD=/x /bin/a", b"a ALL=(c) CWD=/x /bin/b"],
        ),
        (b"a ALL=sha224:aa, sha256:bb /bin/a", [b"a ALL=sha224:aa,sha256:bb /bin/a"]),
        (b"a ALL=^/bin/(x|y),z$, /bin/b ^c:d$", [b"a ALL=^/bin/(x|y),z$", b"a ALL=/bin/b ^c:d$"]),
        (b'"a b" ALL=!/bin/a, ! /bin/b ""', [b'"a b" ALL=!/bin/a', b'"a b" ALL=! /bin/b ""']),
        (b"#1000,!#1001 fe80::1=(#-1) ALL", [b"#1000, !#1001 fe80::1=(#-1) ALL"]),
    ],
)
def test_each_command_is_a_rule(text: bytes, expected: list[bytes]) -> None:
    """It has the users, the hosts, and what it inherits."""
    assert joined(text) == expected


@pytest.mark.parametrize("text", [b"a", b"a ALL", b"a ALL=", b"a ALL=/x,", b"a ALL=/x : b", b"=x"])
def test_what_is_no_rule_says_so(text: bytes) -> None:
    """A line without hosts or without a command."""
    with pytest.raises(NotARuleError):
        joined(text)


def test_many_users_and_many_commands_are_not_multiplied() -> None:
    """Such a line is said as it stands."""
    text = b",".join(b"u%d" % it for it in range(5000)) + b" ALL=" + b",".join([b"/x"] * 5000)
    assert joined(text) == [text]


def test_lists_have_one_form() -> None:
    """Blanks around commas, and commas behind nothing, do not differ."""
    assert normal_list(b"a ,b,  c,") == b"a, b, c"
