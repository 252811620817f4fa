# SPDX-License-Identifier: Apache-2.0
"""The language of `where`: which records an output is to get, by what is in them.

    ProcUID >= 1000 and (FilePath startswith "/etc/" or FileEvents.MODIFY > 9)

Here a text becomes an expression. Which fields there are, and what can be said of each, is for
`kflowd.delivery.where` to know. Length and depth are bounded, and the time is that of one pass.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

# a page of text; who needs more wants another program
MOST_CHARACTERS = 4096
# of parentheses and `not`, far below what Python's stack takes
MOST_DEPTH = 32
ORDERS = ("<", "<=", ">", ">=")
OPERATORS = ("==", "!=", *ORDERS, "in", "startswith", "endswith", "contains", "matches")
_RESERVED = {"and", "or", "not", "exists", *OPERATORS}
# words beside which a message shows no more
_MOST_SHOWN = 40

# No alternative gives back what it has taken.
_TOKEN = re.compile(
    r"""
    (?P<blank> [ \t\r\n]++ )
  | (?P<text> " (?: [^"\\] | \\[\s\S] )*+ " | ' (?: [^'\\] | \\[\s\S] )*+ ' )
  | (?P<number> -?+ [0-9]{1,20}+ (?: \.[0-9]{1,9}+ )?+ (?! [A-Za-z0-9_.] ) )
  | (?P<name> [A-Za-z_] [A-Za-z0-9_]*+ (?: \. [A-Za-z0-9_-]++ )?+ )
  | (?P<mark> [=!<>]= | [<>()\[\],] )
  | (?P<wrong> [\s\S] )
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\([\s\S])")

Value = str | Decimal


class WhereError(ValueError):
    """An expression is wrong.

    Args:
        at: Character of the expression, from 1 on.
        cause: What is wrong there.
    """

    def __init__(self, at: int, cause: str) -> None:
        super().__init__(f"character {at}: {cause}")


class Name(NamedTuple):
    """A field, or a member of one.

    Attributes:
        key: The field: "FileEvents".
        member: "MODIFY", "" for the field itself.
        at: Where it stands, in characters from 1 on.
    """

    key: str
    member: str
    at: int

    def __str__(self) -> str:
        return f"{self.key}.{self.member}" if self.member else self.key


class Comparison(NamedTuple):
    """A field and what it is compared with.

    Attributes:
        name: The field.
        operator: One of OPERATORS.
        values: One, of `in` all.
        negated: `not in`.
        at: Where the operator stands.
    """

    name: Name
    operator: str
    values: tuple[Value, ...]
    negated: bool
    at: int


class Exists(NamedTuple):
    """Whether a record has a field."""

    name: Name


class Not(NamedTuple):
    """Whether an expression does not hold."""

    of: "Expression"


class Every(NamedTuple):
    """Whether all of some expressions hold."""

    of: "tuple[Expression, ...]"


class Some(NamedTuple):
    """Whether one of some expressions holds."""

    of: "tuple[Expression, ...]"


Expression = Comparison | Exists | Not | Every | Some


class Where:
    """An expression with its text, by which it is compared.

    Args:
        text: As it was written.
        expression: What it says.
    """

    __slots__ = ("expression", "text")

    def __init__(self, text: str, expression: Expression) -> None:
        self.text = text
        self.expression = expression

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Where) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Where({self.text!r})"


def parse_where(text: str) -> Where:
    """Return the expression of a text.

    Raises:
        WhereError: It is none, is too long or too deep; the message says where.
    """
    if len(text) > MOST_CHARACTERS:
        raise WhereError(MOST_CHARACTERS + 1, f"more than {MOST_CHARACTERS} characters")
    return Where(text, _Parser(_tokens(text)).whole())


class _Token(NamedTuple):
    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        if self.kind == "end":
            return "the end"
        shown = ascii(self.text)
        return shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN - 3]}..."


def _tokens(text: str) -> list[_Token]:
    found = [_Token(str(it.lastgroup), it[0], it.start() + 1) for it in _TOKEN.finditer(text)]
    return [it for it in found if it.kind != "blank"] + [_Token("end", "", len(text) + 1)]


class _Parser:
    """Goes down the grammar, one token ahead."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def whole(self) -> Expression:
        """Return what all of the text says."""
        found = self._some()
        if self._next.kind != "end":
            raise self._wrong("and, or or the end")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _took(self, text: str) -> bool:
        """Go on if this word or mark is next; say whether it was."""
        there = self._next.text == text and self._next.kind in {"name", "mark"}
        self._place += there
        return there

    def _wrong(self, wanted: str) -> WhereError:
        token = self._next
        if token.kind == "wrong" and token.text in "\"'":
            return WhereError(token.at, "a text that does not end")
        if token.kind == "wrong" and token.text.isdecimal():
            return WhereError(token.at, "no number of at most 20 digits, and 9 behind the point")
        return WhereError(token.at, f"{wanted} is wanted, not {token}")

    def _some(self) -> Expression:
        return self._joined("or", self._every, Some)

    def _every(self) -> Expression:
        return self._joined("and", self._one, Every)

    def _joined(
        self,
        word: str,
        part: Callable[[], Expression],
        join: Callable[[tuple[Expression, ...]], Expression],
    ) -> Expression:
        parts = [part()]
        while self._took(word):
            parts.append(part())
        return join(tuple(parts)) if len(parts) > 1 else parts[0]

    def _one(self) -> Expression:
        at = self._next.at
        if self._took("not"):
            return Not(self._deeper(self._one, at))
        if self._took("("):
            found = self._deeper(self._some, at)
            if not self._took(")"):
                raise self._wrong("and, or or )")
            return found
        if self._took("exists"):
            return Exists(self._name())
        return self._comparison()

    def _deeper(self, part: Callable[[], Expression], at: int) -> Expression:
        if self._depth == MOST_DEPTH:
            raise WhereError(at, f"more than {MOST_DEPTH} parentheses or not in each other")
        self._depth += 1
        found = part()
        self._depth -= 1
        return found

    def _name(self) -> Name:
        if self._next.kind != "name" or self._next.text in _RESERVED:
            raise self._wrong("a field")
        token = self._take()
        key, _, member = token.text.partition(".")
        return Name(key, member, token.at)

    def _comparison(self) -> Expression:
        name = self._name()
        at = self._next.at
        negated = self._took("not")
        if self._next.text not in (("in",) if negated else OPERATORS) or self._next.kind == "text":
            raise self._wrong("in" if negated else f"one of {', '.join(OPERATORS)}")
        operator = self._take().text
        values = self._list() if operator == "in" else (self._value(),)
        return Comparison(name, operator, values, negated, at)

    def _list(self) -> tuple[Value, ...]:
        if not self._took("["):
            raise self._wrong("[")
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        if not self._took("]"):
            raise self._wrong(", or ]")
        return tuple(values)

    def _value(self) -> Value:
        token = self._next
        if token.kind == "number":
            return Decimal(self._take().text)
        if token.kind != "text":
            raise self._wrong("a number or a text in quotes")
        self._take()
        return _ESCAPE.sub(lambda it: _unescaped(it, token), token.text[1:-1])


def _unescaped(found: re.Match[str], token: _Token) -> str:
    if found[1] not in "\\\"'":
        at = token.at + 1 + found.start()
        raise WhereError(at, f"{found[0]!a} stands for nothing: a backslash is \\\\")
    return found[1]
