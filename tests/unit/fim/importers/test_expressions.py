# SPDX-License-Identifier: Apache-2.0
import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.importers.expressions import MAX_GLOBS, globs


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("/etc", ["/etc"]),
        (r"/etc/resolv\.conf", ["/etc/resolv.conf"]),
        ("/(usr/)?s?bin", ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
        ("/(usr|opt)/lib", ["/usr/lib", "/opt/lib"]),
        (r"/home/[^/]+/\.ssh", ["/home/*/.ssh"]),
        ("/etc/rc[0-9S].d", None),
        (r"/etc/rc[0-9S]\.d", ["/etc/rc[0-9S].d"]),
        (r"/a\*", ["/a[*]"]),
        ("/var/log/.*", None),
        ("/x[0-9]+", None),
        ("/a|/b", None),
        ("/(a(b))", None),
        ("/a{2}", None),
        (r"/\d", None),
        ("(a|b)" * 10, None),
    ],
)
def test_simple_expressions_are_globs(expression: str, expected: list[str] | None) -> None:
    """And no other."""
    assert globs(expression) == expected


PARTS = st.sampled_from(
    ["/", "a", "b", "(a|b)", "(ab)?", "a?", r"\.", "[^/]*", "[a-c]", ".", "x+", "$"]
)


@given(st.lists(PARTS, max_size=8).map("".join), st.text("ab./x", max_size=6))
def test_globs_match_what_the_expression_does(expression: str, name: str) -> None:
    """A glob that has no wildcard is one of the matches, and a match has its glob."""
    found = globs(expression)
    if found is None or "*" in "".join(found) or "//" in expression or "//" in name:
        return
    matches = re.fullmatch(expression, name) is not None
    covered = any(fnmatch.fnmatchcase(name, each) for each in found)
    # slashes that an empty choice leaves are one
    assert covered or not matches
    assert len(found) <= MAX_GLOBS
