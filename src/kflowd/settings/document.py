# SPDX-License-Identifier: Apache-2.0
"""A TOML text as a table, with the lines of its keys. Imported where there is a file to read."""

import re
import tomllib
from collections.abc import Mapping
from typing import NamedTuple

from kflowd.settings.positions import TooDeepError, key_lines
from kflowd.settings.walk import Place

MOST_CAUSE = 160
_AT = re.compile(r" \(at line ([0-9]+), column ([0-9]+)\)$")


class TextError(ValueError):
    """A text is no TOML, or none that is taken.

    Args:
        cause: As the end of a line.
        line: Where, from 1 on; None: not at a line of its own.
    """

    def __init__(self, cause: str, line: int | None) -> None:
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
    except TooDeepError as error:
        raise TextError(str(error), error.line) from None
    except tomllib.TOMLDecodeError as error:
        cause = str(error)
        found = _AT.search(cause)
        if found is None:
            raise TextError(f"no TOML: {_short(cause)}", None) from None
        cause = f"no TOML: {_short(cause[: found.start()])} (column {found[2]})"
        raise TextError(cause, int(found[1])) from None
    except ValueError as error:  # a whole number of thousands of digits
        raise TextError(_short(str(error)), None) from None


def _short(text: str) -> str:
    return text if len(text) <= MOST_CAUSE else f"{text[: MOST_CAUSE - 3]}..."
