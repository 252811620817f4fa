# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from kflowd.delivery.formats.words import (
    arrow_of,
    clock,
    counters,
    end,
    lost,
    seconds,
    short,
    size,
    spoken,
)
from tests.unit.delivery.formats.said import ANSWERED, ASKED, received, record, sent
from tests.unit.delivery.make import health

SECOND = 1_000_000_000


def test_times_of_day() -> None:
    """In UTC, with milliseconds that are cut off, before 1970 and far away too."""
    assert clock(1_700_000_131 * SECOND + 999_999_999) == "22:15:31.999"
    assert clock(-1) == "23:59:59.999"
    assert clock(253_402_300_800 * SECOND) == "00:00:00.000"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9999, "9999"), (10_000, "9.8K"), (1 << 20, "1.0M"), (1023 << 10, "1023K"),
     ((1024 << 10) - 1, "1.0M"), (19_000_832, "18.1M"), (1 << 40, "1.0T"),
     ((1 << 64) - 1, "16.0E")],
)  # fmt: skip
def test_sizes(number: int, text: str) -> None:
    """Powers of 1024."""
    assert size(number) == text


@given(number=st.integers(0, (1 << 64) - 1))
def test_numbers_fit_their_columns(number: int) -> None:
    """Columns are as wide, and a number is never cut."""
    assert len(size(number)) <= 5
    assert len(short(number)) <= 5
    assert len(seconds(number)) <= 8


@pytest.mark.parametrize(
    ("number", "text"), [(99_999, "99999"), (100_000, "100k"), (9_999_999, "9999k"), (10**7, "10M")]
)
def test_counts(number: int, text: str) -> None:
    """Powers of 1000, cut off."""
    assert short(number) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [(-1, ""), (0, ""), (1, "0.000"), (2_408_999_999, "2.408"), (9_999 * SECOND, "9999.000"),
     (10_000 * SECOND, "10000"), (99_999_999 * SECOND, "99999999"),
     (100_000_000 * SECOND, "1157d"), ((1 << 64) - 1, "213503d")],
)  # fmt: skip
def test_seconds(ns: int, text: str) -> None:
    """With three decimals as long as there is room; else in days."""
    assert seconds(ns) == text


def test_ends_of_sockets() -> None:
    """Ports stand apart from addresses of both families; what is not known is a star."""
    assert end("192.0.2.1", 80) == "192.0.2.1:80"
    assert end("2001:db8::1", 0) == "[2001:db8::1]:0"
    assert end("", UNSET) == "*:*"
    assert [arrow_of(each) for each in ("CLIENT", "SERVER", UNSET)] == ["->", "<-", "--"]


def test_counters_that_tell_something() -> None:
    """Those that are not 0; losses are told from the others by their names."""
    assert counters(health()) == {}  # type: ignore[arg-type] # it is one of health
    assert lost({"FileEvents": 1, "FileLostMap": 2, "NamesFailed": 3}) == {
        "FileLostMap": 2,
        "NamesFailed": 3,
    }


def test_what_was_said_in_short() -> None:
    """A member that is called as one of DNS may be anything: a header, or what a plugin makes."""
    assert spoken(record("Dns", sent(ASKED), received(ANSWERED))) == "A example.org"
    for other in ("x", 1, [], [1], {"a": 1}):
        members = {"_Exception": "odd", "ResourceRecords": other}
        assert spoken(record("Http", received(members))) == "odd"
