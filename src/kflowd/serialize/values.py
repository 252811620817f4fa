# SPDX-License-Identifier: Apache-2.0
"""How single values are written: durations, times, modes, addresses, text. Pure; caches bounded."""

import ipaddress
import stat
from functools import lru_cache
from typing import Any

from msgspec import Raw

from kflowd.model import SECOND_NS
from kflowd.serialize.fields import FILE_EVENTS, TCP_FLAGS

AF_INET = 2
DAY_S = 86400
DAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")  # 1970-01-01 was a Thursday
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ZERO = Raw(b"0")
# Records that come together share seconds, counts, modes, addresses.
CACHED = 4096


def clean(value: Any) -> Any:  # noqa: ANN401 - any value of a record
    """Return a value with U+FFFD in its texts for what was not UTF-8."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [clean(each) for each in value]
    if isinstance(value, dict):
        return {clean_text(key): clean(each) for key, each in value.items()}
    return value


def clean_text(text: str) -> str:
    """Return text with U+FFFD for what was not UTF-8."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "replace").decode("utf-8")


def duration(ns: int) -> Raw:
    """Return nanoseconds as seconds with nine decimals; 0 if not positive."""
    return Raw(b"%d.%09d" % divmod(ns, SECOND_NS)) if ns > 0 else ZERO


def signed_duration(ns: int) -> Raw:
    """Return nanoseconds as seconds with nine decimals and their sign."""
    return Raw(b"-%d.%09d" % divmod(-ns, SECOND_NS)) if ns < 0 else duration(ns)


def timestamp(ns: int) -> str:
    """Return nanoseconds since 1970 as `Thu, Apr 04 2024 15:34:35.643031330 UTC`.

    Any integer is taken: years before 1 are negative, years after 9999 have more digits.
    """
    seconds, rest = divmod(ns, SECOND_NS)
    return f"{_second(seconds)}.{rest:09d} UTC"


@lru_cache(CACHED)
def file_time(ns: int) -> str:
    """Return a timestamp that other records are likely to have too."""
    return timestamp(ns)


@lru_cache(CACHED)
def _second(seconds: int) -> str:
    """Return the text of a second; datetime would end at the year 9999."""
    days, second = divmod(seconds, DAY_S)
    year, month, day = civil(days)
    hour, second = divmod(second, 3600)
    minute, second = divmod(second, 60)
    return (
        f"{DAYS[days % 7]}, {MONTHS[month - 1]} {day:02d} {year:04d} "
        f"{hour:02d}:{minute:02d}:{second:02d}"
    )


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


@lru_cache(CACHED)
def permissions(mode: int) -> str:
    """Return `0755/-rwxr-xr-x` for an i_mode; the letters are those of ls."""
    return f"{mode & 0o7777:04o}/{stat.filemode(mode)}"


def file_mode(mode: int, nlink: int) -> str:
    """Return symlink, hardlink or regular."""
    if stat.S_ISLNK(mode):
        return "symlink"
    return "hardlink" if nlink > 1 else "regular"


@lru_cache(CACHED)
def file_events(counts: tuple[int, ...]) -> Raw:
    """Return the events that happened as a JSON object."""
    names = (name for name, _ in FILE_EVENTS)
    return _counts({name: count for name, count in zip(names, counts, strict=True) if count})


@lru_cache(CACHED)
def tcp_flags(bits: bytes, counts: tuple[int, ...]) -> Raw:
    """Return the packets by flags as a JSON object, in the order of first appearance."""
    histogram: dict[str, int] = {}
    for slot, count in zip(bits, counts, strict=True):
        if count:
            name = flag_names(slot)
            histogram[name] = histogram.get(name, 0) + count
    return _counts(histogram)


def flag_names(bits: int) -> str:
    """Return `FIN-ACK` for the bits of a TCP header; NONE if none is set."""
    return "-".join(name for bit, name in enumerate(TCP_FLAGS) if bits >> bit & 1) or "NONE"


@lru_cache(CACHED)
def address(family: int, raw: bytes) -> str:
    """Return an address as inet_ntop writes it; IPv4 is in the first four of the bytes."""
    if family == AF_INET:
        return _dotted(raw[:4])
    # inet_ntop ends IPv4-mapped and IPv4-compatible addresses in dots
    if raw.startswith(bytes(10) + b"\xff\xff"):
        return "::ffff:" + _dotted(raw[12:])
    if raw.startswith(bytes(12)) and raw[12:14] != bytes(2):
        return "::" + _dotted(raw[12:])
    return ipaddress.IPv6Address(raw).compressed


def _dotted(raw: bytes) -> str:
    return ".".join(map(str, raw))


def _counts(histogram: dict[str, int]) -> Raw:
    """Return an object of integers; its names need no escapes."""
    return Raw(b"{" + b",".join(b'"%b":%d' % (k.encode(), v) for k, v in histogram.items()) + b"}")
