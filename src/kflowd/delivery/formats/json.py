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

from kflowd.delivery.formats.compiled import Style, Write, constant_writer, record_writer
from kflowd.delivery.formats.times import change, duration, timestamp
from kflowd.serialize.keys import Block, Counts
from kflowd.serialize.record import Record

INDENT = 2
# Values whose text is kept: processes and sets of counts that are in use within some seconds.
MAX_KEPT = 4096

_encode = msgspec.json.Encoder().encode


PRETTY = Style("{\n  ", ",\n  ", "\n}")
SHORT = Style("{", ", ", "}")


class JsonFormat:
    """Makes the text of records.

    Args:
        style: PRETTY or SHORT.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        indent = INDENT if style is PRETTY else None
        # how each kind of value is written; None: as Python writes it
        self._values: dict[str, Write | None] = {
            "int": None,
            "str": encode_basestring,
            "duration": duration,
            "change": change,
            "time": _time,
            "strings": strings,
            "counts": Kept(lambda counts: _counts(counts, indent)),
            "objects": lambda value: nested(value, indent),
            "constant": Kept(self._constant),
        }
        self._writers: dict[type[Record], Callable[[Record], str]] = {}
        self._constants: dict[type[Block], Callable[[Block], str]] = {}

    def __call__(self, record: Record) -> bytes:
        """Return the text of a record, without a line end."""
        kind = type(record)
        write = self._writers.get(kind)
        if write is None:
            write = self._writers[kind] = record_writer(kind, self._style, self._values)
        text = write(record)
        try:
            return text.encode()
        except UnicodeEncodeError:  # bytes that are no UTF-8 are rare, and found by the failure
            return clean(text).encode()

    def _constant(self, block: Block) -> str:
        """Return the members of a constant block, each behind a separator."""
        kind = type(block)
        write = self._constants.get(kind)
        if write is None:
            write = self._constants[kind] = constant_writer(kind, self._style, self._values)
        return write(block)


class Kept(dict[int, tuple[object, str]]):
    """Remembers the text of objects that come again, by their id; the object is kept with it.

    Args:
        write: Makes the text.
    """

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write

    def __call__(self, value: object) -> str:
        """Return the text of an object that does not change."""
        known = self.get(id(value))
        if known is None:
            if len(self) >= MAX_KEPT:
                self.clear()
            known = self[id(value)] = (value, self._write(value))
        return known[1]


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


def _counts(value: Counts, indent: int | None) -> str:
    # names of events and flags need no escapes
    return _enclosed("{", [f'"{name}": {count}' for name, count in value.pairs], "}", indent)


def _time(ns: int) -> str:
    return f'"{timestamp(ns)}"'
