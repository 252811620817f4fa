# SPDX-License-Identifier: Apache-2.0
"""Kinds of values: how each is read from text or from a file's value, named and written.

The kind follows from a field's type, so a field need not say it. A reader raises ValueError with
the end of a line: "'x' is none of json, json-min".
"""

import os
import re
import typing
from collections.abc import Callable, Container, Iterable
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

from kflowd.settings.applications import MOST_PORTS, OFF, AnyPort, Port, TcpPort, parse_port
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
from kflowd.settings.option import Unit
from kflowd.settings.plugins import (
    MOST_PLUGINS,
    EntryPoint,
    PortsOf,
    parse_entry_point,
    parse_ports_of,
)
from kflowd.settings.rules import Rule, parse_rule
from kflowd.settings.servers import (
    Address,
    Listen,
    Server,
    parse_address,
    parse_listen,
    parse_server,
)
from kflowd.settings.urls import Header, Url, parse_header, parse_url
from kflowd.settings.where import Where, parse_where

MAX_SHOWN = 60
MOST_PATH = 4095  # PATH_MAX without a NUL
MOST_SERVERS = 8
MOST_HEADERS = 16
_USER = re.compile(r"//[^/?#]*@")
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})([A-Za-z]*)", re.ASCII)

T = TypeVar("T")


class Kind(Generic[T]):
    """A kind of values.

    Args:
        of: Type of the value, with its limits.
        wrong: What is said of a wrong value: "none of json, json-min".
        values: Which values are right: "json, json-min"; "" if that goes without saying.
        metavar: What stands for the value in a list of options.
    """

    def __init__(self, of: object, wrong: str, values: str = "", metavar: str = "") -> None:
        self.of = of
        self.wrong = wrong
        self.values = values
        self.metavar = metavar

    def read(self, value: object) -> T:
        """Return the checked value of what stands on the command line or in a file.

        Raises:
            ValueError: With what is wrong, and what would be right.
        """
        try:
            return self._read(value)
        except (ValueError, msgspec.ValidationError):
            raise ValueError(f"{shown(value)} is {self.wrong}") from None

    def text(self, value: T) -> str:
        """Return how a value is written; `read` takes it back."""
        return str(value)

    def toml(self, value: T) -> str:
        """Return how a value is written in a file.

        Raises:
            ValueError: It is no UTF-8, which a file is.
        """
        return quoted(self.text(value))

    def _read(self, value: object) -> T:
        checked: T = msgspec.convert(value, self.of)
        return checked


class Flag(Kind[bool]):
    """True or false; on the command line an option without a value."""

    def __init__(self) -> None:
        super().__init__(bool, "neither true nor false")

    def text(self, value: bool) -> str:
        """Return the word that a file has."""
        return "true" if value else "false"

    def toml(self, value: bool) -> str:
        """Return the word that a file has."""
        return self.text(value)


class Text(Kind[str]):
    """Characters, between two numbers of them."""

    def __init__(self, of: object, least: int | None, most: int | None) -> None:
        limits = f"{least or 0} to {most} characters" if most else ""
        super().__init__(of, f"no text of {limits}" if limits else "no text", limits, "TEXT")


class File(Kind[Path]):
    """A path."""

    def __init__(self) -> None:
        super().__init__(str, "no path", "", "FILE")

    def read(self, value: object) -> Path:
        """Return the path; a message says if it is too long for any call of the system."""
        path = super().read(value)
        if len(os.fsencode(path)) > MOST_PATH:
            raise ValueError(f"{shown(value)} has more than the {MOST_PATH} bytes of a path")
        return path

    def _read(self, value: object) -> Path:
        text: str = msgspec.convert(value, str)
        if not text or "\0" in text:
            raise ValueError(text)
        return Path(text)


class Whole(Kind[int]):
    """A whole number between two limits, or without an upper one."""

    def __init__(self, of: object, least: int, most: int | None) -> None:
        end = "on" if most is None else f"to {most}"
        values = f"{least} or more" if most is None else f"{least} {end}"
        super().__init__(of, f"no whole number from {least} {end}", values, "N")

    def _read(self, value: object) -> int:
        number: int = msgspec.convert(value, self.of, strict=False)
        return number

    def toml(self, value: int) -> str:
        """Return the number."""
        return self.text(value)


