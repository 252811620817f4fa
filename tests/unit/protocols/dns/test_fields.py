# SPDX-License-Identifier: Apache-2.0
import ipaddress
import socket
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols.dns import fields
from kflowd.protocols.dns.names import EndsError, UnreadableError


@given(st.integers(0, 0xFFFFFFFF))
def test_moments_are_those_of_the_c_library(seconds: int) -> None:
    """All that 32 bits have."""
    wanted = time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds))
    assert fields.moment(seconds.to_bytes(4, "big"), 0, 4) == (wanted, 4)


@given(
    st.binary(min_size=16, max_size=16)
    | st.binary(min_size=4, max_size=4).map(lambda it: bytes(12) + it)
    | st.lists(st.sampled_from([0, 0, 1, 0xFFFF]), min_size=8, max_size=8).map(
        lambda it: b"".join(each.to_bytes(2, "big") for each in it)
    )
)
def test_addresses_are_those_of_inet_ntop(raw: bytes) -> None:
    """Dots and doubled colons included."""
    assert fields.ipv6(raw) == socket.inet_ntop(socket.AF_INET6, raw)
    assert fields.ipv4(raw[:4]) == str(ipaddress.IPv4Address(raw[:4]))


@pytest.mark.parametrize(
    ("read", "raw", "text"),
    [
        (fields.number(2), b"\1\2", "258"),
        (fields.quoted, b"\3a b", '"a b"'),
        (fields.maybe_quoted, b"", ""),
        (fields.maybe_quoted, b"\0", ""),
        (fields.maybe_quoted, b"\1a", '"a"'),
        (fields.scheme, b"\1", "NOTIFY"),
        (fields.scheme, b"\xff", "255"),
        (fields.unquoted, b"\5issue", "issue"),
        (fields.all_quoted, b"\1a\0\1b", '"a" "" "b"'),
        (fields.rest_quoted, b'a"\xff', r'"a\"\255"'),
        (fields.rest_hex, b"\xab\xcd", "abcd"),
        (fields.rest_base64, b"abcd", "YWJjZA=="),
        (fields.all_dashed, b"\0\0\x5e\0\x53\x2a", "00-00-5e-00-53-2a"),
        (fields.salt, b"\0", "-"),
        (fields.salt, b"\2\xaa\xbb", "aabb"),
        (fields.hashed, b"\5" + bytes(range(5)), "000g40o4"),
        (fields.covered, b"\0\x1c", "AAAA"),
        # of RFC 4034 4.3
        (fields.bitmap, bytes.fromhex("000640010000000304" + "1b" + "00" * 26 + "20"),
         "A MX RRSIG NSEC TYPE1234"),
    ],
)  # fmt: skip
def test_fields_are_as_zone_files_have_them(read: fields.Read, raw: bytes, text: str) -> None:
    """All bytes are gone behind each."""
    assert read(b"xx" + raw, 2, 2 + len(raw)) == (text, 2 + len(raw))


@pytest.mark.parametrize(
    "read", [fields.number(4), fields.quoted, fields.unquoted, fields.all_quoted, fields.salt,
             fields.hashed, fields.covered, fields.moment, fields.bitmap]
)  # fmt: skip
def test_a_field_ends_within_its_data(read: Callable[[bytes, int, int], object]) -> None:
    """What is behind them in the message is not read."""
    with pytest.raises(EndsError):
        read(b"\7abcdefghijklm", 0, 1)


def test_bitmaps_ascend_and_hashes_are_not_empty() -> None:
    """Neither is text of nothing."""
    for raw in (b"\1\1\x40\0\1\x40", b"\0\0", b"\0\x21" + bytes(33)):
        with pytest.raises(UnreadableError, match="windows"):
            fields.bitmap(raw, 0, len(raw))
    with pytest.raises(UnreadableError, match="empty"):
        fields.hashed(b"\0", 0, 1)
