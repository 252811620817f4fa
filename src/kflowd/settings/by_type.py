# SPDX-License-Identifier: Apache-2.0
"""The kind of values that a field has: it follows from its type, so a field need not say it."""

import typing
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec
from msgspec import inspect

from kflowd.settings.applications import AnyPort, TcpPort
from kflowd.settings.fim import (
    MOST_PATTERNS,
    MOST_TAGS,
    Exclusion,
    PathGlob,
    Tag,
    parse_exclusion,
    parse_glob,
    parse_tag,
)
from kflowd.settings.kinds import (
    Choice,
    Condition,
    File,
    Flag,
    Kind,
    OneAddress,
    Quantity,
    Text,
    Whole,
)
from kflowd.settings.lists import (
    EntryPointList,
    HeaderList,
    PortList,
    PortsOfList,
    RuleList,
    ServerList,
    TextList,
    Words,
)
from kflowd.settings.option import Unit
from kflowd.settings.plugins import EntryPoint, PortsOf
from kflowd.settings.rules import Rule
from kflowd.settings.servers import Address, Listen, Server, parse_address, parse_listen
from kflowd.settings.urls import Header, Url, parse_url
from kflowd.settings.where import Where

_OF_CLASSES: dict[type, Callable[[], Kind[Any]]] = {Path: File, Where: Condition}
_ADDRESSES: dict[type, Callable[[], Kind[Any]]] = {
    Address: lambda: OneAddress(Address, parse_address, "HOST:PORT"),
    Listen: lambda: OneAddress(Listen, parse_listen, "ADDRESS"),
    Url: lambda: OneAddress(Url, parse_url, "URL"),
}
_LISTS: dict[type, Callable[[], Kind[Any]]] = {
    Rule: RuleList,
    Server: ServerList,
    Header: HeaderList,
    AnyPort: lambda: PortList(AnyPort),
    TcpPort: lambda: PortList(TcpPort),
    PortsOf: PortsOfList,
    EntryPoint: EntryPointList,
    PathGlob: lambda: TextList("paths", MOST_PATTERNS, parse_glob, "PATH"),
    Exclusion: lambda: TextList("paths", MOST_PATTERNS, parse_exclusion, "PATH|re:EXPRESSION"),
    Tag: lambda: TextList("tags", MOST_TAGS, parse_tag, "TAG"),
}


def kind_of(annotation: object, unit: Unit | None) -> Kind[Any]:
    """Return the kind of values that a field has.

    Args:
        annotation: Type of the field; None as a further value is left out, nobody writes it.
        unit: Of a quantity.

    Raises:
        TypeError: There is no kind for this type, or a number lacks limits.
    """
    of = _bare(annotation)
    info = inspect.type_info(of)
    kind: Kind[Any] | None = None
    match info:
        case inspect.BoolType():
            kind = Flag()
        case inspect.StrType(min_length=least, max_length=most):
            kind = Text(of, least, most)
        case inspect.CustomType(cls=cls) if cls in _OF_CLASSES:
            kind = _OF_CLASSES[cls]()
        case inspect.IntType(ge=int(least), le=int(most)) if unit is not None:
            kind = Quantity(of, least, most, unit)
        case inspect.IntType(ge=int(least), le=most) if unit is None:
            kind = Whole(of, least, most)
        case inspect.LiteralType():
            kind = Choice(of)
        case inspect.VarTupleType(item_type=inspect.NamedTupleType(cls=cls)) if cls in _LISTS:
            kind = _LISTS[cls]()
        case inspect.NamedTupleType(cls=cls) if cls in _ADDRESSES:
            kind = _ADDRESSES[cls]()
        case inspect.FrozenSetType(item_type=inspect.LiteralType()):
            kind = Words(typing.get_args(of)[0])
    if kind is None:
        raise TypeError(f"no kind of values for {info}")
    return kind


def _bare(annotation: object) -> object:
    """Return a type without an Option around it and None beside it."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        unwrapped = any(isinstance(each, msgspec.Meta) for each in arguments[1:])
        return annotation if unwrapped else _bare(arguments[0])
    if NoneType in arguments:
        return _bare(next(each for each in arguments if each is not NoneType))
    return annotation
