# SPDX-License-Identifier: Apache-2.0
"""Fields that the data of resource records is made of, as zone files write them.

Each function takes the message, where the field begins and where the data end, and returns its
text and where it ends.
"""

import ipaddress
from base64 import b32encode, b64encode
from collections.abc import Callable

from kflowd.protocols.dns.codes import type_name
from kflowd.protocols.dns.names import EndsError, UnreadableError, escaped

Read = Callable[[bytes, int, int], tuple[str, int]]

DAY = 86400
SCHEMES = {1: "NOTIFY"}
BASE32_HEX = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghijklmnopqrstuv"
)


def ipv4(raw: bytes) -> str:
    """Return four bytes as an address."""
    return ".".join(map(str, raw))


def ipv6(raw: bytes) -> str:
    """Return sixteen bytes as an address, with dots where inet_ntop has them."""
    if raw.startswith(bytes(10)):
        if raw[10:12] == b"\xff\xff":
            return "::ffff:" + ipv4(raw[12:])
        if raw[10:12] == bytes(2) and raw[12:14] != bytes(2):
            return "::" + ipv4(raw[12:])
    return ipaddress.IPv6Address(raw).compressed


def number(size: int) -> Read:
    """Return what reads an unsigned number."""

    def read(data: bytes, at: int, end: int) -> tuple[str, int]:
        return str(unsigned(data, at, end, size)), at + size

    return read


def unsigned(data: bytes, at: int, end: int, size: int) -> int:
    """Return a number that lies within the data.

    Raises:
        EndsError: It does not.
    """
    if at + size > end:
        raise EndsError("data end early")
    return int.from_bytes(data[at : at + size], "big")


def counted(data: bytes, at: int, end: int) -> bytes:
    """Return the bytes behind the byte that counts them."""
    size = unsigned(data, at, end, 1)
    if at + 1 + size > end:
        raise EndsError("string ends early")
    return data[at + 1 : at + 1 + size]


def quoted(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read a character string."""
    text = counted(data, at, end)
    return f'"{escaped(text)}"', at + 1 + len(text)


def maybe_quoted(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read a character string that may be missing; one of nothing says as much (RFC 1183 3.2)."""
    if at == end:
        return "", at
    text, at = quoted(data, at, end)
    return text if text != '""' else "", at


def unquoted(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read a character string that is a word."""
    text = counted(data, at, end)
    return escaped(text), at + 1 + len(text)


def all_quoted(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read one character string or more."""
    texts: list[str] = []
    while at < end or not texts:
        text, at = quoted(data, at, end)
        texts.append(text)
    return " ".join(texts), at


def rest_quoted(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read what is left as one string."""
    return f'"{escaped(data[at:end])}"', end


def rest_hex(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read what is left as hexadecimal digits."""
    return data[at:end].hex(), end


def rest_base64(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read what is left in base 64."""
    return b64encode(data[at:end]).decode(), end


def all_dashed(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read what is left as an EUI, `00-00-5e-00-53-2a` (RFC 7043)."""
    return data[at:end].hex("-"), end


def salt(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read counted bytes as hexadecimal digits, "-" for none (RFC 5155 3.3)."""
    raw = counted(data, at, end)
    return raw.hex() or "-", at + 1 + len(raw)


def hashed(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read counted bytes in base 32 with the extended alphabet (RFC 5155 3.3)."""
    raw = counted(data, at, end)
    if not raw:
        raise UnreadableError("hash is empty")
    return b32encode(raw).rstrip(b"=").translate(BASE32_HEX).decode(), at + 1 + len(raw)


def covered(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read the number of a type."""
    return type_name(unsigned(data, at, end, 2)), at + 2


def scheme(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read how a DSYNC is used (RFC 9859 2.2)."""
    value = unsigned(data, at, end, 1)
    return SCHEMES.get(value, str(value)), at + 1


def moment(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read seconds since 1970 as YYYYMMDDHHmmSS (RFC 4034 3.2)."""
    seconds = unsigned(data, at, end, 4)
    day, second = divmod(seconds, DAY)
    year, month, day = _civil(day)
    hours, minutes = second // 3600, second // 60 % 60
    return f"{year:04}{month:02}{day:02}{hours:02}{minutes:02}{second % 60:02}", at + 4


def _civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of the days since 1970, counted in years that begin in March."""
    days += 719468  # from 0000-03-01
    era, day = divmod(days, 146097)  # of 400 years
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    first = month < 10
    return (
        year + era * 400 + (not first),
        month + 3 if first else month - 9,
        day - (153 * month + 2) // 5 + 1,
    )


def bitmap(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read what is left as the types that exist at a name (RFC 4034 4.1.2)."""
    names, last = [], -1
    while at < end:
        window = unsigned(data, at, end, 1)
        bits = counted(data, at + 1, end)
        if window <= last or not 1 <= len(bits) <= 32:
            raise UnreadableError("bitmap of types has windows that are none")
        last = window
        at += 2 + len(bits)
        for index, byte in enumerate(bits):
            if byte:
                first = window << 8 | index << 3
                names += [type_name(first | bit) for bit in range(8) if byte << bit & 128]
    return " ".join(names), at
