# SPDX-License-Identifier: Apache-2.0
"""Records as entries of the systemd journal, in its native protocol.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL: a field is `NAME=value` and a line end; one whose value
has line ends is its name, a line end, the length in eight bytes, the value, a line end.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import UNSET

from kflowd.constants import SECOND_NS
from kflowd.delivery.formats.json import clean, nested, strings
from kflowd.delivery.formats.kept import Kept
from kflowd.delivery.formats.times import change, duration, instant, second
from kflowd.serialize import Record
from kflowd.serialize.keys import Block, ConstantBlock, Counts, keys_of
from kflowd.serialize.record import block_types

INFORMATIONAL, DAEMON = 6, 3
HEAD = f"PRIORITY={INFORMATIONAL}\nSYSLOG_FACILITY={DAEMON}\nSYSLOG_IDENTIFIER=kflowd\n"
PREFIX = "KFLOWD_"
MOST_NAME = 64
# members of counts and objects: events, flags
CACHED = 1024
# what a name of a field can have
_NO_NAME = re.compile(r"[^A-Z0-9_]")
# Lists of words, each of which is a value of the field: one can be searched for.
_WORDS = ("FileNotes", "ProcNotes", "SockNotes")

# Makes the fields of a value, of the name of its key's.
Write = Callable[[str, Any], str]


class Part(NamedTuple):
    """A block of a kind of record.

    Attributes:
        place: Member of the record.
        constant: Many records share it.
        keys: Its keys, each with the name of its field and what makes fields of a value.
    """

    place: str
    constant: bool
    keys: Sequence[tuple[str, str, Write]]


class JournalFormat:
    """Makes entries of the journal: the text of a record is MESSAGE, its keys are KFLOWD_*.

    Bytes that are no UTF-8 are in a value as they were: the journal takes any.

    Args:
        text: Makes the text of a record.
    """

    def __init__(self, text: Callable[[Record], bytes]) -> None:
        self._text = text
        self._parts: dict[type[Record], list[Part]] = {}
        self._keys: dict[type[Block], Part] = {}
        self._kept: Kept[Block] = Kept(lambda block: _block(block, self._keys[type(block)]))

    def __call__(self, record: Record) -> bytes:
        """Return the entry of a record."""
        kind = type(record)
        parts = self._parts.get(kind)
        if parts is None:
            parts = self._parts[kind] = self._made(kind)
        texts = [HEAD]
        for part in parts:
            block = getattr(record, part.place)
            if block is not None:
                texts.append(self._kept(block) if part.constant else _block(block, part))
        message = self._text(record)
        return b"".join((_message(message), "".join(texts).encode("utf-8", "surrogateescape")))

    def _made(self, kind: type[Record]) -> list[Part]:
        found = []
        for place, (block, _) in block_types(kind).items():
            keys = [(key.name, field_name(key.name), _FIELDS[key.kind]) for key in keys_of(block)]
            keys = [(name, field, _words if name in _WORDS else make) for name, field, make in keys]
            part = Part(place, issubclass(block, ConstantBlock), keys)
            found.append(part)
            self._keys[block] = part
        return found


def field_name(key: str, member: str = "") -> str:
    """Return the field of a key: `KFLOWD_FILEEVENTS_MODIFY` of FileEvents and MODIFY."""
    name = PREFIX + key.upper()
    return _member(name, member) if member else name


def _message(text: bytes) -> bytes:
    if b"\n" not in text:
        return b"MESSAGE=%s\n" % text
    return b"MESSAGE\n%s%s\n" % (len(text).to_bytes(8, "little"), text)


def _block(block: Block, part: Part) -> str:
    """Return the fields of a block; bytes of lengths as those of names that are no UTF-8."""
    texts = []
    for name, field, write in part.keys:
        value = getattr(block, name)
        if value is not UNSET:
            texts.append(write(field, value))
    return "".join(texts)


def _plain(name: str, value: object) -> str:
    """Return the field of a value whose text is ASCII on one line."""
    return f"{name}={value}\n"


def _field(name: str, value: str) -> str:
    if not value.isascii():
        value = _encodable(value)
    if "\n" not in value:
        return f"{name}={value}\n"
    size = len(value.encode("utf-8", "surrogateescape"))
    length = size.to_bytes(8, "little").decode("ascii", "surrogateescape")
    return f"{name}\n{length}{value}\n"


def _encodable(value: str) -> str:
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return clean(value)
    return value


def _words(name: str, values: Sequence[str]) -> str:
    return "".join([_field(name, value) for value in values])


def _counts(name: str, value: Counts) -> str:
    return "".join([f"{_member(name, each)}={count}\n" for each, count in value.pairs])


def _object(name: str, value: dict[str, str]) -> str:
    return "".join([_field(_member(name, each), text) for each, text in value.items()])


@lru_cache(CACHED)
def _member(name: str, member: str) -> str:
    return f"{name}_{_NO_NAME.sub('_', member.upper())}"[:MOST_NAME]


def _time(name: str, at: int) -> str:
    return f"{name}={second(at // SECOND_NS)}.{at % SECOND_NS:09d} UTC\n"


def _instant(name: str, at: int) -> str:
    return f"{name}={instant(at // SECOND_NS)}.{at % SECOND_NS:09d}Z\n"


# by the kind of a key, as json-min writes it
_FIELDS: dict[str, Write] = {
    "int": _plain,
    "str": _field,
    "duration": lambda name, value: f"{name}={duration(value)}\n",
    "change": lambda name, value: f"{name}={change(value)}\n",
    "time": _time,
    "instant": _instant,
    "strings": lambda name, values: _field(name, strings(values)),
    "ints": lambda name, values: _plain(name, nested(values, None)),
    "counts": _counts,
    "object": _object,
    "objects": lambda name, values: _field(name, nested(values, None)),
    "values": lambda name, values: _field(name, nested(values, None)),
}
