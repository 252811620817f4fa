# SPDX-License-Identifier: Apache-2.0
import fnmatch
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.fields import MEMBERS, fields
from kflowd.delivery.formats import FORMATS
from kflowd.delivery.where import MOST_PATTERN, make_where
from kflowd.serialize import Builder, Record
from kflowd.settings.where import (
    ORDERS,
    Every,
    Exists,
    Expression,
    Name,
    Not,
    Some,
    WhereError,
    parse_where,
)
from tests.unit.make import named_file
from tests.unit.serialize.samples import SAMPLES
from tests.unit.whole.check import CASES, made

FORM = FORMATS["json-min"]()


@cache
def all_records() -> list[tuple[Record, dict[str, Any]]]:
    """Return records of all kinds, each with what its text has."""
    found = [record for case in CASES for record in made(case)] + [it() for it in SAMPLES.values()]
    return [(it, json.loads(FORM(it), parse_float=Decimal)) for it in found]


def holds(text: str, record: Record) -> bool:
    """Say whether an expression holds."""
    return make_where(parse_where(text))(record)


def record_of(case: str) -> Record:
    """Return the last record of a case."""
    return made(case)[-1]


def nanoseconds(text: str) -> Decimal:
    """Return a time of a record, in RFC 3339 or with the day of the week."""
    if "," in text:
        whole, _, fraction = text.removesuffix(" UTC").partition(".")
        day = datetime.strptime(f"{whole} +0000", "%a, %b %d %Y %H:%M:%S %z")
    else:
        whole, _, fraction = text.removesuffix("Z").partition(".")
        day = datetime.fromisoformat(f"{whole}+00:00")
    return Decimal(int(day.timestamp())) + Decimal(fraction) / 1_000_000_000


def value_of(name: Name, record: dict[str, Any]) -> list[Any]:
    """Return the values of a field in a text of a record: none, one, or those of a list."""
    value = record.get(name.key)
    values = value if isinstance(value, list) else [] if value is None else [value]
    if name.member:
        values = [it[name.member] for it in values if name.member in it]
    if fields()[name.key] in {"time", "instant"}:
        values = [nanoseconds(it) for it in values]
    return values


def one(value: Any, operator: str, wanted: list[Any]) -> bool:
    """Say whether one value is as a comparison wants it."""
    other = wanted[0]
    said: dict[str, Callable[[], bool]] = {
        "==": lambda: value == other, "!=": lambda: value == other, "in": lambda: value in wanted,
        "<": lambda: value < other, "<=": lambda: value <= other,
        ">": lambda: value > other, ">=": lambda: value >= other,
        "startswith": lambda: value[: len(other)] == other,
        "endswith": lambda: not other or value[-len(other) :] == other,
        "contains": lambda: value.find(other) >= 0,
        "matches": lambda: fnmatch.fnmatchcase(value, other),
    }  # fmt: skip
    return said[operator]()


def naive(it: Expression, record: dict[str, Any]) -> bool:
    """Say whether an expression holds for the text of a record, as simply as can be."""
    match it:
        case Every(of=parts):
            return not any(not naive(part, record) for part in parts)
        case Some(of=parts):
            return any(naive(part, record) for part in parts)
        case Not(of=part):
            return not naive(part, record)
        case Exists(name=name):
            return name.key in record and bool(not name.member or value_of(name, record))
    values = value_of(it.name, record)
    # a list that is there and empty equals nothing
    there = bool(values) or (it.name.key in record and not it.name.member)
    some = any(one(value, it.operator, list(it.values)) for value in values)
    return there and not some if it.negated or it.operator == "!=" else some


def names() -> st.SearchStrategy[tuple[str, str]]:
    """Return fields and members that can be compared, with the kind of their values."""
    found = [
        (key, kind)
        for key, kind in fields().items()
        if kind not in ("counts", "object", "objects", "values")
    ]
    found += [(f"{key}.{it}", kind) for key, of in MEMBERS.items() for it, kind in of.items()]
    known = {key for _, record in all_records() for key in record}
    # those of a record twice: the others are there alone
    return st.sampled_from([it for it in found if it[0].partition(".")[0] in known] + found)


