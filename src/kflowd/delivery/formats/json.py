# SPDX-License-Identifier: Apache-2.0
"""Records as JSON text: `json-min` on one line, `json` in the contract's indented layout.

The layouts have spaces that no JSON library writes. So for each kind of record a function is made
of its blocks' keys (`kflowd.delivery.formats.compiled`), in which only the values are missing. What
many records share (a host, a process, a set of counts) is written once and kept. There is no second
pass over a text.
"""

from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Any

import msgspec

from kflowd.delivery.formats.compiled import (
    Language,
    Style,
    Value,
    constant_writer,
    record_writer,
)
from kflowd.delivery.formats.times import change, instant, second
from kflowd.serialize.keys import Block, Counts
from kflowd.serialize.record import Record

INDENT = 2
# Values whose text is kept: processes and sets of counts that are in use within some seconds.
MAX_KEPT = 4096

_encode = msgspec.json.Encoder().encode

PRETTY = Style("{\n  ", ",\n  ", "\n}")
SHORT = Style("{", ", ", "}")


# How the kinds of values are written; what is called here is C, but for what is kept or seldom.
# A time is a second, which many records share, and its fraction.
VALUES = {
    "int": Value("{$value}"),
    "str": Value("{_quote($value)}"),
    "duration": Value(
        "{$local}",
        (
            "$local = str($value).zfill(10)",
            "$local = f'{$local[:-9]}.{$local[-9:]}' if $value > 0 else 0",
        ),
    ),
    "change": Value("{_change($value)}"),
    "time": Value('"{_second($value // 1000000000)}.{str($value % 1000000000).zfill(9)} UTC"'),
    "instant": Value('"{_instant($value // 1000000000)}.{str($value % 1000000000).zfill(9)}Z"'),
    "strings": Value("{_strings($value)}"),
    "ints": Value("[{', '.join(map(str, $value))}]"),
    "counts": Value("{_known(_id($value)) or _keep($value)}"),
    "object": Value("{_nested($value)}"),
    "objects": Value("{_nested($value)}"),
    "values": Value("{_nested($value)}"),
    "constant": Value("{_known(_id($value)) or _keep($value)}"),
}


class JsonFormat:
    """Makes the text of records.

    Args:
        style: PRETTY or SHORT.
    """

    def __init__(self, style: Style) -> None:
        self._indent = INDENT if style is PRETTY else None
        # texts of objects that come again, by id; the objects are kept, so that ids stay theirs
        self._texts: dict[int, str] = {}
        self._objects: list[object] = []
        names = {
            "_quote": encode_basestring,
            "_second": second,
            "_instant": instant,
            "_change": change,
            "_strings": strings,
            "_nested": lambda value: nested(value, self._indent),
            "_known": self._texts.get,
            "_id": id,
            "_keep": self._keep,
        }
        self._language = Language(style, VALUES, names)
        self._writers: dict[type[Record], Callable[[Record], str]] = {}
        self._constants: dict[type[Block], Callable[[Block], str]] = {}

    def __call__(self, record: Record) -> bytes:
        """Return the text of a record, without a line end."""
        kind = type(record)
        write = self._writers.get(kind)
        if write is None:
            write = self._writers[kind] = record_writer(kind, self._language)
        text = write(record)
        try:
            return text.encode()
        except UnicodeEncodeError:  # bytes that are no UTF-8 are rare, and found by the failure
            return clean(text).encode()

    def _keep(self, value: Block | Counts) -> str:
        """Return the text of an object that many records share, and keep it."""
        if len(self._objects) >= MAX_KEPT:
            self._texts.clear()
            self._objects.clear()
        if isinstance(value, Counts):
            # names of events and flags need no escapes
            pairs = [f'"{name}": {count}' for name, count in value.pairs]
            text = _enclosed("{", pairs, "}", self._indent)
        else:
            text = self._constant(value)
        self._objects.append(value)
        self._texts[id(value)] = text
        return text

    def _constant(self, block: Block) -> str:
        """Return the members of a constant block, each behind a separator."""
        kind = type(block)
        write = self._constants.get(kind)
        if write is None:
            write = self._constants[kind] = constant_writer(kind, self._language)
        return write(block)


def strings(texts: Sequence[str]) -> str:
    """Return a list of texts on one line."""
    return "[" + ", ".join(map(encode_basestring, texts)) + "]"


def clean(text: str) -> str:
    """Return text with U+FFFD for what was not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "replace").decode("utf-8")


def nested(value: Any, indent: int | None) -> str:  # noqa: ANN401 - any JSON value
    """Return any value in the contract's layout.

    Scalars of a list stay on one line, `["QR", "RD"]`. Objects of a list open on the line of the
    key, `[{`, and are indented as the key is. Lists in a list stand each on its own line.

    Args:
        value: Of a member, as JSON has it; Raw is taken as it is.
        indent: Spaces before the member; None: all on one line.
    """
    if isinstance(value, dict):
        deeper = _deeper(indent)
        pairs = [f"{encode_basestring(key)}: {nested(each, deeper)}" for key, each in value.items()]
        return _enclosed("{", pairs, "}", indent)
    if isinstance(value, list | tuple):
        return _list(value, indent)
    if isinstance(value, str):
        return encode_basestring(value)
    return (bytes(value) if isinstance(value, msgspec.Raw) else _encode(value)).decode()


def _list(values: Sequence[Any], indent: int | None) -> str:
    if not any(isinstance(each, dict | list | tuple) for each in values):
        return "[" + ", ".join(nested(each, None) for each in values) + "]"
    if isinstance(values[0], dict):
        between = ", " if indent is None else ",\n" + " " * indent
        return "[" + between.join(nested(each, indent) for each in values) + "]"
    return _enclosed("[", [nested(each, _deeper(indent)) for each in values], "]", indent)


def _enclosed(begin: str, members: list[str], end: str, indent: int | None) -> str:
    """Return members between brackets, each on a line of its own if there is an indent."""
    if not members:
        return begin + end
    if indent is None:
        return begin + ", ".join(members) + end
    line = "\n" + " " * (indent + INDENT)
    return begin + line + ("," + line).join(members) + "\n" + " " * indent + end


def _deeper(indent: int | None) -> int | None:
    return None if indent is None else indent + INDENT
