# SPDX-License-Identifier: Apache-2.0
"""Times and durations as the contract writes them."""

from functools import lru_cache

from kflowd.constants import SECOND_NS

DAY_S = 86400
DAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")  # 1970-01-01 was a Thursday
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Records that come together share seconds.
CACHED = 4096


def duration(ns: int) -> str:
    """Return nanoseconds as seconds with nine decimals; 0 if not positive."""
    if 0 < ns < SECOND_NS:
        return f"0.{ns:09d}"
    if ns > 0:
        digits = str(ns)
        return f"{digits[:-9]}.{digits[-9:]}"
    return "0"


def change(ns: int) -> str:
    """Return nanoseconds as seconds with nine decimals and their sign."""
    return "-" + duration(-ns) if ns < 0 else duration(ns)


@lru_cache(CACHED)
def second(seconds: int) -> str:
    """Return seconds since 1970 as `Thu, Apr 04 2024 15:34:35`, in UTC.

    Any integer is taken: years before 1 are negative, years after 9999 have more digits, where
    datetime would end.
    """
    days, clock = _day_and_clock(seconds)
    year, month, day = civil(days)
    return f"{DAYS[days % 7]}, {MONTHS[month - 1]} {day:02d} {year:04d} {clock}"


@lru_cache(CACHED)
def instant(seconds: int) -> str:
    """Return seconds since 1970 as `2024-04-04T15:34:35`, the RFC 3339 form of UTC without its Z.

    That form ends at year 9999. A clock of nanoseconds in 64 bits ends before: what is further
    away is text, as with `second`.
    """
    days, clock = _day_and_clock(seconds)
    year, month, day = civil(days)
    return f"{year:04d}-{month:02d}-{day:02d}T{clock}"


def _day_and_clock(seconds: int) -> tuple[int, str]:
    """Return the days since 1970, and what a clock shows: `15:34:35`."""
    days, left = divmod(seconds, DAY_S)
    return days, f"{left // 3600:02d}:{left // 60 % 60:02d}:{left % 60:02d}"


def civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a number of days since 1970, in the Gregorian calendar.

    Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    """
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153  # from March
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return year_of_era + era * 400 + (month <= 2), month, day
