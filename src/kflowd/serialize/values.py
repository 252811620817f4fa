# SPDX-License-Identifier: Apache-2.0
"""Single values of records: modes, permissions, addresses, counts. Pure; caches are bounded."""

import ipaddress
import stat
from errno import EDEADLK, EOPNOTSUPP, errorcode
from functools import lru_cache

from kflowd.constants import AF_INET
from kflowd.serialize.blocks.file import FILE_EVENTS
from kflowd.serialize.keys import Counts

TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")  # bit 0 first
# Records that come together share counts, modes, addresses.
CACHED = 4096


# of numbers with two names Python has the C library's
_KERNELS_WORDS = {EDEADLK: "EDEADLK", EOPNOTSUPP: "EOPNOTSUPP"}


@lru_cache(CACHED)
def permissions(mode: int) -> str:
    """Return `0755/-rwxr-xr-x` for an i_mode; the letters are those of ls."""
    return f"{mode & 0o7777:04o}/{stat.filemode(mode)}"


def file_mode(mode: int, nlink: int) -> str:
    """Return symlink, directory, hardlink or regular."""
    if stat.S_ISLNK(mode):
        return "symlink"
    if stat.S_ISDIR(mode):
        return "directory"
    return "hardlink" if nlink > 1 else "regular"


@lru_cache(CACHED)
def file_events(counts: tuple[int, ...]) -> Counts:
    """Return the events that happened, in the order of enum kf_file_event."""
    return Counts(tuple((name, n) for (name, _), n in zip(FILE_EVENTS, counts, strict=True) if n))


def error_name(number: int) -> str:
    """Return the kernel's name of an errno: 13 is "EACCES"; what has none is its number."""
    return _KERNELS_WORDS.get(number) or errorcode.get(number, str(number))


@lru_cache(CACHED)
def tcp_flags(bits: bytes, counts: tuple[int, ...]) -> Counts:
    """Return the packets by flags, in the order of first appearance."""
    histogram: dict[str, int] = {}
    for slot, count in zip(bits, counts, strict=True):
        if count:
            name = flag_names(slot)
            histogram[name] = histogram.get(name, 0) + count
    return Counts(tuple(histogram.items()))


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
