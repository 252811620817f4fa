# SPDX-License-Identifier: Apache-2.0
"""A TOML text as a table, with the lines of its keys. Imported where there is a file to read."""

import re
import tomllib
from collections.abc import Mapping
from typing import NamedTuple

from kflowd.settings.positions import TooMuchError, key_lines, repeated
from kflowd.settings.walk import Place, name_of

MOST_CAUSE = 160
_AT = re.compile(r" \(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)$")
# how tomllib says that a key or table is there twice, at the end of the value
_TWICE = ("Cannot overwrite", "Cannot declare", "Duplicate")


class TextError(ValueError):
    """A text is no TOML, or none that is taken.

    Args:
        cause: As the end of a line.
        line: Where, from 1 on.
    """

    def __init__(self, cause: str, line: int) -> None:
        super().__init__(cause)
        self.line = line


class Document(NamedTuple):
    """What a text says.

    Attributes:
        table: Of tables.
        lines: Where keys and tables stand, by place; from 1 on.
    """

    table: Mapping[str, object]
    lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int | None:
        """Return where a place was written, or what it is part of."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


def parse(text: str) -> Document:
    """Return what a text says.

    Raises:
        TextError: It is no TOML.
    """
    try:
        lines = key_lines(text)
        return Document(tomllib.loads(text), lines)
    except TooMuchError as error:
        raise TextError(str(error), error.line) from None
    except tomllib.TOMLDecodeError as error:
        raise _explained(text, str(error)) from None


def _explained(text: str, cause: str) -> TextError:
    """Return what is wrong in a text that is no TOML.

    Args:
        text: The whole.
        cause: What tomllib says of it.
    """
    found = _AT.search(cause)
    # at the end: that of the last line which holds anything
    line = int((found and found[1]) or 1 + text.rstrip().count("\n"))
    twice = repeated(text) if cause.startswith(_TWICE) else None
    if twice is not None and twice.line <= line:
        cause = f"{name_of(twice.place)}: it is there twice, first in line {twice.first}"
        return TextError(cause, twice.line)
    column = f" (column {found[2]})" if found and found[2] else ""
    return TextError(f"no TOML: {_short(_AT.sub('', cause))}{column}", line)


def _short(text: str) -> str:
    return text if len(text) <= MOST_CAUSE else f"{text[: MOST_CAUSE - 3]}..."
