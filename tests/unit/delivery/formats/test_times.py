# SPDX-License-Identifier: Apache-2.0
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kflowd.delivery.formats import times
from kflowd.delivery.formats.json import VALUES

NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = int((datetime(1, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
LAST = int((datetime(9999, 12, 31, tzinfo=UTC) - EPOCH).total_seconds())


NAMES = {"_second": times.second, "_instant": times.instant}


def written(ns: int, kind: str = "time") -> str:
    """Return a time as the writers of JSON write it: their own piece of an f-string."""
    piece = VALUES[kind].text.replace("$value", "ns")
    return str(json.loads(eval(f"f{piece!r}", {**NAMES, "ns": ns})))


@given(st.integers(FIRST * NS, LAST * NS))
@example(1712244875643031330)
def test_times_are_those_of_the_calendar(ns: int) -> None:
    """The text is what datetime gives, with nine digits."""
    whole = EPOCH + timedelta(seconds=ns // NS)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[whole.weekday()]
    month = MONTHS[whole.month - 1]
    expected = f"{day}, {month} {whole.day:02d} {whole.year:04d} {whole:%H:%M:%S}.{ns % NS:09d} UTC"
    assert written(ns) == expected


@given(st.integers(FIRST * NS, LAST * NS))
@example(1795736117691664622)
@example(-1)
@example(1483228799999999999)  # a leap second followed
def test_instants_are_those_of_the_calendar(ns: int) -> None:
    """RFC 3339: what datetime reads is the same moment, and the digits are those of isoformat."""
    text = written(ns, "instant")
    moment = datetime.fromisoformat(text)
    assert (moment - EPOCH) // timedelta(microseconds=1) == ns // 1000
    whole = EPOCH + timedelta(seconds=ns // NS)
    assert text == whole.replace(tzinfo=None).isoformat() + f".{ns % NS:09d}Z"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (1795736117691664622, "2026-11-26T23:35:17.691664622Z"),
        (0, "1970-01-01T00:00:00.000000000Z"),
        (951782399_000000001, "2000-02-28T23:59:59.000000001Z"),
        (951868799_999999999, "2000-02-29T23:59:59.999999999Z"),
        # what 64 bits of nanoseconds since the boot and of the difference of clocks can add up to
        (-(2**63), "1677-09-21T00:12:43.145224192Z"),
        (2**64 - 1 + 2**63 - 1, "2846-10-30T23:21:50.564327422Z"),
    ],
)
def test_instants_have_one_form(ns: int, text: str) -> None:
    """T, nine digits and Z; four digits of the year suffice for any clock."""
    assert written(ns, "instant") == text
    assert re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}\.\d{9}Z", text)


@pytest.mark.parametrize("month", range(1, 13))
def test_each_month_has_its_name(month: int) -> None:
    """From its first second to its last."""
    first = int((datetime(2023, month, 1, tzinfo=UTC) - EPOCH).total_seconds())
    after = int(
        (datetime(2023 + month // 12, month % 12 + 1, 1, tzinfo=UTC) - EPOCH).total_seconds()
    )
    names = {times.second(second).split()[1] for second in (first, after - 1)}
    assert names == {MONTHS[month - 1]}


@given(st.integers(-(2**63) * NS, 2**63 * NS))
def test_absurd_times_are_text(ns: int) -> None:
    """A file system may hold any 64-bit number of seconds."""
    assert written(ns).endswith(" UTC")
    assert written(ns, "instant").endswith("Z")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (21262713426, "21.262713426"),
        (48490, "0.000048490"),
        (0, "0"),
        (-5, "0"),
        (2**63, "9223372036.854775808"),
    ],
)
def test_durations_have_nine_decimals(ns: int, text: str) -> None:
    """Zero and less is the bare 0."""
    assert times.duration(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [(-1, "-0.000000001"), (-1500000000, "-1.500000000"), (0, "0"), (1, "0.000000001")],
)
def test_changes_have_a_sign(ns: int, text: str) -> None:
    """A time that was set back is negative."""
    assert times.change(ns) == text


@given(st.integers(-(2**80), 2**80))
def test_durations_are_exact(ns: int) -> None:
    """The text holds every nanosecond, and is a number of JSON."""
    text = times.change(ns)
    assert round(Decimal(text) * NS) == ns
    assert Decimal(str(json.loads(text, parse_float=str))) == Decimal(text)
    assert times.duration(ns) == (text if ns > 0 else "0")
