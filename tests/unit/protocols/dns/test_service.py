# SPDX-License-Identifier: Apache-2.0
import struct

import pytest

from kflowd.protocols.dns.names import UnreadableError
from kflowd.protocols.dns.service import key_name, parameters


def wire(*pairs: tuple[int, bytes]) -> bytes:
    """Return parameters as the wire has them."""
    return b"".join(struct.pack(">HH", key, len(value)) + value for key, value in pairs)


@pytest.mark.parametrize(
    ("pair", "text"),
    [
        ((0, b"\0\1\0\4"), 'mandatory="alpn,ipv4hint"'),
        ((1, b"\2h3\2h2"), 'alpn="h3,h2"'),
        ((1, b"\4f\\,o\1,"), r'alpn="f\\\\\\,o,\\,"'),
        ((2, b""), "no-default-alpn"),
        ((3, b"\1\xbb"), 'port="443"'),
        ((4, b"\xc0\0\2\1\xc0\0\2\2"), 'ipv4hint="192.0.2.1,192.0.2.2"'),
        ((5, b"\0\1\2"), 'ech="AAEC"'),
        ((6, bytes(15) + b"\1"), 'ipv6hint="::1"'),
        ((7, b"/q{?dns}"), 'dohpath="/q{?dns}"'),
        ((667, b"hello"), 'key667="hello"'),
        ((667, b""), "key667"),
    ],
)
def test_parameters_are_as_zone_files_have_them(pair: tuple[int, bytes], text: str) -> None:
    """Values are quoted, those that are lists have commas; nothing is lost."""
    raw = wire(pair)
    assert parameters(b"x" + raw, 1, 1 + len(raw)) == (text, 1 + len(raw))


@pytest.mark.parametrize(
    "pairs",
    [
        ((3, b"\1"),),
        ((3, b""),),
        ((1, b""),),
        ((1, b"\0"),),
        ((1, b"\5h3"),),
        ((2, b"x"),),
        ((4, b"abc"),),
        ((6, b""),),
        ((0, b"\0"),),
        ((0, b"\0\0"),),
        ((0, b"\0\1\0\1"),),
        ((8, b"x"),),
        ((3, b"\1\xbb"), (1, b"\2h2")),
        ((3, b"\1\xbb"), (3, b"\1\xbb")),
    ],
)
def test_what_is_none_is_told(pairs: tuple[tuple[int, bytes], ...]) -> None:
    """Lengths, order, lists."""
    raw = wire(*pairs)
    with pytest.raises(UnreadableError):
        parameters(raw, 0, len(raw))


def test_a_parameter_ends_within_the_data() -> None:
    """A length that goes beyond is told by its key."""
    raw = wire((1, b"\2h2"))
    with pytest.raises(UnreadableError, match="alpn is longer"):
        parameters(raw, 0, len(raw) - 1)
    assert (key_name(5), key_name(9)) == ("ech", "key9")
