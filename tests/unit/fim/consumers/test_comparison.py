# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.consumers.comparison import compare
from kflowd.fim.consumers.entries import AccessRule, Entries, Key
from kflowd.fim.consumers.users import accounts
from tests.unit.fim.consumers.inputs import HASH, KEY

OTHER = HASH[:-8] + b"X" + HASH[-7:]


def keys(text: str) -> Entries:
    """Return a key for each letter."""
    return tuple(Key("ssh-rsa", each) for each in text)


def access(text: str) -> Entries:
    """Return a rule for each letter."""
    return tuple(AccessRule("+", (each,), ("ALL",)) for each in text)


def of(passwd: bytes, shadow: bytes = b"", group: bytes = b"") -> Entries:
    """Return accounts."""
    return accounts(passwd, shadow, group, None, KEY)


def changes(old: Entries, new: Entries) -> list[str]:
    """Return what changed of the one account that did."""
    found = compare("account", old, new)
    assert [len(found.added), len(found.removed)] == [1, 1]
    said = found.added[0]["Changes"]
    assert isinstance(said, list)
    return said


@pytest.mark.parametrize(
    ("old", "new", "added", "removed"),
    [("a", "", "", "a"), ("ab", "a", "", "b"), ("a", "aa", "a", "")],
)
def test_differences_are_those_of_sets(old: str, new: str, added: str, removed: str) -> None:
    """U1; and one more of the same is one more."""
    found = compare("key", keys(old), keys(new))
    assert [it["Fingerprint"] for it in found.added] == list(added)
    assert [it["Fingerprint"] for it in found.removed] == list(removed)


def test_nothing_is_nothing() -> None:
    """Equal entries are no finding; keys in another order neither."""
    assert not compare("key", keys("ab"), keys("ba"))
    assert compare("key", keys("ab"), keys("bc"))


def test_a_rule_that_moves_is_told_and_no_other() -> None:
    """The first that fits decides: another order is another meaning (W32)."""
    found = compare("access_rule", access("abcd"), access("dabc"))
    assert [it["Users"] for it in found.added] == [["d"]]
    assert found.added == found.removed
    assert found.added[0]["Moved"] is True
    assert not compare("access_rule", access("abc"), access("abc"))
    inserted = compare("access_rule", access("abc"), access("xabc"))
    assert [it["Users"] for it in inserted.added] == [["x"]]
    assert inserted.removed == []


@given(st.text("abcd", max_size=12), st.text("abcd", max_size=12))
def test_differences_lead_from_one_to_the_other(old: str, new: str) -> None:
    """Without what is gone and moved, the rest of both is the same in the same order."""
    found = compare("access_rule", access(old), access(new))
    gone = [it["Users"][0] for it in found.removed]
    came = [it["Users"][0] for it in found.added]
    assert sorted([*old, *came]) == sorted([*new, *gone])
    assert bool(found) is (old != new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"a:x:1:1::/:/bin/sh", b"a:x:0:1::/:/bin/sh", ["uid", "uid_0_gained"]),
        (b"a:x:1:1::/:/bin/sh", b"a:x:1:2::/x:/bin/sh", ["gid", "home"]),
        (b"a:x:1:1::/:/sbin/nologin", b"a:x:1:1::/:/bin/sh", ["login_enabled", "shell"]),
        (b"a:" + HASH + b":1:1::/:/bin/sh", b"a::1:1::/:/bin/sh", ["password", "password_emptied"]),
        (
            b"a:" + HASH + b":1:1::/:/bin/sh",
            b"a:!" + HASH + b":1:1::/:/bin/sh",
            ["locked", "password"],
        ),
        (
            b"a:!" + HASH + b":1:1::/:/bin/sh",
            b"a:" + HASH + b":1:1::/:/bin/sh",
            ["password", "password_set", "unlocked"],
        ),
        (b"a:" + HASH + b":1:1::/:/bin/sh", b"a:" + OTHER + b":1:1::/:/bin/sh", ["password"]),
    ],
)
def test_what_changed_of_an_account_is_told(old: bytes, new: bytes, said: list[str]) -> None:
    """Every field counts, and what matters has a word (W12, W13)."""
    assert changes(of(old), of(new)) == said


def test_memberships_and_ageing_are_of_the_account() -> None:
    """Who joins a group is told, by the account and by the group."""
    passwd, before, after = b"a:x:1:1::/:/bin/sh", b"adm:x:4:\n", b"adm:x:4:a\n"
    found = compare("account", of(passwd, group=before), of(passwd, group=after))
    assert [it["Changes"] for it in found.added] == [["groups", "joined:adm"], ["members"]]
    shadow = b"a:*:1::::::\n"
    assert changes(of(passwd, shadow), of(passwd, b"a:*:2::::::\n")) == ["ageing"]
    expired = [of(passwd, b"a:%s:%s::::::\n" % (HASH, it)) for it in (b"1", b"0")]
    assert changes(*expired) == ["ageing", "password", "password_expired"]


def test_walk_through_of_accounts() -> None:
    """M3 to M5: an entry of shadow alone, two accounts of which one can log in, both gone."""
    root = b"root:x:0:0::/root:/bin/bash\n"
    both = root + b"eve:x:7:7::/:/bin/sh\nsvc:x:8:8::/:/sbin/nologin\n"
    assert not compare("account", of(root), of(root, b"eve:" + HASH + b":1::::::\n"))
    came = compare(
        "account", of(root, b"eve:*:1::::::\n"), of(both, b"eve:*:1::::::\nsvc:*:1::::::\n")
    )
    assert [it["Name"] for it in came.added if it["Name"] != "root"] == ["eve"]
    assert came.passed_over == ("svc",)
    gone = compare("account", of(both), of(root))
    assert [it["Name"] for it in gone.removed] == ["eve"]
    assert gone.passed_over == ("svc",)


def test_a_new_account_of_uid_0_is_told_whatever_its_shell() -> None:
    """Without a password, keys and a shell it is one all the same (W12)."""
    found = compare("account", (), of(b"x:*:0:0::/:/bin/false"))
    assert [it["Changes"] for it in found.added] == [["uid_0_gained"]]
    json.dumps(found)


def test_many_entries_take_no_long_time() -> None:
    """A file that is turned round has one entry that stays."""
    rules = tuple(AccessRule("+", (str(it),), ("ALL",)) for it in range(20_000))
    assert len(compare("access_rule", rules, rules[::-1]).added) == len(rules) - 1
