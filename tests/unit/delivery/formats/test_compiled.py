# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import pytest
from msgspec import UNSET, UnsetType

from kflowd.delivery.formats.compiled import (
    Language,
    Style,
    Value,
    constant_writer,
    record_writer,
)
from kflowd.serialize.blocks.info import Host, Stamp, Uptime
from kflowd.serialize.hosts import HostFacts, host_block
from kflowd.serialize.keys import Block, ConstantBlock, Says, keys_of
from kflowd.serialize.record import RECORDS, Record
from tests.unit.serialize.samples import SAMPLES

# Braces, quotes and backslashes in a style and in values must not become code; nor do names of
# blocks hide what the code needs.
STYLE = Style("<{x}", " {y}'' ", "{z}>")
CALLS: list[Any] = []


def _constant(block: object) -> str:
    CALLS.append(block)
    write: Callable[[Any], str] = constant_writer(type(block), LANGUAGE)  # type: ignore[arg-type] # only blocks come
    return write(block)


# how the kinds of values are written, by a plain function
WRITES: dict[str, Callable[[Any], str]] = {
    "int": str,
    "str": lambda value: f"<{value}>",
    "time": lambda value: f"t{value}",
    "instant": lambda value: f"i{value}",
    "duration": lambda value: f"d{value}",
    "constant": _constant,
}
ALL_WRITES = WRITES | dict.fromkeys(
    ("change", "counts", "strings", "ints", "object", "objects", "values"), repr
)


def language(writes: dict[str, Callable[[Any], str]], style: Style = STYLE) -> Language:
    """Return a language that calls a function for each kind; one kind has a line of its own."""
    values = {kind: Value(f"{{_{kind}($value)}}") for kind in writes}
    values["time"] = Value("{$local}", ("$local = _time($value)",))
    return Language(style, values, {f"_{kind}": write for kind, write in writes.items()})


LANGUAGE = language(WRITES)


class Constant(ConstantBlock, frozen=True, kw_only=True, gc=False):
    """Of a process, perhaps."""

    Maybe: Annotated[int | UnsetType, Says("a number", "it is known")]
    Name: Annotated[str, Says("a name")]


class Plain(Block, frozen=True, kw_only=True, gc=False):
    """Of each record."""

    First: Annotated[int, Says("a number")]
    Perhaps: Annotated[str | UnsetType, Says("a text", "it is known")]


class Made(Record, frozen=True, kw_only=True, gc=False):
    """Blocks of each sort, some of which may be missing."""

    ORDER: ClassVar[tuple[str, ...]] = ("plain", "constant", "other", "last")

    plain: Plain
    constant: Constant
    other: Plain | None
    last: Constant | None


INFO: dict[str, Any] = {
    "stamp": Stamp(InfoSequenceNumber=1, InfoTimestamp=2, InfoMonitor="m"),
    "host": host_block(HostFacts()),
    "uptime": Uptime(InfoUptime=3),
    "moment": None,
}
FULL = Constant(Maybe=5, Name="{n}'''\\n")
BARE = Constant(Maybe=UNSET, Name="b")


def text(**blocks: Block | None) -> str:
    """Return the text of a record, of which some blocks are given."""
    base = {"plain": Plain(First=1, Perhaps=UNSET), "constant": BARE, "other": None, "last": None}
    record = Made(**INFO, **(base | blocks))  # type: ignore[arg-type] # mixed blocks by name
    return record_writer(Made, LANGUAGE)(record)


def test_members_stand_between_the_marks_of_the_style() -> None:
    """No separator before the first member, one before each other, whatever is missing."""
    assert text() == """<{x}"First": 1 {y}'' "Name": <b>{z}>"""
    assert text(plain=Plain(First=1, Perhaps="p"), constant=FULL) == (
        """<{x}"First": 1 {y}'' "Perhaps": <p> {y}'' "Maybe": 5 {y}'' "Name": <{n}'''\\n>{z}>"""
    )


def test_blocks_that_are_missing_leave_nothing() -> None:
    """A block that may be None is written if it is there."""
    other = Plain(First=7, Perhaps=UNSET)
    assert text(other=other) == """<{x}"First": 1 {y}'' "Name": <b> {y}'' "First": 7{z}>"""
    assert text(other=other, last=FULL) == (
        """<{x}"First": 1 {y}'' "Name": <b> {y}'' "First": 7 {y}'' "Maybe": 5 {y}'' """
        """"Name": <{n}'''\\n>{z}>"""
    )


def test_constant_blocks_are_written_by_whoever_keeps_them() -> None:
    """The text of such a block is asked for, and not made of its members each time."""
    CALLS.clear()
    text(constant=FULL, last=BARE)
    assert CALLS == [FULL, BARE]


def looped(record: Record) -> str:
    """Return what a loop over blocks and members writes, without any compiling."""
    members = []
    for block in (getattr(record, name) for name in record.ORDER):
        for key in keys_of(block.__class__) if block is not None else ():
            value = getattr(block, key.name)
            if value is not UNSET:
                members.append(f'"{key.name}": {ALL_WRITES[key.kind](value)}')
    return STYLE.begin + STYLE.between.join(members) + STYLE.end


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_texts_are_those_of_a_plain_loop(make: Callable[[], Record]) -> None:
    """A compiled function writes what a loop over blocks and members would."""
    record = make()
    writes = ALL_WRITES | {
        "constant": lambda block: constant_writer(type(block), language(ALL_WRITES))(block)
    }
    assert record_writer(type(record), language(writes))(record) == looped(record)


def test_every_kind_of_record_has_its_writer() -> None:
    """A record that no format can write would be found at its first."""
    for kind in RECORDS:
        assert callable(record_writer(kind, language(ALL_WRITES)))
    with pytest.raises(KeyError, match="counts"):
        record_writer(RECORDS[0], LANGUAGE)


def test_hosts_are_written_like_any_constant_block() -> None:
    """Each member stands behind a separator."""
    write = constant_writer(Host, language(WRITES, Style("", ", ", "")))
    assert write(host_block(HostFacts(host_name="h"))).startswith(', "InfoHostName": <h>, "InfoHo')