class Quantity(Kind[int]):
    """A number of a unit between two limits: 0.5, 15, 8MiB."""

    def __init__(self, of: object, least: int, most: int, unit: Unit) -> None:
        self.unit = unit
        # 1 is the smallest part of the unit, and says less to people than 0
        first = "above 0, at most" if least == 1 else f"{self.text(least)} to"
        limits = f"{first} {self.text(most)}"
        wrong = f"no {unit.noun} {limits}" if least == 1 else f"no {unit.noun} from {limits}"
        values = f"{limits}, a power of two" if unit.power_of_two else limits
        units = f"; units: {', '.join(filter(None, unit.factors))}"
        super().__init__(of, wrong + units, values + units, unit.metavar)

    def text(self, value: int) -> str:
        """Return the number in the largest unit that makes it a whole one."""
        factors = self.unit.factors
        for suffix in self.unit.written:
            if value % factors[suffix] == 0:
                return f"{value // factors[suffix]}{suffix}"
        whole, rest = divmod(value, factors[""])
        return f"{Decimal(value) / factors['']:f}" if rest else str(whole)

    def toml(self, value: int) -> str:
        """Return a number, or a text where it has a unit or a fraction that a float may lack."""
        text = self.text(value)
        return text if text.isdecimal() else quoted(text)

    def _read(self, value: object) -> int:
        # the shortest text of a float is the number that stood in the file
        number = isinstance(value, int | float) and not isinstance(value, bool)
        text = f"{Decimal(repr(value)):f}" if number else value
        found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
        if found is None or found[2] not in self.unit.factors:
            raise ValueError(text)
        amount = Decimal(found[1]) * self.unit.factors[found[2]]
        size = int(amount)
        if size != amount or (self.unit.power_of_two and size & (size - 1)):
            raise ValueError(text)
        limited: int = msgspec.convert(size, self.of)
        return limited


class Choice(Kind[str]):
    """One of some words."""

    def __init__(self, of: object, leave_out: Container[str] = ()) -> None:
        self.words = tuple(word for word in typing.get_args(of) if word not in leave_out)
        listed = ", ".join(self.words)
        super().__init__(of, f"none of {listed}", listed, "WORD")

    def without(self, words: Container[str]) -> "Choice":
        """Return a choice of the others."""
        return Choice(self.of, words)

    def _read(self, value: object) -> str:
        if value not in self.words:
            raise ValueError(value)
        return str(value)


class Words(Kind[frozenset[str]]):
    """Some of some words, with commas between them or as a list."""

    def __init__(self, item: object) -> None:
        self.word = Choice(item)
        super().__init__(frozenset, self.word.wrong, self.word.values, "LIST")

    def read(self, value: object) -> frozenset[str]:
        """Return the words; a message names the one that is wrong."""
        words = value.split(",") if isinstance(value, str) else value
        if not isinstance(words, list) or not words:
            raise ValueError(f"{shown(value)} is {self.wrong}")
        return frozenset(self.word.read(word) for word in words)

    def text(self, value: frozenset[str]) -> str:
        """Return the words in the order in which they are listed everywhere."""
        return ",".join(self._ordered(value))

    def toml(self, value: frozenset[str]) -> str:
        """Return a list of the words in that order."""
        return _listed(self._ordered(value))

    def _ordered(self, value: frozenset[str]) -> list[str]:
        return [word for word in self.word.words if word in value]


class RuleList(Kind[tuple[Rule, ...]]):
    """Rules, each KEY=VALUE[,VALUE...]: an option that can be given several times, or a list."""

    def __init__(self) -> None:
        super().__init__(tuple, "no rule", "", "KEY=VALUE[,VALUE...]")

    def read(self, value: object) -> tuple[Rule, ...]:
        """Return the rules; a message names the one that is wrong."""
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list):
            raise ValueError(f"{shown(value)} is no list of rules")  # noqa: TRY004 - of the user
        return tuple(self._rule(text) for text in texts)

    def text(self, value: tuple[Rule, ...]) -> str:
        """Return the rules with spaces between them."""
        return " ".join(map(str, value))

    def toml(self, value: tuple[Rule, ...]) -> str:
        """Return a list of the rules."""
        return _listed(map(str, value))

    @staticmethod
    def _rule(text: object) -> Rule:
        if not isinstance(text, str):
            raise ValueError(f"{shown(text)} is no rule")  # noqa: TRY004 - of the user
        try:
            return parse_rule(text)
        except ValueError as error:
            raise ValueError(f"{shown(text)} {error}") from None


