# SPDX-License-Identifier: Apache-2.0
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from kflowd.settings.by_type import kind_of
from kflowd.settings.kinds import Kind
from kflowd.settings.option import BYTES, BYTES_POWER_OF_TWO, NS_PER_SECOND, SECONDS

WORD = kind_of(Literal["json", "json-min"] | None, None)
NUMBER = kind_of(Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)] | None, None)
UNLIMITED = kind_of(Annotated[int, Meta(ge=1)], None)
TIME = kind_of(Annotated[int, Meta(ge=1, le=10**9 * NS_PER_SECOND)], SECONDS)
SIZE = kind_of(Annotated[int, Meta(ge=16, le=1 << 30)], BYTES)
RING = kind_of(Annotated[int, Meta(ge=16 << 10, le=1 << 30)], BYTES_POWER_OF_TWO)
FLAG = kind_of(bool, None)
TEXT = kind_of(Annotated[str, Meta(min_length=1, max_length=63)] | None, None)
FILE = kind_of(Path | None, None)
KINDS = (WORD, NUMBER, UNLIMITED, TIME, SIZE, RING, FLAG, TEXT, FILE)
TIMES, SIZES = "units: ms, s, m, h, d", "units: KiB, MiB, GiB"


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
    """In the largest unit that makes a whole number."""
    assert [TIME.text(ns) for ns in (15 * NS_PER_SECOND, 5 * 10**8, 1)] == [
        *("15", "0.5", "0.000000001")
    ]
    assert [SIZE.text(size) for size in (8 << 20, 1536, 17)] == ["8MiB", "1536", "17"]
    assert FLAG.text(value=True) == "true"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
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
    """As numbers, words, and texts with escapes."""
    assert kind.toml(value) == expected
