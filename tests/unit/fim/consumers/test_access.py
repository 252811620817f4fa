# SPDX-License-Identifier: Apache-2.0
from hypothesis import given

from kflowd.fim.consumers import encode
from kflowd.fim.consumers.access import rules
from kflowd.fim.consumers.entries import AccessRule, Malformed
from tests.unit.fim.consumers.inputs import HASH, KEY, content, takes_linear_time


def test_rules_have_all_three_fields() -> None:
    """Users and origins are lists, with what EXCEPT takes out of them; IPv6 has colons (W32)."""
    data = (
        b"# c\n+ : root (adm),bob : LOCAL 10.0.0.0/8 ::1\n-:ALL EXCEPT root:ALL EXCEPT tty1 tty2\n"
    )
    assert rules(data, KEY) == (
        AccessRule("+", ("root", "(adm)", "bob"), ("LOCAL", "10.0.0.0/8", "::1")),
        AccessRule("-", ("ALL",), ("ALL",), ("root",), ("tty1", "tty2")),
    )


def test_what_pam_access_skips_is_malformed() -> None:
    """Lines that are whitespace or comments are nothing; others are kept, with why (W9)."""
    data = b"   \n\t\n + : a : b\n? : a : b\n+ : a\nx\n+ : , : b\n #+ : a : b\n"
    found = rules(data, KEY)
    assert [it.cause for it in found if isinstance(it, Malformed)] == [
        "neither + nor -",
        "neither + nor -",
        "not three fields",
        "not three fields",
        "an empty list",
        "neither + nor -",
    ]
    assert len(found) == 6


def test_a_hash_is_not_shown() -> None:
    """Whatever file it is that the rule names (W13); a change of the hash is one all the same."""
    lines = (b"bob:%s:1::::::\n", b"+ : %s : ALL\n", b"-:%s\n")
    for line in lines:
        (found,) = rules(line % HASH, KEY)
        assert isinstance(found, Malformed)
        assert HASH not in encode((found,))
        assert rules(line % (HASH[:-1] + b"x"), KEY) != (found,)


@given(content)
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing raises, and what is found can be kept."""
    encode(rules(data, KEY))


def test_time_is_linear() -> None:
    """Four times the bytes take no more than some four times as long."""
    takes_linear_time(lambda data: rules(data, KEY))
