# SPDX-License-Identifier: Apache-2.0
"""Writers made of the keys of blocks: one Python function for each kind of record.

User space decides how much kflowd slows a host, and half of it was the text of records. A general
loop over members costs several hundred instructions a member; a function that was written for just
these members costs a fifth of it. So it is written here, by the tables that declare the keys, as
dataclasses writes its __init__. No text that comes from outside gets into the source.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from kflowd.serialize.keys import Block, ConstantBlock, Key, keys_of
from kflowd.serialize.record import Record, block_types

Write = Callable[[Any], str]
Values = Mapping[str, Write | None]


class Style(NamedTuple):
    """What stands before the first member of a record, between members and behind the last."""

    begin: str
    between: str
    end: str


def record_writer(kind: type[Record], style: Style, values: Values) -> Callable[[Any], str]:
    """Return a function that makes the text of one kind of record.

    Args:
        kind: Of the record.
        style: What stands around members.
        values: How each kind of value is written, "constant" blocks too; None: as Python does.
    """
    return _function(_record_lines(kind, style, values), values)


def constant_writer(kind: type[Block], style: Style, values: Values) -> Callable[[Any], str]:
    """Return a function that makes the members of a block, each behind a separator."""
    lines: list[str] = []
    parts = [_member(key, "_it", lines, style, values) for key in keys_of(kind)]
    return _function([*lines, _return("", parts, "")], values)


def _record_lines(kind: type[Record], style: Style, values: Values) -> Iterator[str]:
    parts: list[str] = []
    for name, (block, optional) in block_types(kind).items():
        yield f"{name} = _it.{name}"
        if issubclass(block, ConstantBlock):
            text = f"{{_constant({name})}}"
            parts.append(text if not optional else _unless(f"{name} is None", text))
            continue
        lines: list[str] = []
        members = [_member(key, name, lines, style, values) for key in keys_of(block)]
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
    parts[0] = parts[0].removeprefix(_literal(style.between))
    yield _return(style.begin, parts, style.end)


def _member(key: Key, owner: str, lines: list[str], style: Style, values: Values) -> str:
    """Return the piece of an f-string for a member; adds the lines that it needs before."""
    head = _literal(f'{style.between}"{key.name}": ')
    value = f"{owner}.{key.name}"
    if not key.optional:
        return head + _value(key, value, values)
    local = f"{owner}_{key.name}"
    lines += [
        f"{local} = {value}",
        f"{local} = '' if {local} is _UNSET else f{_quoted([head, _value(key, local, values)])}",
    ]
    return f"{{{local}}}"


def _value(key: Key, expression: str, values: Values) -> str:
    return f"{{{expression}}}" if values[key.kind] is None else f"{{_{key.kind}({expression})}}"


def _unless(condition: str, text: str) -> str:
    return f"{{'' if {condition} else {text[1:-1]}}}"


def _literal(text: str) -> str:
    """Return text as it stands in an f-string."""
    return text.replace("{", "{{").replace("}", "}}")


def _quoted(parts: list[str]) -> str:
    """Return pieces of an f-string in quotes; they hold double quotes and line ends."""
    return "'''" + "".join(parts) + "'''"


def _return(begin: str, parts: list[str], end: str) -> str:
    return f"return f{_quoted([_literal(begin), *parts, _literal(end)])}"


def _function(lines: Iterator[str] | list[str], values: Values) -> Callable[[Any], str]:
    # these names begin with an underscore, and those of blocks do not
    names: dict[str, Any] = {"_UNSET": UNSET}
    names |= {f"_{kind}": write for kind, write in values.items() if write is not None}
    source = "\n".join(["def write(_it):", *(f"    {line}" for line in lines)])
    exec(compile(source, f"<{__name__}>", "exec"), names)  # noqa: S102 - see the module
    made: Callable[[Any], str] = names["write"]
    return made
