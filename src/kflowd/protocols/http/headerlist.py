# SPDX-License-Identifier: Apache-2.0
"""What a header list of HTTP/2 says: its first line and its headers, RFC 9113 section 8."""

import re
from collections.abc import Collection

from kflowd.protocols.http import words
from kflowd.protocols.http.fields import Fields
from kflowd.protocols.http.headerblock import UNKNOWN, Field
from kflowd.protocols.http.startline import LEAST_STATUS, StartLine, complaints_of, text_of

VERSION = "HTTP/2"
OF_ANSWER = frozenset({b":status"})
OF_REQUEST = frozenset({b":method", b":scheme", b":authority", b":path", b":protocol"})
# what the first line shows
FIRST = frozenset({b":method", b":path", b":status"})
NEEDED = (b":method", b":scheme", b":path")
NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
UPPER = re.compile(rb"[A-Z]")
STATUS = re.compile(rb"[0-9]{3}")
# of a connection of HTTP/1 (section 8.2.2)
OF_CONNECTION = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade",
})  # fmt: skip


def known_names(fields: list[Field]) -> bool:
    """Say whether no name is one of a table that was not seen; no peer can send such a one."""
    return not any(name is UNKNOWN for name, _ in fields)


def first_line(fields: list[Field], *, answer: bool, whole: bool) -> StartLine:
    """Return the first line that pseudo-headers stand for, each the first of its name.

    Args:
        fields: The list.
        answer: It is a response.
        whole: All of it is there and known: what is not in it was not sent.
    """
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        if name[:1] == b":":
            found.setdefault(name, value)
        elif name is not UNKNOWN:
            break
    if not whole:
        found = dict.fromkeys(FIRST, UNKNOWN) | found
    line = _answer(found) if answer else _request(found)
    if not whole and words.MISSING_PSEUDO in line.complaints:
        line.complaints.remove(words.MISSING_PSEUDO)
    return line


def _answer(found: dict[bytes, bytes]) -> StartLine:
    status = found.get(b":status")
    if status is None:
        return StartLine({"_Version": VERSION}, VERSION, complaints=[words.MISSING_PSEUDO])
    right = STATUS.fullmatch(status) and int(status) >= LEAST_STATUS
    return StartLine(
        {"_Version": VERSION, "_Status": int(status) if right else text_of(status)},
        VERSION,
        complaints=[] if right or status is UNKNOWN else [words.BAD_STATUS],
    )


def _request(found: dict[bytes, bytes]) -> StartLine:
    method, target = found.get(b":method"), found.get(b":path")
    needed: Collection[bytes] = NEEDED
    if method == b"CONNECT" and b":protocol" not in found:
        target, needed = found.get(b":authority", target), (b":authority",)
    complaints = [] if found.keys() >= set(needed) else [words.MISSING_PSEUDO]
    complaints += complaints_of(_sent(method), _sent(target))
    members: dict[str, str | int] = {}
    if method is not None:
        members["_Method"] = text_of(method)
    if target is not None:
        members["_Url"] = text_of(target)
    return StartLine(members | {"_Version": VERSION}, VERSION, complaints=complaints)


def _sent(value: bytes | None) -> str:
    """Return a value that somebody sent, and for any other one with which nothing is wrong."""
    return "*" if value is None or value is UNKNOWN else text_of(value)


def add(fields: Fields, block: list[Field], expected: Collection[bytes] = ()) -> None:
    """Add headers without those that a first line shows.

    Args:
        fields: Takes them.
        block: The list.
        expected: Pseudo-headers that it may have, each once and ahead of all others.
    """
    left = set(expected)
    for name, value in block:
        if name is UNKNOWN:
            fields.put(text_of(name), text_of(value))
        elif name[:1] == b":":
            pseudo = name in left
            left.discard(name)
            if not pseudo:
                fields.complain(words.ODD_PSEUDO)
            elif name in FIRST:
                continue
            _check_value(fields, value)
            fields.put(text_of(name), text_of(value), pseudo=pseudo)
        else:
            left.clear()
            if not NAME.fullmatch(name):
                fields.complain(words.UPPER_NAME if UPPER.search(name) else words.BAD_NAME)
            elif name in OF_CONNECTION or (name == b"te" and value != b"trailers"):
                fields.complain(words.OF_CONNECTION)
            _check_value(fields, value)
            fields.put(text_of(name), text_of(value))


def _check_value(fields: Fields, value: bytes) -> None:
    if value is UNKNOWN:
        return
    if CONTROL.search(value):
        fields.complain(words.BAD_VALUE)
    if value.strip(b" \t") != value:
        fields.complain(words.SPACE_AROUND)
