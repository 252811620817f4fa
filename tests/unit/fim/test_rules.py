# SPDX-License-Identifier: Apache-2.0
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.rules import RuleSet, decoded, encoded
from kflowd.settings.fim import FimRule, parse_exclusion, parse_glob


def rule(*paths: str, name: str = "r", exclude: tuple[str, ...] = (), **more: Any) -> FimRule:
    """Return a rule as a file has it."""
    return FimRule(
        name=name,
        paths=tuple(map(parse_glob, paths)),
        exclude=tuple(map(parse_exclusion, exclude)),
        **more,
    )


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("/etc", ["/etc", "/etc/a", "/etc/a/b"], ["/", "/etcx", "/x/etc", "/et"]),
        ("/etc/**", ["/etc/a", "/etc/a/b"], ["/etc", "/etcx/a"]),
        ("/home/*/.ssh", ["/home/a/.ssh", "/home/a/.ssh/k/b"], ["/home/a", "/home/a/b/.ssh"]),
        ("/**/x", ["/x", "/a/x", "/a/b/x/y"], ["/a", "/xx"]),
        ("/a/?[bc]", ["/a/xb", "/a/yc/d"], ["/a/b", "/a/xd"]),
        ("/", ["/", "/a"], []),
    ],
)
def test_a_pattern_names_a_tree(pattern: str, inside: list[str], outside: list[str]) -> None:
    """A directory means all below it; wildcards stay in a component, ** is any number of them."""
    rules = RuleSet([rule(pattern)])
    assert [it for it in inside if rules.owner(it.encode()) is None] == []
    assert [it for it in outside if rules.owner(it.encode()) is not None] == []


def test_what_is_excluded_is_whole_components() -> None:
    """A glob is anchored and hides what is below; an expression is searched; W33."""
    rules = RuleSet([rule("/", exclude=("/etc/foo", r"re:^/etc/.*\.swp$"))])
    hidden = [b"/etc/foo", b"/etc/foo/a", b"/etc/x/.a.swp"]
    seen = [b"/etc/foobar", b"/srv/etc/foo", b"/etc/a.swpx"]
    assert [it for it in hidden if rules.owner(it)] == []
    assert [it for it in seen if not rules.owner(it)] == []
    assert not rules.descends(b"/etc/foo")


def test_the_first_rule_that_fits_is_right() -> None:
    """A path has one rule; what one excludes another may have."""
    rules = RuleSet([rule("/etc", name="a", exclude=("/etc/x",)), rule("/etc/x", name="b")])
    owners = [rules.owner(it) for it in (b"/etc/y", b"/etc/x/z")]
    assert [it and it.name for it in owners] == ["a", "b"]
    found = rules.explain(b"/etc/x/z")
    assert found.reasons == ("a: /etc has it, and /etc/x leaves it out", "b: /etc/x has it")


def test_levels_are_counted_from_what_is_named() -> None:
    """0 is that alone."""
    rules = RuleSet([rule("/a/b", recurse=1)])
    assert rules.owner(b"/a/b/c") is not None
    assert rules.owner(b"/a/b/c/d") is None
    assert rules.descends(b"/a/b")
    assert not rules.descends(b"/a/b/c")
    assert "recurse is 1" in rules.explain(b"/a/b/c/d").reasons[0]


def test_a_walk_begins_where_wildcards_do() -> None:
    """No base is below another."""
    rules = RuleSet([rule("/home/*/.ssh", "/etc/a/b"), rule("/etc/a", "/home")])
    assert rules.bases() == (b"/etc/a", b"/home")
    assert rules.descends(b"/home")
    assert not RuleSet([rule("/home/*/.ssh")]).descends(b"/home/a/b")


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b"x" * 255, "ä".encode()])
def test_names_are_bytes(name: bytes) -> None:
    """A name that is no UTF-8 matches wildcards, and comes back as it was."""
    rules = RuleSet([rule("/t/*")])
    assert rules.owner(b"/t/" + name) is not None
    assert encoded(decoded(name)) == name
    assert RuleSet([rule("/t/ä")]).owner(b"/t/\xc3\xa4") is not None


PARTS = st.lists(st.sampled_from(("a", "b", "ab", "*", "?", "**", "[ab]")), min_size=1, max_size=4)
PATHS = st.lists(st.sampled_from(("a", "b", "ab", "c")), min_size=1, max_size=6)


def naive(pattern: list[str], path: list[str]) -> bool:
    """Say whether a pattern matches a path, component by component."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        # at its end it stands for one component at least
        least = 1 if len(pattern) == 1 else 0
        return any(naive(pattern[1:], path[at:]) for at in range(least, len(path) + 1))
    one = pattern[0].replace("*", ".*").replace("?", ".")
    return bool(path) and bool(re.fullmatch(one, path[0])) and naive(pattern[1:], path[1:])


@given(PARTS, PATHS)
def test_it_matches_as_components_do(pattern: list[str], path: list[str]) -> None:
    """The expression, the look ahead of a walk and a plain recursion agree."""
    rules = RuleSet([rule("/" + "/".join(pattern))])
    whole = "/" + "/".join(path)
    expected = any(naive(pattern, path[:end]) for end in range(1, len(path) + 1))
    assert (rules.owner(whole.encode()) is not None) == expected
    if expected:
        base = rules.bases()[0]
        above = ["/" + "/".join(path[:end]) for end in range(1, len(path))]
        for each in above:
            if each.encode().startswith(base.rstrip(b"/") + b"/") or each.encode() == base:
                assert rules.descends(each.encode()), each
