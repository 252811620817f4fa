# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from kflowd.fim.consumers.entries import (
    AccessRule,
    Account,
    Entry,
    Group,
    Key,
    Malformed,
    Password,
    SudoRule,
    decode,
    encode,
    finding_of,
    pascal,
)

EACH: list[tuple[Entry, str]] = [
    (Account("a", 1, 1, password=Password("set", "sha512", "ab")), "account"),
    (Group("g", 1, members=("a",)), "account"),
    (Key("ssh-rsa", "SHA256:x", ("no-pty",)), "key"),
    (AccessRule("+", ("a",), ("ALL",)), "access_rule"),
    (SudoRule("rule", "a ALL=ALL"), "sudo_rule"),
    (Malformed("key", "not a key"), "key"),
]


def test_entries_are_kept_as_they_are() -> None:
    """What is written reads as the same."""
    entries = tuple(entry for entry, _ in EACH)
    assert decode(encode(entries)) == entries


@pytest.mark.parametrize(("entry", "finding"), EACH)
def test_each_is_of_one_finding(entry: Entry, finding: str) -> None:
    """The kind of finding is that of fim.md."""
    assert finding_of(entry) == finding


def test_keys_are_those_of_records() -> None:
    """Fields are named as all others of a record."""
    assert [pascal(it) for it in ("uid", "gid", "users_except")] == ["UID", "GID", "UsersExcept"]
    assert json.loads(encode((Account("a", 0, 0, login=True),))) == [
        {"Kind": "account", "Name": "a", "UID": 0, "GID": 0, "Login": True}
    ]
