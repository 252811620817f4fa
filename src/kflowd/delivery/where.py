# SPDX-License-Identifier: Apache-2.0
"""What `where` of an output says of a record: closures, made once for each kind of record.

What the fields are is checked here, so that no comparison can fail later. Each takes time in
proportion to the value at most, whatever stands in it, times the length of a pattern: a pattern is
a glob, whose stars never give back what they have taken.
"""

import difflib
import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from msgspec import UNSET

from kflowd.constants import SECOND_NS
from kflowd.delivery.fields import MEMBERS, Getter, fields, getter, member_getter
from kflowd.serialize import Record
from kflowd.settings.where import (
    ORDERS,
    Comparison,
    Every,
    Exists,
    Expression,
    Name,
    Not,
    Some,
    Value,
    Where,
    WhereError,
)

# a name of a file has 255 bytes
MOST_PATTERN = 256
Holds = Callable[[Record], Any]
Test = Callable[[Any], Any]

_LISTS = {"strings": "str", "ints": "int"}
_WITH_MEMBERS = ("counts", "object", "objects", "values")
_NOUNS = {"str": "a text", "int": "a whole number"} | dict.fromkeys(
    ("duration", "change"), "a number of seconds"
)
_TIME = 'a time, "2026-11-27T17:20:08Z" or the seconds since 1970'
_OF_TEXTS = ("==", "!=", "in", "startswith", "endswith", "contains", "matches")
_OF_NUMBERS = ("==", "!=", *ORDERS, "in")
# partial gives the literal first
_TURNED: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.eq,
    "<": operator.gt,
    "<=": operator.ge,
    ">": operator.lt,
    ">=": operator.le,
}


def make_where(where: Where) -> Callable[[Record], bool]:
    """Return what says whether a record is to go out.

    Raises:
        WhereError: A field is unknown, or cannot be compared so; the message says where.
    """
    expression = where.expression
    _check(expression)
    kinds = _Kinds(expression)
    return lambda record: bool(kinds[type(record)](record))


class _Kinds(dict[type[Record], Holds]):
    """What an expression says of each kind of record; made when the first one comes."""

    def __init__(self, expression: Expression) -> None:
        super().__init__()
        self._expression = expression

    def __missing__(self, kind: type[Record]) -> Holds:
        made = self[kind] = _made(self._expression, kind)
        return made


def _check(expression: Expression) -> None:
    match expression:
        case Every(of=parts) | Some(of=parts):
            for part in parts:
                _check(part)
        case Not(of=part):
            _check(part)
        case Exists(name=name):
            _kind(name)
        case Comparison():
            _test(expression)


def _kind(name: Name) -> str:
    """Return the kind of a field or member.

    Raises:
        WhereError: There is none of this name.
    """
    kind = fields().get(name.key)
    if kind is None:
        raise WhereError(name.at, f"{name.key} is no field{_meant(name.key, fields())}")
    if not name.member:
        return kind
    known = MEMBERS.get(name.key, {})
    if name.member not in known:
        cause = f"{name.key} has no member {name.member}{_meant(name.member, known)}"
        raise WhereError(name.at, cause)
    return known[name.member]


def _meant(word: str, known: Mapping[str, str]) -> str:
    by_case = {it.lower(): it for it in known}
    near = difflib.get_close_matches(word.lower(), by_case, n=1)
    return f"; did you mean {by_case[near[0]]}?" if near else ""


def _test(it: Comparison) -> Test:
    """Return what tests one value of a field: a scalar, or a member of a list.

    Raises:
        WhereError: Values of this kind are not compared so, or not with this.
    """
    name, kind = it.name, _kind(it.name)
    if kind in _WITH_MEMBERS:
        some = ", ".join(list(MEMBERS.get(name.key, {}))[:3])
        hint = f"; one of its members can: {some}" if some else ""
        raise WhereError(name.at, f"{name} cannot be compared{hint}")
    kind = _LISTS.get(kind, kind)
    known = _OF_TEXTS if kind == "str" else _OF_NUMBERS
    if it.operator not in known:
        noun = _NOUNS.get(kind, "a time")
        cause = f"{name} is {noun}: {it.operator} is none of {', '.join(known)}"
        raise WhereError(it.at, cause)
    values = [_value(value, kind, it) for value in it.values]
    test = _text_test(it, values) if kind == "str" else _number_test(it, values)
    # what is negative is written as 0
    return (lambda value: test(max(value, 0))) if kind == "duration" else test


