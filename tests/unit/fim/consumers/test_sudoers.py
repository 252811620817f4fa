# SPDX-License-Identifier: Apache-2.0
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kflowd.fim.consumers import encode
from kflowd.fim.consumers.entries import Malformed, SudoRule
from kflowd.fim.consumers.sudoers import Include, counts, includes, rules
from tests.unit.fim.consumers.inputs import KEY, content, takes_linear_time

SUDOERS = rb"""
Defaults env_reset, secure_path = "/usr/sbin:/usr/bin", !lecture
Defaults:alice, bob  passwd_tries += 3
User_Alias ADM = alice, bob : OPS = carol
Cmnd_Alias NET = /sbin/ip, \
  /sbin/ss -a
ADM ALL = NOPASSWD: NET, /bin/mysql --password\=abc
@includedir sudoers.d
#include /etc/sudoers.%h
bogus
"""


def told(data: bytes) -> list[str]:
    """Return the texts of what a file says."""
    return [it.rule for it in rules(data, KEY) if isinstance(it, SudoRule)]


def test_each_statement_is_told_in_one_form() -> None:
    """Rules, aliases, defaults and includes; what is none is kept."""
    assert told(SUDOERS) == [
        "Defaults env_reset",
        'Defaults secure_path="/usr/sbin:/usr/bin"',
        "Defaults !lecture",
        "Defaults:alice,bob passwd_tries+=3",
        "User_Alias ADM = alice, bob",
        "User_Alias OPS = carol",
        "Cmnd_Alias NET = /sbin/ip, /sbin/ss -a",
        "ADM ALL=NOPASSWD: NET",
        "ADM ALL=NOPASSWD: /bin/mysql --password=***",
        "@includedir sudoers.d",
        "@include /etc/sudoers.%h",
    ]
    (wrong,) = [it for it in rules(SUDOERS, KEY) if isinstance(it, Malformed)]
    assert wrong.text == "bogus"


def test_a_hidden_secret_that_changes_is_seen() -> None:
    """The rule reads the same and has another fingerprint."""
    first, second = (rules(b"a ALL=/x --password %s" % it, KEY) for it in (b"abc", b"abd"))
    assert first != second
    assert b"abc" not in encode(first)


def test_includes_lie_beside_the_file() -> None:
    """A name that is not absolute, and %h; a directory has files that do not count."""
    assert includes(SUDOERS, "/etc/sudoers", "h") == (
        Include("/etc/sudoers.d", directory=True),
        Include("/etc/sudoers.h", directory=False),
    )
    assert [counts(it) for it in ("a", "a.b", "a~")] == [True, False, False]


NAMES = st.sampled_from(
    ["alice", "%wheel", "#1000", "ALL", '"a b"', "!bob", "ADM", "a\\ b", "+net"]
)
HOSTS = st.sampled_from(["ALL", "h1", "!h2", "10.0.0.0/8", "fe80::1"])
COMMANDS = st.sampled_from(
    [
        "ALL",
        "/bin/ls",
        "/bin/cat /etc/x",
        "!/bin/su",
        '/bin/id ""',
        "/bin/a b\\,c\\:d",
        "sudoedit /x",
    ]
)
TAGS = st.sampled_from(
    ["", "NOPASSWD: ", "NOPASSWD:NOEXEC: ", "SETENV : ", "(root) ", "(a:b) PASSWD: "]
)
BLANK = st.sampled_from(["", " ", "  ", " \\\n "])


@st.composite
def specifications(draw: st.DrawFn) -> str:
    """Return a user specification in any way of writing."""

    def listed(values: st.SearchStrategy[str]) -> str:
        apart = f"{draw(BLANK)},{draw(BLANK)}"
        return apart.join(draw(st.lists(values, min_size=1, max_size=3)))

    commands = st.tuples(TAGS, COMMANDS).map("".join)
    parts = [
        f"{listed(HOSTS)}{draw(BLANK)}={draw(BLANK)}{listed(commands)}"
        for _ in range(draw(st.integers(1, 2)))
    ]
    comment = draw(st.sampled_from(["", " # c", "\t#x \\"]))
    return f"{listed(NAMES)} {' : '.join(parts)}{comment}"


@pytest.mark.skipif(shutil.which("cvtsudoers") is None, reason="cvtsudoers is not here")
@settings(max_examples=60)
@given(st.lists(specifications(), min_size=1, max_size=4))
def test_cvtsudoers_counts_the_same_commands(lines: list[str]) -> None:
    """Each command of sudo's own reader is one rule here, and nothing is malformed."""
    data = "\n".join(lines).encode() + b"\n"
    command = ["cvtsudoers", "-f", "json", "-"]
    made = subprocess.run(command, input=data, capture_output=True, check=False)
    if made.returncode:  # a list that sudo refuses, though its grammar has it
        return
    read = json.loads(made.stdout)
    theirs = sum(len(each["Commands"]) for it in read["User_Specs"] for each in it["Cmnd_Specs"])
    found = rules(data, KEY)
    assert not [it for it in found if isinstance(it, Malformed)]
    assert len(found) == theirs


@pytest.mark.skipif(shutil.which("visudo", path="/usr/sbin:/usr/bin") is None, reason="no visudo")
@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("alice ALL=(ALL) ALL", True),
        ("alice ALL=(ALL) ^/bin/ls$", True),
        ("Defaults@h1 !lecture", True),
        ("Cmnd_Alias A = /bin/a : B = /bin/b", True),
        ("%a\\ b ALL=NOPASSWD:ALL", True),
        ("alice ALL", False),
        ("alice ALL=", False),
        ("User_Alias a = b", False),
        ("alice ALL=(ALL) ALL :", False),
    ],
)
def test_visudo_agrees(line: str, right: bool, tmp_path: Path) -> None:
    """What visudo takes is read, what it refuses is malformed."""
    path = tmp_path / "sudoers"
    path.write_text(line + "\n")
    command = ["/usr/sbin/visudo", "-c", "-f", str(path)]
    accepted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert accepted is right
    found = rules(path.read_bytes(), KEY)
    assert all(isinstance(it, SudoRule) for it in found) is right


@given(content)
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing raises, and what is found can be kept."""
    encode(rules(data, KEY))
    includes(data, "/etc/sudoers", "h")


def test_time_is_linear() -> None:
    """Four times the bytes take no more than some four times as long."""
    takes_linear_time(lambda data: rules(data, KEY))
    takes_linear_time(lambda data: rules(b"a b=" + data, KEY))
    takes_linear_time(lambda data: rules(b"Defaults" + data, KEY))
