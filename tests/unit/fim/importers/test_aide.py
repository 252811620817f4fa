# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.importers.aide import read
from kflowd.fim.importers.imported import Rule

CONF = r"""
database_in=file:/var/lib/aide/aide.db
Full = p+i+n+u+g+s+b+m+c+sha256
Log = p+u+g+n+growing
Mine = Full-m
/etc$ Full
/var/log$ f Log
/srv$ Mine + xattrs
=/home$ p
=/boot/ Full
!/etc/mtab$
!/var/log/.*\.gz$
-/etc/skel$
"""


def notes(text: str) -> list[str]:
    """Return what is told of a file."""
    return [str(it) for it in read(text.encode()).notes]


def test_rules_are_those_of_the_file() -> None:
    """Selections, exact ones, exclusions, logs."""
    found = read(CONF.encode())
    assert found.rules == [
        Rule(("/etc",)),
        Rule(("/var/log",), policy="append"),
        Rule(("/srv",)),
        Rule(("/home",), recurse=0),
        Rule(("/boot",), recurse=1),
    ]
    assert found.excludes == ["/etc/mtab", "re:^/var/log/.*\\.gz$", "re:^/etc/skel$"]
    assert [str(it) for it in found.notes] == [
        "line 2: database_in: no setting of rules; see [fim]",
        "line 7: restriction f: all types are compared",
        (
            "line 13: -/etc/skel$: of a directory there what is in it is left out, too: "
            "it is not entered"
        ),
        "all attributes and SHA-256 are compared, not the chosen ones alone (lines 6, 7, 8, 9, 10)",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/tmp/x[0-9]+$ R", "line 1: /tmp/x[0-9]+$: an expression that is no glob; left out"),
        ("/tmp$", "line 1: /tmp$: no attributes; left out"),
        ("nonsense", "line 1: nonsense: not known here"),
        ("!/tmp f", "line 1: restriction f: all types are compared; the rule is left out"),
        ("/a$ p+ANF", "line 1: ANF: new files are told of"),
        ("/a$ p+compressed", "line 1: compressed: a rotated log is known by its first bytes"),
        (
            "/a R",
            (
                "what only begins with the name is not covered: "
                "aide has no end of a name here (lines 1)"
            ),
        ),
    ],
)
def test_what_is_not_said_is_told(line: str, told: str) -> None:
    """Nothing is dropped silently."""
    assert told in notes(line)


@given(
    st.text()
    | st.lists(st.sampled_from(["/a", "!", "=", "R", " ", "\n", "@@if", "(", "$", "f,d"])).map(
        "".join
    )
)
def test_any_text_is_read(text: str) -> None:
    """Nothing raises, and each line of more than blanks is a rule or told."""
    read(text.encode("utf-8", "replace"))
