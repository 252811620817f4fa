# SPDX-License-Identifier: Apache-2.0
"""What documents of foreign schemas have in common: how they are made of a record's values."""

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from kflowd.constants import SECOND_NS
from kflowd.delivery.formats.json import clean
from kflowd.delivery.formats.times import change, duration, instant, second
from kflowd.serialize.blocks.file import FileBlock
from kflowd.serialize.keys import Key, keys_of
from kflowd.serialize.record import FileRecord, OwnedRecord, Record, block_types

NO_ADDRESS = "0.0.0.0"
Document = dict[str, Any]
_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


def encoded(document: Document) -> bytes:
    """Return the text of a document; U+FFFD stands for what is no UTF-8."""
    try:
        return _encode(document)
    except UnicodeEncodeError:  # rare, and found by the failure
        return _encode(_cleaned(document))


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - of JSON
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    return value


def known(**values: Any) -> Document:  # noqa: ANN401 - of JSON
    """Return what is known: a field that has nothing to say is not there."""
    return {
        key: value for key, value in values.items() if value is not UNSET and value not in ("", {})
    }


def date(ns: int) -> str:
    """Return a time, nanoseconds since 1970, in the form of RFC 3339."""
    whole, fraction = divmod(ns, SECOND_NS)
    return f"{instant(whole)}.{fraction:09d}Z"


def text(value: int | UnsetType) -> str | UnsetType:
    """Return a number as text, as ids are written."""
    return value if value is UNSET else str(value)


def happened(counts: Mapping[str, int], words: Mapping[str, _T]) -> list[_T]:
    """Return the words for what happened, in their order: what says most is first."""
    return [words[name] for name in words if name in counts]


def began_ns(record: OwnedRecord) -> int | None:
    """Return when the process of a record was forked, if that follows from its age and its time.

    The age is that of the last event, which is earlier than the time of a file's record that a
    sweep ended; whether one did is not told by records of `--strict`.

    Returns:
        Nanoseconds since 1970.
    """
    if record.age is None or record.process.ProcPID is UNSET:
        return None
    if isinstance(record, FileRecord):
        notes = () if record.notes is None else record.notes.FileNotes
        if record.details is None or "STALE" in notes:
            return None
    return record.stamp.InfoTimestamp - record.age.ProcAge


class Names(NamedTuple):
    """How a file is called.

    Attributes:
        path: Whole.
        directory: Without a slash at its end, but for the root.
        extension: "" if there is none.
    """

    path: str
    directory: str
    extension: str


def names_of(file: FileBlock) -> Names:
    """Return how a file is called."""
    stem, dot, extension = file.File.rpartition(".")
    return Names(
        path=file.FilePath + file.File,
        directory=file.FilePath.rstrip("/") or file.FilePath,
        extension=extension if stem and dot else "",
    )


def _time(ns: int) -> str:
    whole, fraction = divmod(ns, SECOND_NS)
    return f"{second(whole)}.{fraction:09d} UTC"


# How values stand in JSON, as `json-min` has them; kinds that are not here are JSON as they are.
_AS_JSON: dict[str, Callable[[Any], Any]] = {
    "duration": lambda ns: msgspec.Raw(duration(ns).encode()),
    "change": lambda ns: msgspec.Raw(change(ns).encode()),
    "time": _time,
    "instant": date,
    "counts": lambda counts: dict(counts.pairs),
}


# Returns how values of a key are written, None: as they are.
Writer = Callable[[Any], Any]
Writers = Callable[[Key], Writer | None]


def as_json(key: Key) -> Writer | None:
    """Return how values of a key become JSON, as `json-min` has them."""
    return _AS_JSON.get(key.kind)


class Rest:
    """Takes what has no place of its own in a document, by its key.

    Args:
        placed: The keys that have one.
        writers: How values of the others are written.
    """

    def __init__(self, placed: frozenset[str] = frozenset(), writers: Writers = as_json) -> None:
        self._placed = placed
        self._writers = writers
        self._takers: dict[type[Record], tuple[_Taker, ...]] = {}

    def __call__(self, record: Record) -> Document:
        """Return the rest of a record."""
        kind = type(record)
        takers = self._takers.get(kind)
        if takers is None:
            takers = self._takers[kind] = tuple(self._made(kind))
        found: Document = {}
        for block_of, keys in takers:
            block = block_of(record)
            if block is None:
                continue
            for name, value_of, write in keys:
                value = value_of(block)
                if value is not UNSET:
                    found[name] = value if write is None else write(value)
        return found

    def _made(self, kind: type[Record]) -> Iterator["_Taker"]:
        for member, (block, _) in block_types(kind).items():
            keys = tuple(
                (key.name, attrgetter(key.name), self._writers(key))
                for key in keys_of(block)
                if key.name not in self._placed
            )
            if keys:
                yield attrgetter(member), keys


# Takes a block of a record, and values of it.
_Taker = tuple[Callable[[Any], Any], tuple[tuple[str, Callable[[Any], Any], Writer | None], ...]]