def _value(value: Value, kind: str, it: Comparison) -> Any:  # noqa: ANN401 - text or number
    """Return what a value is in a record of this kind of values."""
    noun = _NOUNS.get(kind, _TIME)
    if kind == "str":
        if isinstance(value, str):
            return value
    elif isinstance(value, Decimal):
        number = value if kind == "int" else value * SECOND_NS
        if number == int(number):
            return int(number)
    elif kind in {"time", "instant"} and (found := _instant(value)) is not None:
        return found
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    raise WhereError(it.at, f"{it.name} is {noun}, and {ascii(shown)[1:-1]} is none")


def _instant(text: str) -> int | None:
    """Return the nanoseconds since 1970 of a time, None: it is none, or of no known zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        return None
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _number_test(it: Comparison, values: list[int]) -> Test:
    if it.operator == "in":
        return frozenset(values).__contains__
    return partial(_TURNED[it.operator], values[0])


def _text_test(it: Comparison, values: list[str]) -> Test:
    text = values[0]
    match it.operator:
        case "in":
            return frozenset(values).__contains__
        case "startswith" | "endswith":
            return operator.methodcaller(it.operator, text)
        case "contains":
            return operator.methodcaller("__contains__", text)
        case "matches":
            if len(text) > MOST_PATTERN:
                raise WhereError(it.at, f"a pattern of more than {MOST_PATTERN} characters")
            return re.compile(fnmatch.translate(text)).match
    return partial(operator.eq, text)


def _always(_record: Record) -> bool:
    return True


def _never(_record: Record) -> bool:
    return False


def _made(expression: Expression, kind: type[Record]) -> Holds:
    """Return what an expression says of records of a kind; what is so of all of them is folded."""
    match expression:
        case Every(of=parts):
            return _every([_made(part, kind) for part in parts])
        case Some(of=parts):
            return _some([_made(part, kind) for part in parts])
        case Not(of=part):
            return _not(_made(part, kind))
        case Exists(name=name):
            get = _getter(name, kind)
            return _never if get is None else lambda record: get(record) is not UNSET
        case Comparison():
            return _comparison(expression, kind)


def _every(parts: list[Holds]) -> Holds:
    if _never in parts:
        return _never
    left = [part for part in parts if part is not _always]
    match left:
        case []:
            return _always
        case [one]:
            return one
        case [one, other]:
            return lambda record: one(record) and other(record)
    return lambda record: all(part(record) for part in left)


def _some(parts: list[Holds]) -> Holds:
    if _always in parts:
        return _always
    left = [part for part in parts if part is not _never]
    match left:
        case []:
            return _never
        case [one]:
            return one
        case [one, other]:
            return lambda record: one(record) or other(record)
    return lambda record: any(part(record) for part in left)


def _not(part: Holds) -> Holds:
    if part is _always:
        return _never
    return _always if part is _never else lambda record: not part(record)


def _getter(name: Name, kind: type[Record]) -> Getter | None:
    whole = getter(kind, name.key)
    if whole is None or not name.member:
        return whole
    part = member_getter(fields()[name.key], name.member)

    def get(record: Record) -> Any:  # noqa: ANN401 - of any kind
        value = whole(record)
        return UNSET if value is UNSET else part(value)

    return get


def _comparison(it: Comparison, kind: type[Record]) -> Holds:
    get = _getter(it.name, kind)
    if get is None:
        return _never
    test, one = _test(it), fields()[it.name.key]
    if one in _LISTS or one == "objects":
        one_test = test

        def test(values: Any) -> bool:  # noqa: ANN401 - a tuple of any kind
            return any(map(one_test, values))

    if it.negated or it.operator == "!=":
        return lambda record: (value := get(record)) is not UNSET and not test(value)
    return lambda record: (value := get(record)) is not UNSET and test(value)
