# SPDX-License-Identifier: Apache-2.0
import math
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from kflowd.settings.kinds import Kind, kind_of, shown
from kflowd.settings.option import BYTES, BYTES_POWER_OF_TWO, NS_PER_SECOND, SECONDS
from kflowd.settings.rules import Rule
from kflowd.settings.servers import Server

WORDS = kind_of(frozenset[Literal["file", "socket"]], None)
WORD = kind_of(Literal["json", "json-min"] | None, None)
NUMBER = kind_of(Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)] | None, None)
UNLIMITED = kind_of(Annotated[int, Meta(ge=1)], None)
TIME = kind_of(Annotated[int, Meta(ge=1, le=10**9 * NS_PER_SECOND)], SECONDS)
SIZE = kind_of(Annotated[int, Meta(ge=16, le=1 << 30)], BYTES)
RING = kind_of(Annotated[int, Meta(ge=16 << 10, le=1 << 30)], BYTES_POWER_OF_TWO)
FLAG = kind_of(bool, None)
TEXT = kind_of(Annotated[str, Meta(min_length=1, max_length=63)] | None, None)
FILE = kind_of(Path | None, None)
KINDS = (WORDS, WORD, NUMBER, UNLIMITED, TIME, SIZE, RING, FLAG, TEXT, FILE)
TIMES, SIZES = "units: ms, s, m, h, d", "units: KiB, MiB, GiB"


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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", 1),
        ("0.5", 0.5),
        (".25", 0.25),
        ("15.", 15),
        ("0.000000001", 1e-9),
        ("1000000000", 1e9),
        ("500ms", 0.5),
        ("15s", 15),
        ("1.5m", 90),
        ("2h", 7200),
        ("1d", 86400),
        (15, 15),
        (0.5, 0.5),
        (1e-9, 1e-9),
    ],
)
def test_times(value: object, expected: float) -> None:
    """A time is seconds, or has a unit; a file may have it as a number."""
    assert TIME.read(value) == round(expected * NS_PER_SECOND)


@pytest.mark.parametrize(
    "value",
    [
        *("", "0", "0.0", "-1", "-.5", "1,2", "1e3", "0x1", "inf", "nan", "1 ", "1 s", "٣", "1w"),
        *("0.0000000001", "0.0000001ms", "1000000001", "11575d", 0, -1, True, math.nan, math.inf),
        *(1e-10, None, [1]),
    ],
)
def test_other_times_are_refused(value: object) -> None:
    """Zero, signs, exponents, foreign digits and parts of a nanosecond are errors."""
    with pytest.raises(
        ValueError,
        match=f"is no number of seconds above 0, at most 1000000000; {TIMES}$",
    ):
        TIME.read(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("16384", 1 << 14), ("16KiB", 1 << 14), ("8MiB", 8 << 20), ("1GiB", 1 << 30), (65536, 65536)],
)
def test_ring_is_a_power_of_two(value: object, expected: int) -> None:
    """A power of two of whole pages is taken, in bytes or with a unit."""
    assert RING.read(value) == expected


@pytest.mark.parametrize(
    "value", ["8192", "20000", "0", "2147483648", "8M", "8MB", "8mib", "3MiB", "0.3KiB", "2GiB"]
)
def test_other_rings_are_refused(value: str) -> None:
    """What the kernel would refuse is refused before."""
    with pytest.raises(ValueError, match=f"is no power of two from 16KiB to 1GiB; {SIZES}$"):
        RING.read(value)


@pytest.mark.parametrize(("value", "expected"), [("1.5MiB", 3 << 19), ("0.5KiB", 512), (17, 17)])
def test_sizes_need_not_be_whole_units(value: object, expected: int) -> None:
    """Only bytes are not divided."""
    assert SIZE.read(value) == expected
    with pytest.raises(ValueError, match=f"is no number of bytes from 16 to 1GiB; {SIZES}$"):
        SIZE.read("16.5")


def test_numbers_have_limits() -> None:
    """A message says the limits; a number without an upper one is taken whatever it is."""
    assert NUMBER.read("1") == NUMBER.read(1) == 1
    assert UNLIMITED.read("9" * 30) == int("9" * 30)
    for value in ("0", "-7", "x", "", " 1", "1_0", "4294967296", "null", 0, 1.5, True, None):
        with pytest.raises(ValueError, match="is no whole number from 1 to 4294967295$"):
            NUMBER.read(value)
    with pytest.raises(ValueError, match="^'0' is no whole number from 1 on$"):
        UNLIMITED.read("0")


