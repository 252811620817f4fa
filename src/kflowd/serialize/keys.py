# SPDX-License-Identifier: Apache-2.0
"""How the keys of records are declared: a block is a Struct whose members are the keys.

A member's type says what kind of value it is, `says` what it means and when it is there. Whatever
lists keys (the writers, docs/fields.md, later legend and schema) reads it from there. Values are
neutral: times and durations are nanoseconds, counts are names with numbers; text is made of them by
a format (`kflowd.delivery.formats`).
"""

import functools
import types
import typing
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import UnsetType


class Unit(NamedTuple):
    """What kind of value an integer is."""

    kind: str


# Nanoseconds: since 1970 (maybe negative), a span of time (what is negative, because two CPUs took
# the times, counts as 0), how far a time was moved (maybe back). They are plain integers, as a call
# for each value would cost more than its text.
Time = Annotated[int, Unit("time")]
Instant = Annotated[int, Unit("instant")]  # a time, too; formats write it as RFC 3339 has it
Duration = Annotated[int, Unit("duration")]
Change = Annotated[int, Unit("change")]


class Counts(msgspec.Struct, frozen=True, gc=False):
    """How often things happened, by name, in a fixed order; equal ones are mostly one object."""

    pairs: tuple[tuple[str, int], ...]


class Block(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Some keys that belong together. They are given by name; none has a default that hides one."""


class ConstantBlock(Block, frozen=True, kw_only=True, gc=False):
    """A block that many records share as one object: its text is made once per format."""


class Says(NamedTuple):
    """What a key means, and what has to be so for it to be there; "" is always.

    `extra`: it goes beyond the contract, in a block of the contract.
    """

    legend: str
    when: str = ""
    extra: bool = False


class Key(NamedTuple):
    """One key of a record.

    Attributes:
        name: The key.
        kind: "str", "int", "duration", "change", "time", "instant", "counts" (object of integers),
            "strings" (list), "ints" (list), "object" (of texts), "objects" (list of objects),
            "values" (object of anything).
        legend: What the value is.
        when: What has to be so for the key to be there; "" is always.
        optional: It may be absent (UNSET).
        extra: It goes beyond the contract; --strict leaves it out.
    """

    name: str
    kind: str
    legend: str
    when: str
    optional: bool
    extra: bool = False


_KINDS: dict[Any, str] = {
    str: "str",
    int: "int",
    Counts: "counts",
    tuple[str, ...]: "strings",
    tuple[int, ...]: "ints",
    dict[str, str]: "object",
    list[dict[str, Any]]: "objects",
    dict[str, Any]: "values",
}


_T = TypeVar("_T")


@functools.cache
def keys_of(block: type[Block]) -> tuple[Key, ...]:
    """Return the keys of a block in their order.

    Raises:
        TypeError: If a member has a type that is no kind, or says nothing.
    """
    hints = typing.get_type_hints(block, include_extras=True)
    return tuple(_key(block, name, hints[name]) for name in block.__struct_fields__)


def _key(block: type[Block], name: str, hint: Any) -> Key:  # noqa: ANN401 - a type expression
    says = _note(hint, Says)
    if says is None:
        raise TypeError(f"{block.__name__}.{name} does not say what it means")
    kind, unit, optional = hint.__origin__, _note(hint, Unit), False
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        (kind,) = (each for each in typing.get_args(kind) if each is not UnsetType)
        unit, optional = _note(kind, Unit), True
    word = unit.kind if unit else _KINDS.get(kind)
    if word is None:
        raise TypeError(f"{block.__name__}.{name} has a type that is no kind of value: {kind}")
    return Key(name, word, says.legend, says.when, optional, says.extra)


def _note(hint: Any, kind: type[_T]) -> _T | None:  # noqa: ANN401 - a type expression
    """Return the note of a kind in an annotation."""
    notes = getattr(hint, "__metadata__", ())
    return next((each for each in notes if isinstance(each, kind)), None)
