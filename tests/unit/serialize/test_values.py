# SPDX-License-Identifier: Apache-2.0
import socket
import stat
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kflowd.serialize import values

NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = int((datetime(1, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())
LAST = int((datetime(9999, 12, 31, tzinfo=UTC) - EPOCH).total_seconds())


@given(st.integers(FIRST * NS, LAST * NS))
@example(1712244875643031330)
def test_times_are_those_of_the_calendar(ns: int) -> None:
    """The text is what datetime gives, with nine digits."""
    whole = EPOCH + timedelta(seconds=ns // NS)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[whole.weekday()]
    month = values.MONTHS[whole.month - 1]
    expected = f"{day}, {month} {whole.day:02d} {whole.year:04d} {whole:%H:%M:%S}.{ns % NS:09d} UTC"
    assert values.timestamp(ns) == expected


@given(st.integers(-(2**63) * NS, 2**63 * NS))
def test_absurd_times_are_text(ns: int) -> None:
    """A file system may hold any 64-bit number of seconds."""
    assert values.timestamp(ns).endswith(" UTC")
    assert values.file_time(ns) == values.timestamp(ns)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (21262713426, b"21.262713426"),
        (48490, b"0.000048490"),
        (0, b"0"),
        (-5, b"0"),
        (2**63, b"9223372036.854775808"),
    ],
)
def test_durations_have_nine_decimals(ns: int, text: bytes) -> None:
    """Zero and less is the bare 0."""
    assert bytes(values.duration(ns)) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [(-1, b"-0.000000001"), (-1500000000, b"-1.500000000"), (0, b"0"), (1, b"0.000000001")],
)
def test_changes_have_a_sign(ns: int, text: bytes) -> None:
    """A time that was set back is negative."""
    assert bytes(values.signed_duration(ns)) == text


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (0o100755, "0755/-rwxr-xr-x"),
        (0o120777, "0777/lrwxrwxrwx"),
        (0o104755, "4755/-rwsr-xr-x"),
        (0o102644, "2644/-rw-r-Sr--"),
        (0o041777, "1777/drwxrwxrwt"),
        (0o041776, "1776/drwxrwxrwT"),
    ],
)
def test_permissions_are_as_ls_shows_them(mode: int, text: str) -> None:
    """Octal digits, and letters with s, S, t and T."""
    assert values.permissions(mode) == text


def test_modes() -> None:
    """A symbolic link is one also with several names."""
    assert values.file_mode(stat.S_IFLNK | 0o777, 2) == "symlink"
    assert values.file_mode(stat.S_IFREG, 2) == "hardlink"
    assert values.file_mode(stat.S_IFREG, 1) == "regular"
    assert values.file_mode(stat.S_IFREG, 0) == "regular"


def test_counts_hold_what_happened() -> None:
    """Events stand in their order, flags in that of their appearance."""
    assert bytes(values.file_events((0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 3))) == (
        b'{"OPEN":1,"MODIFY":2,"DELETE":3}'
    )
    bits, counts = bytes([2, 16, 24, 0, 9]), (1, 3, 0, 4, 5)
    assert bytes(values.tcp_flags(bits, counts)) == b'{"SYN":1,"ACK":3,"NONE":4,"FIN-PSH":5}'
    assert values.flag_names(63) == "FIN-SYN-RST-PSH-ACK-URG"


@given(
    st.binary(min_size=16, max_size=16)
    | st.lists(st.sampled_from([0, 0, 0, 1, 255]), min_size=16, max_size=16).map(bytes)
)
@example(bytes(16))
@example(bytes(15) + b"\1")
@example(bytes(12) + bytes([1, 2, 3, 4]))
@example(bytes(10) + b"\xff\xff" + bytes([1, 2, 3, 4]))
def test_addresses_are_those_of_inet_ntop(raw: bytes) -> None:
    """The C library is the oracle."""
    assert values.address(socket.AF_INET6, raw) == socket.inet_ntop(socket.AF_INET6, raw)
    assert values.address(socket.AF_INET, raw) == socket.inet_ntop(socket.AF_INET, raw[:4])


@given(st.text(st.characters()))
def test_clean_text_can_be_encoded(text: str) -> None:
    """No surrogate is left, and good text is not touched."""
    values.clean_text(text).encode("utf-8")
    assert values.clean_text("fünf/文字") == "fünf/文字"
    assert values.clean_text("a\udcffb") == "a\ufffdb"
    assert values.clean_text("\ud800") == "?"


def test_text_is_cleaned_at_any_depth() -> None:
    """Lists and objects of messages are walked through, other values are not touched."""
    value = [{"a\udcff": ["b\udcff", 1]}, None]
    assert values.clean(value) == [{"a\ufffd": ["b\ufffd", 1]}, None]
