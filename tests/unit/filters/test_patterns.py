# SPDX-License-Identifier: Apache-2.0
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.filters.patterns import path_matcher

NAMES = st.text("ab.*?[]!-", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("pattern", "those", "others"),
    [
        ("/etc", ["/etc", "/etc/x", "/etc/x/y", "/etc/"], ["/etcetera", "/", "/a/etc", "etc"]),
        ("/etc/", ["/etc", "/etc/x"], ["/etcetera"]),
        ("/", ["/", "/etc", "/a/b"], ["etc"]),
        ("/etc/*", ["/etc/x", "/etc/.x"], ["/etc", "/etc/x/y", "/etcx"]),
        ("/etc/**", ["/etc/x", "/etc/x/y"], ["/etc", "/etcx"]),
        ("/**/x", ["/x", "/a/x", "/a/b/x"], ["/a/bx", "/x/a"]),
        ("**/x", ["/x", "x", "/a/x"], ["/ax"]),
        ("/a?c", ["/abc"], ["/a/c", "/ac", "/abcd"]),
        ("/[a-c]x", ["/ax", "/cx"], ["/dx", "/-x"]),
        ("/[!a]x", ["/bx"], ["/ax", "//x"]),
        ("/[c-a]x", [], ["/bx", "/cx", "/-x"]),
        ("/[!c-a]x", ["/bx", "/-x"], ["//x"]),
        ("/[a-]x", ["/ax", "/-x"], ["/bx"]),
        ("/[]]", ["/]"], ["/["]),
        ("/[", ["/["], ["/x"]),
        ("*.log", ["/var/a.log", "/.log", "a.log"], ["/a.log/b", "/a.logs"]),
        ("sh", ["/usr/bin/sh", "sh"], ["/usr/bin/bash", "/sh/x"]),
        ("/a\nb", ["/a\nb", "/a\nb/c"], ["/a"]),
        ("/a.c", ["/a.c"], ["/abc"]),
    ],
)
def test_patterns(pattern: str, those: list[str], others: list[str]) -> None:
    """A path and what is below, globs over the whole path, and names."""
    matches = path_matcher([pattern])
    assert [path for path in those + others if matches(path)] == those


def test_patterns_are_alternatives() -> None:
    """One of them is enough."""
    matches = path_matcher(["/a", "*.c", "/x/*/z"])
    assert all(map(matches, ["/a/1", "/b/1.c", "/x/y/z"]))
    assert not matches("/x/y")


@given(NAMES, NAMES)
def test_names_match_as_in_a_shell(pattern: str, name: str) -> None:
    """The same as fnmatch for what has no slash."""
    if "**" in pattern:
        return
    assert path_matcher([pattern])(f"/dir/{name}") == fnmatchcase(name, pattern)


@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, min_size=1, max_size=4))
def test_paths_match_component_by_component(pattern: list[str], path: list[str]) -> None:
    """No wildcard but ** crosses a slash."""
    whole = "/" + "/".join(pattern)
    if "**" in whole or not any(each in whole for each in "*?["):
        return
    each = len(pattern) == len(path) and all(map(fnmatchcase, path, pattern))
    assert path_matcher([whole])("/" + "/".join(path)) == each
