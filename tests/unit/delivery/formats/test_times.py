# SPDX-License-Identifier: Apache-2.0
import json
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


def written(ns: int) -> str:
    """Return a time as the writers of JSON write it: their own piece of an f-string."""
    piece = VALUES["time"].text.replace("$value", "ns")
    text = eval(f"f{piece!r}", {"_second": times.second, "ns": ns})
    return str(json.loads(text))


@given(st.integers(FIRST * NS, LAST * NS))
@example(1712244875643031330)
def test_times_are_those_of_the_calendar(ns: int) -> None:
    """The text is what datetime gives, with nine digits."""
    whole = EPOCH + timedelta(seconds=ns // NS)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[whole.weekday()]
    month = MONTHS[whole.month - 1]
    expected = f"{day}, {month} {whole.day:02d} {whole.year:04d} {whole:%H:%M:%S}.{ns % NS:09d} UTC"
    assert written(ns) == expected


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
