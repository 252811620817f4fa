# SPDX-License-Identifier: Apache-2.0
import socket
import stat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kflowd.serialize import values


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
    assert values.file_mode(stat.S_IFDIR | 0o755, 3) == "directory"
    assert values.file_mode(stat.S_IFREG, 2) == "hardlink"
    assert values.file_mode(stat.S_IFREG, 1) == "regular"
    assert values.file_mode(stat.S_IFREG, 0) == "regular"


def test_counts_hold_what_happened() -> None:
    """Events stand in their order, flags in that of their appearance."""
    assert values.file_events((0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 3)).pairs == (
        *(("OPEN", 1), ("MODIFY", 2), ("DELETE", 3)),
    )
    bits, counts = bytes([2, 16, 24, 0, 9]), (1, 3, 0, 4, 5)
    assert values.tcp_flags(bits, counts).pairs == (
        *(("SYN", 1), ("ACK", 3), ("NONE", 4), ("FIN-PSH", 5)),
    )
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


def test_slots_with_the_same_flags_are_one() -> None:
    """Flags that came twice have one name, with the sum."""
    bits, counts = bytes([16, 2, 16]), (3, 1, 4)
    assert values.tcp_flags(bits, counts).pairs == (("ACK", 7), ("SYN", 1))
