# SPDX-License-Identifier: Apache-2.0
"""Kinds of values that are several: words, rules, servers, ports and other texts, each checked."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from kflowd.settings.applications import MOST_PORTS, OFF, AnyPort, Port, TcpPort, parse_port
from kflowd.settings.kinds import Choice, Kind
from kflowd.settings.plugins import (
    MOST_PLUGINS,
    EntryPoint,
    PortsOf,
    parse_entry_point,
    parse_ports_of,
)
from kflowd.settings.rules import Rule, parse_rule
from kflowd.settings.servers import Server, parse_server
from kflowd.settings.shown import listed, quoted, shown
from kflowd.settings.urls import Header, parse_header

MOST_SERVERS = 8
MOST_HEADERS = 16

T = TypeVar("T")


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
        return listed(self._ordered(value))

    def _ordered(self, value: frozenset[str]) -> list[str]:
        return [word for word in self.word.words if word in value]


class TextList(Kind[tuple[T, ...]]):
    """Texts of one sort, each checked, as a list.

    Args:
        noun: What a message calls several.
        most: So many can be; None: any number.
        parse: Reads one.
        metavar: As of `Kind`.
        apart: What stands between several in one text; "": a text is one.
        name: Of a value, of which there can be one of a name; None: they need none.
    """

    def __init__(
        self,
        noun: str,
        most: int | None,
        parse: Callable[[str], T],
        metavar: str,
        *,
        apart: str = "",
        name: Callable[[T], str] | None = None,
    ) -> None:
        values = "" if most is None else f"{most} at most"
        super().__init__(tuple, f"no list of {noun}", values, metavar)
        self._noun = noun
        self._most = most
        self._parse = parse
        self._apart = apart
        self._name = name

    def read(self, value: object) -> tuple[T, ...]:
        """Return the values; a message names the one that is wrong."""
        texts = self._parts(value) if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{self._shown(value)} is {self.wrong}")
        return self.checked(tuple(map(self._one, texts)))

    def checked(self, value: tuple[T, ...]) -> tuple[T, ...]:
        """Return values that were read, one by one too, if they can stand together.

        Raises:
            ValueError: They are too many, or one is there twice.
        """
        if self._most is not None and len(value) > self._most:
            raise ValueError(f"{len(value)} {self._noun} are too many: {self._most} at most")
        names = [] if self._name is None else list(map(self._name, value))
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is there twice")
        return value

    def text(self, value: tuple[T, ...]) -> str:
        """Return the values with what stands between them, or with spaces."""
        return (self._apart or " ").join(map(str, value))

    def toml(self, value: tuple[T, ...]) -> str:
        """Return a list of the values."""
        return listed(map(str, value))

    def _parts(self, text: str) -> Sequence[str]:
        return text.split(self._apart) if self._apart else [text]

    def _one(self, text: str) -> T:
        try:
            return self._parse(text)
        except ValueError as error:
            raise ValueError(f"{self._shown(text)} {error}") from None

    def _shown(self, value: object) -> str:
        return shown(value)


class RuleList(TextList[Rule]):
    """Rules, each KEY=VALUE[,VALUE...]: an option that can be given several times, or a list."""

    def __init__(self) -> None:
        super().__init__("rules", None, parse_rule, "KEY=VALUE[,VALUE...]")


class ServerList(TextList[Server]):
    """Servers, each IP:PORT, with commas between them or as a list."""

    def __init__(self) -> None:
        metavar = "IP:PORT[,IP:PORT...]"
        super().__init__("servers", MOST_SERVERS, parse_server, metavar, apart=",", name=str)


class PortList(TextList[Port]):
    """Ports, each PROTO/PORT, with commas between them or as a list; "off" for none.

    Args:
        of: The ports of an application, which say what protocols it has.
    """

    def __init__(self, of: type[AnyPort] | type[TcpPort]) -> None:
        def parse(text: str) -> Port:
            return of(*parse_port(text, of.PROTOCOLS))

        metavar = "PROTO/PORT[,PROTO/PORT...]"
        super().__init__("ports", MOST_PORTS, parse, metavar, apart=",", name=str)
        self.values = f"{OFF}, or {self.values}"
        self.protocols = of.PROTOCOLS

    def text(self, value: tuple[Port, ...]) -> str:
        """Return the ports with commas between them."""
        return super().text(value) or OFF

    def toml(self, value: tuple[Port, ...]) -> str:
        """Return a list of the ports, or the word for none."""
        return super().toml(value) if value else quoted(OFF)

    def _parts(self, text: str) -> Sequence[str]:
        return [] if text.lower() == OFF else super()._parts(text)


class PortsOfList(TextList[PortsOf]):
    """Applications of plugins, each APP=PROTO/PORT[,...], with blanks between them or as a list."""

    def __init__(self) -> None:
        metavar = "APP=PROTO/PORT[,PROTO/PORT...]"
        noun, most, parse = "applications", MOST_PLUGINS, parse_ports_of
        super().__init__(noun, most, parse, metavar, apart=" ", name=lambda it: it.word)


class EntryPointList(TextList[EntryPoint]):
    """Names of entry points, with commas between them or as a list."""

    def __init__(self) -> None:
        metavar = "NAME[,NAME...]"
        super().__init__("names", MOST_PLUGINS, parse_entry_point, metavar, apart=",", name=str)


class HeaderList(TextList[Header]):
    """Headers of a request, each NAME: VALUE, as a list."""

    def __init__(self) -> None:
        super().__init__("headers", MOST_HEADERS, parse_header, "NAME: VALUE")

    def text(self, value: tuple[Header, ...]) -> str:
        """Return the headers, each on its line."""
        return "\n".join(map(str, value))

    def _shown(self, value: object) -> str:
        # the value may be a secret
        return shown(value.partition(":")[0]) if isinstance(value, str) else "this"
