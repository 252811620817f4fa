# SPDX-License-Identifier: Apache-2.0
"""Writers made of the keys of blocks: one Python function for each kind of record.

User space decides how much kflowd slows a host, and half of it was the text of records. A general
loop over members costs several hundred instructions a member, and each call of a Python function
more than a thousand. So a function is written here for just these members, by the tables that
declare the keys, as dataclasses writes its __init__. No text that comes from outside gets into the
source.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from kflowd.serialize.keys import Block, ConstantBlock, Key, keys_of
from kflowd.serialize.record import Record, block_types


class Value(NamedTuple):
    """How a kind of value is written.

    Attributes:
        text: Piece of an f-string for $value.
        lines: Statements that it needs ahead; $local is a name of its own.
    """

    text: str
    lines: tuple[str, ...] = ()


class Style(NamedTuple):
    """What stands before the first member of a record, between members and behind the last."""

    begin: str
    between: str
    end: str


class Language(NamedTuple):
    """A text format as pieces of Python.

    Attributes:
        style: What stands around members.
        values: How each kind of value is written, "constant" blocks too.
        names: What the expressions call, by names with an underscore in front.
    """

    style: Style
    values: Mapping[str, Value]
    names: Mapping[str, Any]


def record_writer(kind: type[Record], language: Language) -> Callable[[Any], str]:
    """Return a function that makes the text of one kind of record."""
    return _function(_record_lines(kind, language), language)


def constant_writer(kind: type[Block], language: Language) -> Callable[[Any], str]:
    """Return a function that makes the members of a block, each behind a separator."""
    lines: list[str] = []
    parts = [_member(key, "_it", lines, language) for key in keys_of(kind)]
    return _function([*lines, _return("", parts, "")], language)


def _record_lines(kind: type[Record], language: Language) -> Iterator[str]:
    between = language.style.between
    parts: list[str] = []
    for name, (block, optional) in block_types(kind).items():
        yield f"{name} = _it.{name}"
        if issubclass(block, ConstantBlock):
            text = _written("constant", name, language)
            parts.append(f"{{'' if {name} is None else {text[1:-1]}}}" if optional else text)
            continue
        lines: list[str] = []
        members = [_member(key, name, lines, language) for key in keys_of(block)]
        if not optional:
            yield from lines
            parts += members
            continue
        yield f"if {name} is None: {name}_text = ''"
        yield "else:"
        yield from (f"    {line}" for line in lines)
        yield f"    {name}_text = f{_quoted(members)}"
        parts.append(f"{{{name}_text}}")
    # the first member is never optional, and needs no separator
    parts[0] = parts[0].removeprefix(_literal(between))
    yield _return(language.style.begin, parts, language.style.end)


def _member(key: Key, owner: str, lines: list[str], language: Language) -> str:
    """Return the piece of an f-string for a member; adds the lines that it needs before."""
    head = _literal(f'{language.style.between}"{key.name}": ')
    value, local = language.values[key.kind], f"{owner}_{key.name}"
    text = head + _written(key.kind, local, language)
    if not key.optional:
        lines += [f"{local} = {owner}.{key.name}", *_ahead(value, local)]
        return text
    lines += [
        f"{local} = {owner}.{key.name}",
        f"if {local} is _UNSET: {local} = ''",
        "else:",
        *(f"    {line}" for line in _ahead(value, local)),
        f"    {local} = f{_quoted([text])}",
    ]
    return f"{{{local}}}"


def _written(kind: str, name: str, language: Language) -> str:
    return _filled(language.values[kind].text, name)


def _ahead(value: Value, name: str) -> list[str]:
    return [_filled(line, name) for line in value.lines]


def _filled(text: str, name: str) -> str:
    return text.replace("$value", name).replace("$local", f"_{name}")


def _literal(text: str) -> str:
    """Return text as it stands in an f-string."""
    return text.replace("{", "{{").replace("}", "}}")


def _quoted(parts: list[str]) -> str:
    """Return pieces of an f-string in quotes; they hold double quotes and line ends."""
    return "'''" + "".join(parts) + "'''"


def _return(begin: str, parts: list[str], end: str) -> str:
    return f"return f{_quoted([_literal(begin), *parts, _literal(end)])}"


def _function(lines: Iterator[str] | list[str], language: Language) -> Callable[[Any], str]:
    # these names begin with an underscore, and those of blocks do not
    names: dict[str, Any] = {"_UNSET": UNSET, **language.names}
    source = "\n".join(["def write(_it):", *(f"    {line}" for line in lines)])
    exec(compile(source, f"<{__name__}>", "exec"), names)  # noqa: S102 - see the module
    made: Callable[[Any], str] = names["write"]
    return made