def test_other_kinds() -> None:
    """Words are exact, flags are no words, a path is not empty, a text has a length."""
    assert WORD.read("json-min") == "json-min"
    assert FLAG.read(value=False) is False
    assert FILE.read("a/b") == Path("a/b")
    assert TEXT.read("é" * 63) == "é" * 63
    wrong: tuple[tuple[Any, object, str], ...] = (
        (WORD, "JSON", "'JSON' is none of json, json-min"),
        (FLAG, "yes", "'yes' is neither true nor false"),
        (FLAG, 1, "1 is neither true nor false"),
        (FILE, "", "'' is no path"),
        (FILE, "a\0", "'a\\x00' is no path"),
        (FILE, 4096 * "a", f"'{56 * 'a'}... has more than the 4095 bytes of a path"),
        (TEXT, "", "'' is no text of 1 to 63 characters"),
    )
    for kind, value, message in wrong:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message follows
            kind.read(value)
        assert str(caught.value) == message


@given(st.text() | st.integers() | st.floats() | st.none() | st.lists(st.text()))
def test_any_value_is_read_or_one_line(value: object) -> None:
    """Whatever is given, the answer is a value or a message of one printable line."""
    for kind in KINDS:
        try:
            kind.read(value)
        except ValueError as error:
            assert str(error).isprintable()
            assert len(str(error)) < 200


@given(st.integers(1, 10**9 * NS_PER_SECOND), st.integers(16, 1 << 30))
def test_what_is_written_is_read_back(time: int, size: int) -> None:
    """The text of a value is the value."""
    assert TIME.read(TIME.text(time)) == time
    assert SIZE.read(SIZE.text(size)) == size


def test_values_are_written_as_people_do() -> None:
    """In the largest unit that makes a whole number; words in their order."""
    assert [TIME.text(ns) for ns in (15 * NS_PER_SECOND, 5 * 10**8, 1)] == [
        *("15", "0.5", "0.000000001")
    ]
    assert [SIZE.text(size) for size in (8 << 20, 1536, 17)] == ["8MiB", "1536", "17"]
    assert WORDS.text(frozenset(("socket", "file"))) == "file,socket"
    assert FLAG.text(value=True) == "true"


def test_a_type_without_a_kind_is_an_error_of_ours() -> None:
    """So is a number without limits: the field must say them."""
    for annotation in (complex, int, dict[str, int]):
        with pytest.raises(TypeError, match="no kind of values"):
            kind_of(annotation, None)


def test_long_values_are_cut() -> None:
    """A message stays short."""
    assert shown("x" * 99) == f"'{'x' * 56}..."
    assert shown(1 << 99_999) == "a number of very many digits"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("true", "true"),
        ("1979-05-27", "1979-05-27"),
        ("07:32:00", "07:32:00"),
        ("1979-05-27T07:32:00Z", "1979-05-27T07:32:00+00:00"),
        ("inf", "inf"),
        ("{ a = 1 }", "a table"),
        ("[1, true, 1979-05-27, [[2]], 'x']", "[1, true, 1979-05-27, [...], 'x']"),
        (f"[{'1, ' * 50}]", f"[{'1, ' * 18}1,..."),
    ],
)
def test_values_are_shown_as_a_file_has_them(text: str, message: str) -> None:
    """Not as Python writes them."""
    assert shown(tomllib.loads(f"a = {text}")["a"]) == message


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (WORDS, {"socket", "file"}, '["file", "socket"]'),
        (WORD, "json-min", '"json-min"'),
        (NUMBER, 7, "7"),
        (TIME, 15 * NS_PER_SECOND, "15"),
        (TIME, 1, '"0.000000001"'),
        (RING, 8 << 20, '"8MiB"'),
        (FLAG, False, "false"),
        (TEXT, 'a"\\\n\x7f\xe4', '"a\\"\\\\\\n\\u007f\xe4"'),
        (FILE, Path("/a b"), '"/a b"'),
    ],
)
def test_values_are_written_as_toml(kind: Kind[Any], value: object, expected: str) -> None:
    """As numbers, words, texts with escapes, and lists."""
    assert kind.toml(value) == expected


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
        ([3], "3 is no rule"),
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
