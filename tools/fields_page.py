# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/fields.md from the blocks in kflowd.serialize.blocks."""

from collections.abc import Iterable, Iterator, Mapping

from kflowd.serialize.keys import Key, keys_of
from kflowd.serialize.sections import EXTRA, SECTIONS, WORDS
from tools.marked import Part

TYPES = {
    "str": "text",
    "int": "integer",
    "duration": "seconds",
    "change": "seconds",
    "time": "time",
    "instant": "RFC 3339 time",
    "counts": "counts",
    "strings": "list of texts",
    "ints": "list of integers",
    "object": "object of texts",
    "objects": "list of objects",
    "values": "object",
}


def table(keys: Iterable[Key]) -> Iterator[str]:
    """Yield the lines of a table of keys."""
    yield "| Key | Type | When | Meaning |"
    yield "|---|---|---|---|"
    for key in keys:
        name = f"`{key.name}`" + (" +" if key.name in EXTRA else "")
        yield f"| {name} | {TYPES[key.kind]} | {key.when or 'always'} | {key.legend} |"


def words(head: str, named: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a table of words."""
    yield f"| {head} | Meaning |"
    yield "|---|---|"
    for word, meaning in named.items():
        yield f"| `{word}` | {meaning} |"


def generated() -> str:
    """Return all tables."""
    parts: list[str] = []
    for title, blocks in SECTIONS:
        keys = [key for block in blocks for key in keys_of(block)]
        parts += [f"## {title}", "", *table(keys), ""]
    for title, head, named, _ in WORDS:
        parts += [f"## {title}", "", *words(head, named), ""]
    left_out = ", ".join(f"`{name}`" for name in sorted(EXTRA))
    parts += ["## What --strict leaves out", "", f"The keys marked with +: {left_out}.", ""]
    return "\n".join(parts)


PART = Part("docs/fields.md", "fields", generated)

if __name__ == "__main__":
    PART.write()
