# SPDX-License-Identifier: Apache-2.0
"""At which line of a TOML text each key stands, which tomllib does not tell.

A lenient reader: what is no TOML is for tomllib to say, and nothing here fails at it. Up to the
first such place both see the same keys. Of what tomllib takes very long for, or cannot take at
all, there are limits, so this comes first.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from kflowd.settings.walk import Place

# tomllib's time grows with the square of the parts of a key; the tree has three
MOST_PARTS = 16
# tomllib calls itself for each list in a list
MOST_DEPTH = 16
# of a number or a word without quotes: Python may refuse to read a number of more digits
MOST_CHARACTERS = 640

# No alternative gives back what it has taken: the time is that of one pass, whatever the text is.
_TOKEN = re.compile(
    r"""
    (?P<blank> [ \t\r]++ | \#[^\n]*+ )
  | (?P<newline> \n )
  | (?P<text>
        \"{3} (?: [^"\\] | \\[\s\S] | "(?!"") )*+ (?: "{3,5} )?
      | '{3} (?: [^'] | '(?!'') )*+ (?: '{3,5} )?
      | " (?: [^"\\\n] | \\[^\n] )*+ "?
      | ' [^'\n]*+ '?
    )
  | (?P<bare> [^\s.=\[\]{},\#"']++ )
  | (?P<mark> [\s\S] )
    """,
    re.VERBOSE,
)
_END = ("end", "", 0)


class TooMuchError(ValueError):
    """A text has more in one place than any file of settings.

    Args:
        line: Where, from 1 on.
        cause: What is too much.
    """

    def __init__(self, line: int, cause: str) -> None:
        super().__init__(cause)
        self.line = line


class Token(NamedTuple):
    """A piece of a text.

    Attributes:
        kind: Group of the pattern above.
        text: As it was written.
        line: Where it begins, from 1 on.
    """

    kind: str
    text: str
    line: int


def key_lines(text: str) -> dict[Place, int]:
    """Return the line of each key and table by its place.

    Raises:
        TooMuchError: The text is beyond the limits above.
    """
    reader = _Reader(text)
    reader.read()
    return reader.lines


class Repeated(NamedTuple):
    """A key or table that stands in a text twice.

    Attributes:
        place: Its place.
        line: Where it stands for the second time, from 1 on.
        first: Where for the first time.
    """

    place: Place
    line: int
    first: int


def repeated(text: str) -> Repeated | None:
    """Return the first key or table that is there twice, which TOML does not allow.

    Raises:
        TooMuchError: The text is beyond the limits above.
    """
    reader = _Reader(text)
    reader.read()
    return reader.repeated


def _tokens(text: str) -> Iterator[Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        kind, piece = str(found.lastgroup), found[0]
        if kind != "blank":
            yield Token(kind, piece, line)
        line += piece.count("\n")


class _Reader:
    """Goes through a text once, one token ahead."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Place, int] = {}
        self.repeated: Repeated | None = None
        self._said: dict[Place, int] = {}  # what a key or a heading stands for, not what it is in
        self._numbers: dict[Place, int] = {}  # tables so far, of each list of tables
        self._tokens = _tokens(text)
        self._next = Token(*_END)
        self._advance()

    def read(self) -> None:
        """Note all keys."""
        table: Place = ()
        while self._next.kind != "end":
            if self._at("["):
                table = self._header()
            else:
                self._pair(table)
            while self._next.kind not in {"newline", "end"}:
                self._advance()
            self._advance()

    def _advance(self) -> None:
        self._next = next(self._tokens, Token(*_END))

    def _at(self, *marks: str) -> bool:
        return self._next.kind in {"mark", "newline"} and self._next.text in marks

    def _took(self, *marks: str) -> bool:
        found = self._at(*marks)
        if found:
            self._advance()
        return found

    def _header(self) -> Place:
        """Read `[table]` or `[[table]]`, and return its place."""
        line = self._next.line
        self._advance()
        several = self._took("[")
        place: Place = ()
        for part in self._key():
            # what is below a list of tables is of its last one
            if place in self._numbers:
                place = (*place, self._numbers[place] - 1)
            place = (*place, part)
            self.lines.setdefault(place, line)
        if several:
            number = self._numbers.get(place, 0)
            self._numbers[place] = number + 1
            place = (*place, number)
            self.lines[place] = line
        elif place in self._numbers:
            place = (*place, self._numbers[place] - 1)
        elif place:  # else it is no TOML
            self._say(place, line)
        return place

    def _pair(self, table: Place, depth: int = 0) -> None:
        """Read `key = value`."""
        line, place = self._next.line, table
        for part in self._key():
            place = (*place, part)
            self.lines.setdefault(place, line)
        if self._took("="):
            self._say(place, line)
            self._value(place, depth)

    def _say(self, place: Place, line: int) -> None:
        if place not in self._said:
            self._said[place] = line
        elif self.repeated is None:
            self.repeated = Repeated(place, line, self._said[place])

    def _key(self) -> list[str]:
        parts: list[str] = []
        while self._next.kind in {"bare", "text"}:
            if len(parts) == MOST_PARTS:
                raise TooMuchError(self._next.line, f"a key has more than {MOST_PARTS} parts")
            parts.append(_unquoted(self._next))
            self._advance()
            if not self._took("."):
                break
        return parts

    def _value(self, place: Place, depth: int) -> None:
        if depth == MOST_DEPTH and self._at("[", "{"):
            cause = f"more than {MOST_DEPTH} lists or tables in one another"
            raise TooMuchError(self._next.line, cause)
        if self._took("["):
            self._list(place, depth + 1)
        elif self._took("{"):
            while self._next.kind in {"bare", "text"}:
                self._pair(place, depth + 1)
                if not self._took(","):
                    break
            self._took("}")
        else:
            while self._next.kind in {"bare", "text"} or self._at("."):
                if self._next.kind == "bare" and len(self._next.text) > MOST_CHARACTERS:
                    cause = f"a number or word of more than {MOST_CHARACTERS} characters"
                    raise TooMuchError(self._next.line, cause)
                self._advance()

    def _list(self, place: Place, depth: int) -> None:
        index = 0
        while self._next.kind != "end":
            while self._took("\n"):
                pass
            if self._took("]"):
                break
            self._value((*place, index), depth)
            index += 1
            while self._took("\n"):
                pass
            if not self._took(",") and not self._at("]"):
                break  # no TOML


def _unquoted(token: Token) -> str:
    """Return a part of a key without its quotes."""
    if token.kind == "bare":
        return token.text
    if "\\" in token.text and token.text.startswith('"'):
        try:
            return str(tomllib.loads(f"key = {token.text}")["key"])
        except ValueError:
            return token.text
    return token.text[1:-1]
