# SPDX-License-Identifier: Apache-2.0
from typing import Annotated

import msgspec
import pytest
from msgspec import UnsetType

from kflowd.serialize.keys import (
    Block,
    Change,
    ConstantBlock,
    Counts,
    Duration,
    Instant,
    Key,
    Says,
    Time,
    keys_of,
)
from kflowd.serialize.record import RECORDS

KINDS = {
    "str",
    "int",
    "duration",
    "change",
    "time",
    "instant",
    "counts",
    "strings",
    "ints",
    "object",
    "objects",
    "values",
}


def all_blocks(base: type[Block] = Block) -> list[type[Block]]:
    """Return every kind of block of the program."""
    found = [each for each in base.__subclasses__() if each.__module__.startswith("kflowd.")]
    return [each for kind in found for each in (kind, *all_blocks(kind))]


BLOCKS = [block for block in all_blocks() if block is not ConstantBlock]


class Sample(Block, frozen=True, kw_only=True, gc=False):
    """A member of each kind."""

    Text: Annotated[str, Says("a text")]
    Number: Annotated[int | UnsetType, Says("a number", "it is known")]
    Span: Annotated[Duration, Says("a span")]
    Moved: Annotated[Change | UnsetType, Says("a change", "it moved")]
    At: Annotated[Time, Says("a time")]
    Then: Annotated[Instant, Says("an instant")]
    Often: Annotated[Counts | UnsetType, Says("counts", "there are any")]
    Words: Annotated[tuple[str, ...], Says("words")]


def test_members_say_what_they_are() -> None:
    """Kind, meaning and condition come from the type."""
    assert RECORDS
    assert keys_of(Sample) == (
        Key("Text", "str", "a text", "", optional=False),
        Key("Number", "int", "a number", "it is known", optional=True),
        Key("Span", "duration", "a span", "", optional=False),
        Key("Moved", "change", "a change", "it moved", optional=True),
        Key("At", "time", "a time", "", optional=False),
        Key("Then", "instant", "an instant", "", optional=False),
        Key("Often", "counts", "counts", "there are any", optional=True),
        Key("Words", "strings", "words", "", optional=False),
    )


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.__name__))
def test_every_field_is_explained(block: type[Block]) -> None:
    """The legend of a key is one line that fits a terminal; what may be absent says when."""
    for key in keys_of(block):
        assert key.kind in KINDS
        assert 0 < len(key.legend) <= 70
        assert key.when or not key.optional


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.__name__))
def test_blocks_are_made_by_name(block: type[Block]) -> None:
    """No block takes a value by its position, and none can be changed once it is made."""
    config = block.__struct_config__
    assert config.frozen
    with pytest.raises(TypeError, match="positional"):
        block("")


def test_members_without_a_meaning_are_refused() -> None:
    """Whoever adds a key says what it means."""

    class Silent(Block, frozen=True, kw_only=True, gc=False):
        Text: str

    with pytest.raises(TypeError, match=r"Silent\.Text does not say what it means"):
        keys_of(Silent)


def test_members_of_an_unknown_type_are_refused() -> None:
    """Each format has to know how a value is written."""

    class Strange(Block, frozen=True, kw_only=True, gc=False):
        Value: Annotated[float, Says("a number")]

    with pytest.raises(TypeError, match=r"Strange\.Value has a type that is no kind of value"):
        keys_of(Strange)


def test_blocks_that_are_equal_compare_equal() -> None:
    """A block is a value."""
    assert Counts((("OPEN", 1),)) == Counts((("OPEN", 1),))
    assert msgspec.structs.astuple(Counts(())) == ((),)
