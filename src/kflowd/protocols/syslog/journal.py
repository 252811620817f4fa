# SPDX-License-Identifier: Apache-2.0
"""Entries of the journal's native protocol (systemd, "Native Journal Protocol") become members.

A field is `NAME=value` and a line feed; or `NAME`, a line feed, eight bytes that count the value,
lowest first, the value and a line feed. An empty line ends an entry.
"""

from typing import Any

from kflowd.protocols.base import Limits
from kflowd.protocols.syslog.members import USER, Fields, members_of, text_of, undecodable

COUNT_BYTES = 8
INFORMATIONAL = 6  # what systemd-journald takes an entry for that has no priority
NAMES = frozenset(
    [
        b"MESSAGE",
        b"PRIORITY",
        b"SYSLOG_FACILITY",
        b"SYSLOG_IDENTIFIER",
        b"SYSLOG_PID",
        b"SYSLOG_TIMESTAMP",
    ]
)


def decode(raw: bytes, limits: Limits, *, whole: bool) -> list[tuple[dict[str, Any], list[str]]]:
    """Return members and notes of each entry; one without a message has none.

    Args:
        raw: A datagram, or its first bytes.
        limits: How much of it is shown.
        whole: No byte of it is missing: a value that ends early is its own fault.
    """
    entries, good = split(raw, whole=whole)
    found = []
    for entry in entries:
        if entry.get(b"MESSAGE"):
            members, cut = members_of(_fields(entry), limits)
            found.append((members, ["CUT"] if cut else []))
    if not good:
        members, cut = undecodable(raw, limits)
        found.append((members, ["MALFORMED", "CUT"] if cut else ["MALFORMED"]))
    return found


def split(raw: bytes, *, whole: bool) -> tuple[list[dict[bytes, bytes]], bool]:
    """Return the fields of each entry, the first of a name, and whether all bytes are some."""
    entries: list[dict[bytes, bytes]] = [{}]
    at, end = 0, len(raw)
    while at < end:
        stop = raw.find(b"\n", at)
        stop = end if stop < 0 else stop
        line = raw[at:stop]
        at = stop + 1
        if not line:
            entries.append({})
            continue
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(raw[at : at + COUNT_BYTES], "little")
            at += COUNT_BYTES
            value = raw[at : at + size]
            at += size + 1
            if at - 1 > end:
                if whole:
                    return entries, False
                if at - 1 - size > end:
                    break
            elif raw[at - 1 : at] not in (b"\n", b""):
                return entries, False
        if name in NAMES:
            entries[-1].setdefault(name, value)
    return entries, True


def _fields(entry: dict[bytes, bytes]) -> Fields:
    """Return the fields of an entry, numbers that are none as if they were not there."""
    severity = _number(entry.get(b"PRIORITY", b""), 8, INFORMATIONAL)
    facility = _number(entry.get(b"SYSLOG_FACILITY", b""), 24, USER)
    return Fields(
        facility << 3 | severity,
        timestamp=text_of(entry.get(b"SYSLOG_TIMESTAMP", b"")).strip(),
        appname=text_of(entry.get(b"SYSLOG_IDENTIFIER", b"")),
        procid=text_of(entry.get(b"SYSLOG_PID", b"")).strip(),
        message=text_of(entry[b"MESSAGE"]),
    )


def _number(text: bytes, end: int, default: int) -> int:
    text = text.strip()
    return int(text) if text.isdigit() and len(text) < 4 and int(text) < end else default
