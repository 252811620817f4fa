# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import pytest

import kflowd
from kflowd.fim.bpfink import line

ACTOR = {"Proc": "vi", "ProcUser": "bob", "ProcUID": 7, "ProcArgs": ["vi", "/etc/x"]}
END = {"processName": "vi /etc/x ", "user": "bob", "version": kflowd.__version__}
FILE = {"file": "/etc/x", **END}


def shown(kind: str, state: tuple[dict[str, Any], ...] = (), **fields: object) -> dict[str, Any]:
    """Return the line of a finding; keys in their order."""
    made = line({"FimFinding": kind, "FimPath": "/etc/x", **ACTOR, **fields}, state)
    assert made is not None
    assert made.endswith(b"\n")
    assert made.count(b"\n") == 1
    found = json.loads(made)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("kind", "seen", "current", "new"),
    [
        ("created", "generic file created", "", "bb"),
        ("renamed", "generic file created", "", "bb"),
        ("modified", "generic file Modified", "aa", "bb"),
        ("replaced", "generic file Modified", "aa", "bb"),
        ("deleted", "generic file deleted", "aa", ""),
    ],
)
def test_files_have_their_digests(kind: str, seen: str, current: str, new: str) -> None:
    """The shapes of hash-tracked files, in their order."""
    before, after = {"SHA256": "aa"}, {"SHA256": "bb"}
    found = shown(kind, FimConsumer="generic", FimBefore=before, FimAfter=after)
    generic = {"current": current, "next": new}
    expected = {"level": "warn", "generic": generic, **FILE, "message": seen}
    assert list(found.items()) == list(expected.items())


def test_lines_are_content() -> None:
    """M6: lines that come and go; one that begins as the heading does is a line."""
    diff = "--- /etc/x\n+++ /etc/x\n@@ -1,2 +1,2 @@\n a\n--- b\n++c"
    found = shown("modified", FimConsumer="diff", FimDiff=diff)
    assert found == {
        "level": "warn",
        "add": {"Content": ["+c"]},
        "del": {"Content": ["-- b"]},
        **FILE,
        "message": "Critical Generic file modified",
    }
    without = shown("created", FimConsumer="diff", FimDiffNote="binary")
    assert without["add"] == {"Content": []}


def test_accounts_and_keys_are_users() -> None:
    """A user has a name, the status of the password and keys; never a hash."""
    account = {"Kind": "account", "Name": "eve", "Password": {"Status": "set", "Algorithm": "md5"}}
    key = {"Kind": "key", "Type": "ssh-rsa", "Fingerprint": "SHA256:x", "Account": "eve"}
    found = shown("account", (account,), FimAdded=[account], FimRemoved=[])
    user = {"user": "eve", "passwd": "set:md5", "keys": []}
    assert found == {
        "level": "warn",
        "users": [user],
        "add": [user],
        "del": [],
        **END,
        "message": "Users Modified",
    }
    keys = shown("key", FimRemoved=[key])
    assert keys["del"] == [{"user": "eve", "passwd": "", "keys": ["ssh-rsa SHA256:x"]}]


def test_access_rules_are_grants_and_denials() -> None:
    """M1: a grant that came, a denial that went."""
    grant = {"Kind": "access_rule", "Permission": "+", "Users": ["a"], "Origins": ["ALL"]}
    deny = {**grant, "Permission": "-", "Users": ["ALL"], "UsersExcept": ["root"]}
    found = shown("access_rule", (grant,), FimAdded=[grant], FimRemoved=[deny])
    assert found["access"] == found["add"] == {"grant": ["a"], "deny": []}
    assert found["del"] == {"grant": [], "deny": ["ALL EXCEPT root"]}
    assert found["message"] == "access entries"


def test_directories_have_no_line() -> None:
    """E8, E12, M10: neither when made nor when removed."""
    for kind, key in (("created", "FimAfter"), ("deleted", "FimBefore")):
        assert line({"FimFinding": kind, key: {"Type": "directory"}}) is None


def test_what_it_had_no_line_for_is_told() -> None:
    """Nothing is lost: attributes, links, gaps."""
    found = shown("attributes", FimChanged=["mode"])
    assert found["finding"]["FimChanged"] == ["mode"]
    assert found["message"] == "attributes"


def test_nobody_is_blamed_where_nobody_is_known() -> None:
    """Neither root nor any other (W38); a user without a name has the number."""
    made = line({"FimFinding": "created", "FimPath": "/x"})
    assert made is not None
    assert json.loads(made)["user"] == json.loads(made)["processName"] == ""
    number = line({"FimFinding": "created", "FimPath": "/x", "ProcUser": "", "ProcUID": 0})
    assert number is not None
    assert json.loads(number)["user"] == "0"