def scalars(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the texts and numbers of a record, each with the kind of its field."""
    for key, value in record.items():
        for each in value if isinstance(value, list) else [value]:
            found = each.values() if isinstance(each, dict) else [each]
            # deeper is what comes of decoders that there are not yet
            yield from ((fields()[key], it) for it in found if not isinstance(it, list | dict))


@cache
def literals() -> dict[str, list[Any]]:
    """Return values of each kind that records have."""
    found: dict[str, set[Any]] = {
        "str": {"", "x"}, "int": {Decimal(0)}, "time": set(), "number": {Decimal(0)},
    }  # fmt: skip
    for _, record in all_records():
        for kind, value in scalars(record):
            if kind in {"time", "instant"}:
                found["time"].add(nanoseconds(value))
            elif isinstance(value, str):
                found["str"].add(value)
            else:
                found["int" if isinstance(value, int) else "number"].add(Decimal(value))
    return {kind: sorted(values) for kind, values in found.items()}


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    """Return comparisons as text, with values that records have or nearly have."""
    name, kind = draw(names())
    if draw(st.integers(0, 9)) == 0:
        return f"exists {name}"
    if kind in {"str", "strings"}:
        operator = draw(
            st.sampled_from(
                ("==", "!=", "in", "not in", "startswith", "endswith", "contains", "matches")
            )
        )
        texts = st.sampled_from(literals()["str"]).flatmap(
            lambda it: st.tuples(st.integers(0, len(it)), st.integers(0, len(it))).map(
                lambda cut: it[min(cut) : max(cut)] + ("*" if operator == "matches" else "")
            ) | st.just(it)
        )  # fmt: skip
        value = texts.map(lambda it: '"' + it.replace("\\", "\\\\").replace('"', '\\"') + '"')
    else:
        operator = draw(st.sampled_from(("==", "!=", "in", "not in", *ORDERS)))
        pool = {"int": "int", "ints": "int", "time": "time", "instant": "time"}.get(kind, "number")
        value = st.sampled_from(literals()[pool]).map(lambda it: f"{it:f}")
    if operator in {"in", "not in"}:
        return f"{name} {operator} [{', '.join(draw(st.lists(value, min_size=1, max_size=3)))}]"
    return f"{name} {operator} {draw(value)}"


EXPRESSIONS = st.recursive(
    comparisons(),
    lambda it: st.one_of(
        it.map(lambda one: f"not ({one})"),
        st.tuples(it, it).map(" and ".join),
        st.tuples(it, it).map(" or ".join),
        st.tuples(it, it, it).map(" or ".join),
        st.tuples(it, it).map(lambda both: f"({both[0]} or {both[1]})"),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_it_says_the_same_as_the_text_of_a_record(text: str) -> None:
    """Of each record that the tests have, by an evaluator that knows the JSON alone."""
    where = parse_where(text)
    holding = make_where(where)
    for record, keys in all_records():
        assert holding(record) == naive(where.expression, keys), keys


@pytest.mark.parametrize(
    ("case", "text", "expected"),
    [
        ("file", "not exists SockRole", True),
        ("file", "SockRemotePort == 443 or not SockRemotePort == 443", True),
        ("file", "SockRemotePort != 443", False),
        ("file", "SockRemotePort not in [443]", False),
        ("file", "not SockRemotePort in [443]", True),
        ("health", "ProcUID >= 0", False),
        ("health", 'InfoMonitor == "health" or ProcUID >= 1000', True),
        ("health", "exists HealthOutputs", False),
        ("TCP, used", "SockUsers.TxBytes > 0", True),
        ("file", 'InfoTime > "2000-01-01T00:00:00Z" and InfoTimestamp > 946684800', True),
        ("file", 'InfoTime > "2999-01-01T00:00:00+01:00"', False),
    ],
)
def test_what_is_not_there_makes_a_comparison_false(case: str, text: str, expected: bool) -> None:
    """Whatever the comparison is; `not` in front of it is another thing."""
    assert holds(text, record_of(case)) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ProcUIDD == 1", "character 1: ProcUIDD is no field; did you mean ProcUID?"),
        ("procuid == 1", "character 1: procuid is no field; did you mean ProcUID?"),
        ("A == 1 or ProcUID == 1", "character 1: A is no field"),
        ("not (ProcUID == 1 and exists Fil)", "character 30: Fil is no field; did you mean File?"),
        ("FileEvents.WRITE > 1", "character 1: FileEvents has no member WRITE"),
        ("FileEvents.modify > 1", "character 1: FileEvents has no member modify; did you mean MO"),
        ("FileEvents > 1", "character 1: FileEvents cannot be compared; one of its members can: "),
        ("AppTxDns == 1", "character 1: AppTxDns cannot be compared"),
        ("ProcUID.x == 1", "character 1: ProcUID has no member x"),
        ('ProcUID startswith "x"', "character 9: ProcUID is a whole number: startswith is none of"),
        ('ProcUID == "x"', 'character 9: ProcUID is a whole number, and "x" is none'),
        ("ProcUID == 0.5", "character 9: ProcUID is a whole number, and 0.5 is none"),
        ("FilePath == 1", "character 10: FilePath is a text, and 1 is none"),
        ('FilePath < "x"', "character 10: FilePath is a text: < is none of ==, !=, in, startswith"),
        ('ProcAge > "5m"', 'character 9: ProcAge is a number of seconds, and "5m" is none'),
        ('InfoTime > "yesterday"', 'character 10: InfoTime is a time, "2026-11-27T17:20:08Z" or'),
        ('InfoTime > "2026-11-27T17:20:08"', "character 10: InfoTime is a time"),
        ('InfoTime contains "x"', "character 10: InfoTime is a time: contains is none of"),
        ('ProcUID in [1, "x"]', 'character 9: ProcUID is a whole number, and "x" is none'),
        (f'File matches "{"x" * (MOST_PATTERN + 1)}"', "character 6: a pattern of more than"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(text: str, message: str) -> None:
    """It is told before anything runs, with the place."""
    with pytest.raises(WhereError) as caught:
        make_where(parse_where(text))
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*.conf", "a.conf", True),
        ("*.conf", "a.conf\n", False),
        ("*", "a/b\nc", True),
        ("?", "ab", False),
        ("[a-c]x", "bx", True),
        ("[!a]x", "ax", False),
        ("a", "A", False),
        ("[", "[", True),
        ("[[]", "[", True),
    ],
)
def test_patterns_are_of_the_whole_value(pattern: str, name: str, expected: bool) -> None:
    """A star is any characters, slashes and line ends too."""
    record = Builder().record(named_file())
    changed = msgspec.structs.replace(record.file, File=name)  # type: ignore[attr-defined]
    assert (
        holds(f'File matches "{pattern}"', msgspec.structs.replace(record, file=changed))
        is expected
    )


@pytest.mark.parametrize(
    "pattern", ["*a" * 60 + "b", "*a*?*" * 40 + "b", "*[ab]" * 40 + "c", "a*" * 99 + "b"]
)
def test_no_value_makes_a_pattern_slow(pattern: str) -> None:
    """The longest path that there is, of what a pattern of stars likes least."""
    record = Builder().record(named_file())
    changed = msgspec.structs.replace(record.file, FilePath="a" * 4095)  # type: ignore[attr-defined]
    slow = msgspec.structs.replace(record, file=changed)
    where = make_where(parse_where(f'FilePath matches "{pattern}"'))
    began = time.process_time()
    assert where(slow) is False
    assert time.process_time() - began < 0.2


def test_bytes_that_are_no_utf_8() -> None:
    """They are in the value as they came, and compare as nothing else."""
    record = Builder().record(named_file())
    changed = msgspec.structs.replace(record.file, File="a\udcffb")  # type: ignore[attr-defined]
    odd = msgspec.structs.replace(record, file=changed)
    assert holds('File startswith "a" and File endswith "b" and File matches "a?b"', odd)
    assert not holds('File == "a\ufffdb"', odd)


def test_a_record_of_no_kind() -> None:
    """What all records have can be asked of it."""
    base = record_of("file")
    record = Record(stamp=base.stamp, host=base.host, uptime=base.uptime, moment=None)
    assert holds("InfoSequenceNumber > 0", record)
    assert not holds("ProcUID >= 0 or exists InfoTime", record)
