# SPDX-License-Identifier: Apache-2.0
import re
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.settings.applications import AnyPort
from kflowd.settings.by_type import kind_of
from kflowd.settings.kinds import Kind
from kflowd.settings.plugins import EntryPoint, PortsOf
from kflowd.settings.rules import Rule
from kflowd.settings.servers import Server
from kflowd.settings.urls import Header

WORDS = kind_of(frozenset[Literal["file", "socket"]], None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("file", {"file"}),
        ("socket,file", {"file", "socket"}),
        ("file,file", {"file"}),
        (["socket"], {"socket"}),
    ],
)
def test_words(value: object, expected: set[str]) -> None:
    """Words come in any order, as text or as a list."""
    assert WORDS.read(value) == expected


@pytest.mark.parametrize(
    "value",
    ["", "f", "File", "file,", "file, socket", "files", "file;socket", [], [1], 3, {"file": 1}],
)
def test_other_words_are_refused(value: object) -> None:
    """No prefix, no other case, no blank, and not none at all."""
    with pytest.raises(ValueError, match="is none of file, socket$"):
        WORDS.read(value)


def test_words_are_written_in_their_order() -> None:
    """On a line and in a file."""
    both = frozenset(("socket", "file"))
    assert (WORDS.text(both), WORDS.toml(both)) == ("file,socket", '["file", "socket"]')


RULES = kind_of(tuple[Rule, ...], None)


def test_rules() -> None:
    """One text is one rule, a list is several."""
    one, two = Rule("user", ("root",)), Rule("path", ("/a", "/b"))
    assert RULES.read("user=root") == (one,)
    assert RULES.read(["user=root", "path=/a,/b"]) == (one, two)
    assert RULES.read([]) == ()
    assert RULES.text((one, two)) == "user=root path=/a,/b"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "3 is no list of rules"),
        ([3], "[3] is no list of rules"),
        ({"user": "root"}, "is no list of rules"),
        (["user=root", "usr=1"], "'usr=1' has an unknown key; did you mean user"),
    ],
)
def test_other_rules_are_refused(value: object, message: str) -> None:
    """A message names the one that is wrong."""
    with pytest.raises(ValueError, match=re.escape(message)):
        RULES.read(value)


def test_servers() -> None:
    """A text with commas or a list; written as they are read."""
    kind = kind_of(tuple[Server, ...], None)
    one, two = Server("192.0.2.1", 1), Server("::1", 2)
    assert kind.read("192.0.2.1:1,[::1]:2") == kind.read(["192.0.2.1:1", "::1:2"]) == (one, two)
    assert kind.read(kind.text((one, two))) == (one, two)
    assert len(kind.read(",".join(f"192.0.2.1:{port}" for port in range(1, 9)))) == 8


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "3 is no list of servers"),
        ([3], r"\[3\] is no list of servers"),
        ("", "'' has no port: IP:PORT is wanted"),
        ("192.0.2.1:1,", "'' has no port: IP:PORT is wanted"),
        ("192.0.2.1:1,x:1", "'x:1' has no IPv4 or IPv6 address; names are not looked up"),
        ("192.0.2.1:1,192.0.2.1:1", "192.0.2.1:1 is there twice"),
        ("::1:5,[::1]:5", r"\[::1\]:5 is there twice"),
        (
            ",".join(f"192.0.2.1:{port}" for port in range(1, 10)),
            "9 servers are too many: 8 at most",
        ),
    ],
)
def test_other_servers_are_refused(value: object, message: str) -> None:
    """The message names the one that is wrong."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        kind_of(tuple[Server, ...], None).read(value)


PORTS = kind_of(tuple[AnyPort, ...], None)
HEADERS = kind_of(tuple[Header, ...], None)
NAMES = kind_of(tuple[EntryPoint, ...], None)
APPLICATIONS = kind_of(tuple[PortsOf, ...], None)


def test_ports_may_be_none() -> None:
    """By a word, in any letters."""
    assert PORTS.read("OFF") == PORTS.read([]) == ()
    assert (PORTS.text(()), PORTS.toml(())) == ("off", '"off"')
    (one, two) = PORTS.read("udp/53,tcp/53")
    assert PORTS.toml((one, two)) == '["udp/53", "tcp/53"]'


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (PORTS, "tcp/1,tcp/1", "tcp/1 is there twice"),
        (PORTS, ",".join(f"tcp/{it}" for it in range(1, 10)), "9 ports are too many: 8 at most"),
        (APPLICATIONS, "a=tcp/1 a=tcp/2", "a is there twice"),
        (APPLICATIONS, 3, "3 is no list of applications"),
        (NAMES, "a,b,a", "a is there twice"),
        (NAMES, ["a b"], "'a b' is no name of letters, digits, dots and hyphens"),
        (NAMES, list("abcdefghi"), "9 names are too many: 8 at most"),
        (HEADERS, [7], "this is no list of headers"),
        (HEADERS, ["A: 1"] * 17, "17 headers are too many: 16 at most"),
    ],
)
def test_others_are_refused(kind: Kind[Any], value: object, message: str) -> None:
    """Each in the same words."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        kind.read(value)


@pytest.mark.parametrize("value", ["a b: s3cret", ["a b: s3cret"], {"a": "s3cret"}])
def test_a_value_of_a_header_is_not_shown(value: object) -> None:
    """It may be a secret."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - it counts what is not said
        HEADERS.read(value)
    assert "s3cret" not in str(caught.value)


@given(st.text() | st.integers() | st.none() | st.lists(st.text()))
def test_any_value_is_read_or_one_line(value: object) -> None:
    """Whatever is given, the answer is a value or a message of one printable line."""
    for kind in (WORDS, RULES, PORTS, HEADERS, NAMES, APPLICATIONS):
        try:
            kind.read(value)
        except ValueError as error:
            assert str(error).isprintable()
            assert len(str(error)) < 200
