# SPDX-License-Identifier: Apache-2.0
"""Writes the screens of docs/forms.md: what the forms for people print for the sample records."""

from collections.abc import Iterator

from kflowd.delivery.formats import HEAD_LINES, make_format
from kflowd.delivery.formats.screen import Screen
from kflowd.delivery.formats.table import WIDE
from kflowd.serialize import Record
from tests.unit.delivery.formats.hostile import holding, whole_records
from tests.unit.serialize.samples import SAMPLES
from tools.marked import Part

# what ends a line, drives a terminal, turns the letters; letters of two cells
HOSTILE = "\n\x1b[2J\u202e漢字"


def records() -> Iterator[Record]:
    """Yield the records that are shown: the contract's samples, processes, a hostile name."""
    yield from (make() for make in SAMPLES.values())
    yield from (record for record in whole_records() if record.MONITOR == "process")
    hostile = SAMPLES["filesystem"]()
    yield holding(hostile, HOSTILE)


def screen(form: str, width: int) -> Iterator[str]:
    """Yield the lines that a form prints on a screen of some width."""
    place = Screen(width)
    if head := HEAD_LINES.get(form):
        yield head(place).decode()
    write = make_format(form, place)
    yield from (write(record).decode() for record in records())


def generated() -> str:
    """Return all screens."""
    parts: list[str] = []
    for title, form, width in (
        ("`-o compact`", "compact", 80),
        ("`-o table`, 80 columns", "table", 80),
        (f"`-o table`, {WIDE} columns", "table", WIDE),
    ):
        parts += [f"## {title}", "", "```text", *screen(form, width), "```", ""]
    return "\n".join(parts)


PART = Part("docs/forms.md", "screens", generated)

if __name__ == "__main__":
    PART.write()