class Condition(Kind[Where]):
    """An expression over the fields of a record."""

    def __init__(self) -> None:
        super().__init__(Where, "no expression", "", "EXPRESSION")

    def read(self, value: object) -> Where:
        """Return the expression; a message says at which character it is wrong."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is {self.wrong}")  # noqa: TRY004 - of the user
        return parse_where(value)


class ServerList(Kind[tuple[Server, ...]]):
    """Servers, each IP:PORT, with commas between them or as a list."""

    def __init__(self) -> None:
        values = f"{MOST_SERVERS} at most"
        super().__init__(tuple, "no list of servers", values, "IP:PORT[,IP:PORT...]")

    def read(self, value: object) -> tuple[Server, ...]:
        """Return the servers; a message names the one that is wrong."""
        texts = value.split(",") if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{shown(value)} is {self.wrong}")
        servers = tuple(map(self._server, texts))
        if len(servers) > MOST_SERVERS:
            raise ValueError(f"{len(servers)} servers are too many: {self.values}")
        for server in servers:
            if servers.count(server) > 1:
                raise ValueError(f"{server} is there twice")
        return servers

    def text(self, value: tuple[Server, ...]) -> str:
        """Return the servers with commas between them."""
        return ",".join(map(str, value))

    def toml(self, value: tuple[Server, ...]) -> str:
        """Return a list of the servers."""
        return _listed(map(str, value))

    @staticmethod
    def _server(text: str) -> Server:
        try:
            return parse_server(text)
        except ValueError as error:
            raise ValueError(f"{shown(text)} {error}") from None


class PortList(Kind[tuple[Port, ...]]):
    """Ports, each PROTO/PORT, with commas between them or as a list; "off" for none.

    Args:
        of: The ports of an application, which say what protocols it has.
    """

    def __init__(self, of: type[AnyPort] | type[TcpPort]) -> None:
        values = f"{OFF}, or {MOST_PORTS} at most"
        super().__init__(tuple, "no list of ports", values, "PROTO/PORT[,PROTO/PORT...]")
        self._of = of
        self.protocols = of.PROTOCOLS

    def read(self, value: object) -> tuple[Port, ...]:
        """Return the ports; a message names the one that is wrong."""
        if isinstance(value, str) and value.lower() == OFF:
            return ()
        texts = value.split(",") if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{shown(value)} is {self.wrong}")
        ports = tuple(map(self._port, texts))
        if len(ports) > MOST_PORTS:
            raise ValueError(f"{len(ports)} ports are too many: {MOST_PORTS} at most")
        for port in ports:
            if ports.count(port) > 1:
                raise ValueError(f"{port} is there twice")
        return ports

    def text(self, value: tuple[Port, ...]) -> str:
        """Return the ports with commas between them."""
        return ",".join(map(str, value)) or OFF

    def toml(self, value: tuple[Port, ...]) -> str:
        """Return a list of the ports, or the word for none."""
        return _listed(map(str, value)) if value else quoted(OFF)

    def _port(self, text: str) -> Port:
        try:
            return self._of(*parse_port(text, self._of.PROTOCOLS))
        except ValueError as error:
            raise ValueError(f"{shown(text)} {error}") from None


class PortsOfList(Kind[tuple[PortsOf, ...]]):
    """Applications of plugins, each APP=PROTO/PORT[,...], one of them or as a list."""

    def __init__(self) -> None:
        super().__init__(tuple, "no list of applications", "", "APP=PROTO/PORT[,PROTO/PORT...]")

    def read(self, value: object) -> tuple[PortsOf, ...]:
        """Return the applications; a message names the one that is wrong."""
        return _named(value, self.wrong, parse_ports_of, lambda it: it.word)

    def text(self, value: tuple[PortsOf, ...]) -> str:
        """Return the applications with blanks between them: none has one."""
        return " ".join(map(str, value))

    def toml(self, value: tuple[PortsOf, ...]) -> str:
        """Return a list of the applications."""
        return _listed(map(str, value))


class EntryPointList(Kind[tuple[EntryPoint, ...]]):
    """Names of entry points, with commas between them or as a list."""

    def __init__(self) -> None:
        values = f"{MOST_PLUGINS} at most"
        super().__init__(tuple, "no list of names", values, "NAME[,NAME...]")

    def read(self, value: object) -> tuple[EntryPoint, ...]:
        """Return the names; a message tells the one that is wrong."""
        texts = value.split(",") if isinstance(value, str) else value
        return _named(texts, self.wrong, parse_entry_point, str)

    def text(self, value: tuple[EntryPoint, ...]) -> str:
        """Return the names with commas between them."""
        return ",".join(map(str, value))

    def toml(self, value: tuple[EntryPoint, ...]) -> str:
        """Return a list of the names."""
        return _listed(map(str, value))


def _named(
    value: object, wrong: str, parse: Callable[[str], T], name: Callable[[T], str]
) -> tuple[T, ...]:
    """Return what texts name, of plugins: each once, and no more than these can be.

    Raises:
        ValueError: With what is wrong.
    """
    texts = value.split(" ") if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{shown(value)} is {wrong}")
    found: dict[str, T] = {}
    for text in texts:
        try:
            read = parse(text)
        except ValueError as error:
            raise ValueError(f"{shown(text)} {error}") from None
        if name(read) in found:
            raise ValueError(f"{name(read)} is there twice")
        found[name(read)] = read
    if len(found) > MOST_PLUGINS:
        raise ValueError(f"{len(found)} are too many: {MOST_PLUGINS} at most")
    return tuple(found.values())


class HeaderList(Kind[tuple[Header, ...]]):
    """Headers of a request, each NAME: VALUE, as a list."""

    def __init__(self) -> None:
        super().__init__(tuple, "no list of headers", f"{MOST_HEADERS} at most", "NAME: VALUE")

    def read(self, value: object) -> tuple[Header, ...]:
        """Return the headers; a message names the one that is wrong, and not its value."""
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"this is {self.wrong}")
        if len(texts) > MOST_HEADERS:
            raise ValueError(f"{len(texts)} headers are too many: {self.values}")
        return tuple(map(self._header, texts))

    def text(self, value: tuple[Header, ...]) -> str:
        """Return the headers, each on its line."""
        return "\n".join(map(str, value))

    def toml(self, value: tuple[Header, ...]) -> str:
        """Return a list of the headers."""
        return _listed(map(str, value))

    @staticmethod
    def _header(text: str) -> Header:
        try:
            return parse_header(text)
        except ValueError as error:
            # the value may be a secret
            raise ValueError(f"{shown(text.partition(':')[0])} {error}") from None


class TextList(Kind[tuple[T, ...]]):
    """Texts of one sort, each checked, as a list.

    Args:
        noun: What a message calls several.
        most: So many can be.
        parse: Reads one.
        metavar: As of `Kind`.
    """

    def __init__(self, noun: str, most: int, parse: Callable[[str], T], metavar: str) -> None:
        super().__init__(tuple, f"no list of {noun}", f"{most} at most", metavar)
        self._parse = parse
        self._most = most

    def read(self, value: object) -> tuple[T, ...]:
        """Return the values; a message names the one that is wrong."""
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{shown(value)} is {self.wrong}")
        if len(texts) > self._most:
            raise ValueError(f"{len(texts)} are too many: {self.values}")
        return tuple(map(self._one, texts))

    def text(self, value: tuple[T, ...]) -> str:
        """Return the values with spaces between them."""
        return " ".join(map(str, value))

    def toml(self, value: tuple[T, ...]) -> str:
        """Return a list of the values."""
        return _listed(map(str, value))

    def _one(self, text: str) -> T:
        try:
            return self._parse(text)
        except ValueError as error:
            raise ValueError(f"{shown(text)} {error}") from None


A = TypeVar("A", bound=Address | Listen | Url)


class OneAddress(Kind[A]):
    """A host and a port, or what stands for them.

    Args:
        of: Address, Listen or Url.
        parse: Reads one.
        metavar: As of `Kind`.
    """

    def __init__(self, of: type[A], parse: Callable[[str], A], metavar: str) -> None:
        super().__init__(of, "no address", "", metavar)
        self._parse = parse

    def read(self, value: object) -> A:
        """Return the address; a message says what it lacks."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is {self.wrong}")  # noqa: TRY004 - of the user
        try:
            return self._parse(value)
        except ValueError as error:
            # a URL may have a password
            raise ValueError(f"{shown(_USER.sub('//***@', value))} {error}") from None


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


def shown(value: object) -> str:
    """Return what was given as a message shows it: one short line, whatever it is."""
    match value:  # as a file has it
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case date() | time():  # a datetime is a date, too
            return value.isoformat()
        case list():  # whatever depth it has
            listed = ("[...]" if isinstance(it, list) else shown(it) for it in value)
            text = f"[{', '.join(listed)}]"
        case _:
            try:
                text = ascii(value)
            except ValueError:  # more digits than Python writes
                text = "a number of very many digits"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def quoted(text: str) -> str:
    """Return a text as a basic string of TOML.

    Raises:
        ValueError: It is no UTF-8.
    """
    # JSON escapes all that TOML wants escaped but for DEL
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"
