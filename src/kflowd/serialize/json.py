# SPDX-License-Identifier: Apache-2.0
"""Records as JSON text: `json-min` on one line, `json` in the contract's indented layout."""

import re

import msgspec

from kflowd.serialize.values import clean

_encoder = msgspec.json.Encoder()
INDENT = 2
# How an array of the record begins and ends, nothing else does: line ends in strings are escaped.
_ARRAY_BEGIN = b"[\n"
_ARRAY_END = b"\n  ]"
_ITEM = b"\n    "
_NESTED = (b"    {", b"    [")
# An array of scalars as msgspec lays it out.
_FLAT_ARRAY = re.compile(rb'\[\n((?: +["\-0-9tfn][^\n]*\n)+) +\](?=,?(?:\n|\Z))')


def encode_min(record: msgspec.Struct) -> bytes:
    """Return a record on one line: members `"key": value`, separated by ", "."""
    return msgspec.json.format(_encode(record), indent=0)


def encode_pretty(record: msgspec.Struct) -> bytes:
    """Return a record in the indented layout."""
    return arrange(msgspec.json.format(_encode(record), indent=INDENT))


def _encode(record: msgspec.Struct) -> bytes:
    """Return a record as compact JSON; text that is not UTF-8 is rare and found by the failure."""
    try:
        return _encoder.encode(record)
    except UnicodeEncodeError:
        for name in record.__struct_fields__:
            setattr(record, name, clean(getattr(record, name)))
        return _encoder.encode(record)


def arrange(text: bytes) -> bytes:
    r"""Lay out the arrays in JSON text that msgspec has indented.

    Scalars stay on one line, `["QR", "RD"]`. Objects open on the line of the key, `[{`, and are
    indented as the key is. Arrays stand each on its own line.
    """
    pieces: list[bytes] = []
    done = 0
    # a bracket alone is found much faster than one with the line end, which is everywhere
    start = text.find(b"[")
    while start >= 0:
        # the arrays of the record itself; those in them are found inside
        if not text.startswith(_ARRAY_BEGIN, start):
            start = text.find(b"[", start + 1)
            continue
        line = text.rfind(b"\n", 0, start) + 1
        if text[line + INDENT : line + INDENT + 1] != b'"':
            return _arrange_all(text)
        end = text.find(_ARRAY_END, start)
        end += len(_ARRAY_END)
        pieces += (text[done:start], _arrange_array(text[start:end]))
        done = end
        start = text.find(b"[", done)
    return b"".join((*pieces, text[done:])) if pieces else text


def _arrange_array(text: bytes) -> bytes:
    """Lay out one array of a record."""
    inside = text[len(_ARRAY_BEGIN) : -len(_ARRAY_END)]
    if inside.startswith(_NESTED):
        return _arrange_all(text)
    return b"[" + inside[len(_ITEM) - 1 :].replace(_ITEM, b" ") + b"]"


def _arrange_all(text: bytes) -> bytes:
    """Lay out arrays wherever they are."""
    return _arrange_objects(_FLAT_ARRAY.sub(_one_line, text))


def _one_line(match: re.Match[bytes]) -> bytes:
    """Return an array of scalars on one line."""
    return b"[" + b" ".join(line.strip(b" ") for line in match[1].strip(b"\n").split(b"\n")) + b"]"


def _arrange_objects(text: bytes) -> bytes:
    """Open arrays of objects on the line of their key."""
    lines = text.split(b"\n")
    out: list[bytes] = []
    arrays: list[bool] = []  # open arrays that are not flat: True if of objects
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        body = line.lstrip(b" ")
        if body in {b"]", b"],"} and arrays.pop():
            out[-1] += body
            continue
        line = line[INDENT * sum(arrays) :]
        if body.endswith(b"["):
            of_objects = lines[number].strip(b" ") == b"{"
            arrays.append(of_objects)
            if of_objects:
                number += 1
                line += b"{"
        out.append(line)
    return b"\n".join(out)
