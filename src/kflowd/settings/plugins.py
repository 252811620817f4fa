# SPDX-License-Identifier: Apache-2.0
"""Which plugins are loaded, what they read, and what they may take: -P PATH, -p APP=..., checked.

None is loaded unless it is named: what is installed beside kflowd does not run as root unasked.
"""

import re
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from kflowd.settings.applications import (
    SHORT,
    AnyPort,
    ApplicationSettings,
    Port,
    parse_port,
)
from kflowd.settings.option import BYTES, NS_PER_SECOND, SECONDS, Option

# Each has a process of its own, which is left out as kflowd itself is: half of the places there.
MOST_PLUGINS = 8
MOST_PORTS = 8
# as it stands in a key, AppTxRedis: no other key can look so
_WORD = re.compile(r"[a-z][a-z0-9]{0,15}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)


class PortsOf(NamedTuple):
    """The ports of an application that a plugin reads.

    Attributes:
        word: Of the application, in small letters.
        ports: Of it.
    """

    word: str
    ports: tuple[Port, ...]

    def __str__(self) -> str:
        return f"{self.word}={','.join(map(str, self.ports))}"


class EntryPoint(NamedTuple):
    """The name of an entry point in the group of plugins."""

    name: str

    def __str__(self) -> str:
        return self.name


def is_word(text: str) -> bool:
    """Say whether an application of a plugin can be called so."""
    return _WORD.fullmatch(text) is not None


def parse_ports_of(text: str) -> PortsOf:
    """Return an application with its ports.

    Args:
        text: "redis=tcp/6379,tcp/6380", in letters of any case.

    Raises:
        ValueError: With what is wrong, as the end of a line.
    """
    word, equals, ports = text.lower().partition("=")
    if not equals or not is_word(word):
        raise ValueError("is not APP=PROTO/PORT, APP of at most 16 letters and digits")
    if word in ApplicationSettings.__struct_fields__:
        raise ValueError(f"names {word}, which kflowd reads itself")
    found = tuple(AnyPort(*parse_port(it, AnyPort.PROTOCOLS)) for it in ports.split(","))
    if len(found) > MOST_PORTS or len(set(found)) != len(found):
        raise ValueError(f"has a port twice, or more than {MOST_PORTS}")
    return PortsOf(word, found)


def parse_entry_point(text: str) -> EntryPoint:
    """Return the name of an entry point.

    Raises:
        ValueError: With what is wrong, as the end of a line.
    """
    if not _NAME.fullmatch(text):
        raise ValueError("is no name of letters, digits, dots and hyphens")
    return EntryPoint(text)


class PluginSettings(Struct, frozen=True, kw_only=True, rename=lambda it: it.removesuffix("_ns")):
    """Decoders and enrichers that others wrote, see docs/plugins.md."""

    plugins: Annotated[
        Path | None,
        Option(
            help="Decoders and enrichers of others: a Python file, or a directory of such; root's, "
            "and writable by root alone",
            short="-P",
            metavar="PATH",
            commands=("trace", "doctor", "decode"),
        ),
    ] = None
    entry_points: Annotated[
        tuple[EntryPoint, ...],
        Option(
            help="Installed plugins to load, by their names in the group kflowd.plugins",
            commands=("trace", "doctor", "decode"),
        ),
    ] = ()
    plugin_ports: Annotated[
        tuple[PortsOf, ...],
        Option(
            help="Ports whose messages a plugin reads; the same as -p with the name of no other",
            short=SHORT,
            commands=("trace", "doctor", "decode"),
        ),
    ] = ()
    # a message takes microseconds; records wait for five seconds
    plugin_wait_ns: Annotated[
        Annotated[int, Meta(ge=10_000_000, le=60 * NS_PER_SECOND)],
        Option(
            help="Seconds that a plugin may take for what one record has, before it is ended",
            unit=SECONDS,
            commands=("trace", "doctor", "decode"),
        ),
    ] = 2 * NS_PER_SECOND
    # the interpreter alone has a tenth of it
    plugin_bytes: Annotated[
        Annotated[int, Meta(ge=64 << 20, le=1 << 40)],
        Option(
            help="Memory (RLIMIT_AS) that the process of a plugin may take",
            unit=BYTES,
            commands=("trace", "doctor", "decode"),
        ),
    ] = 256 << 20

    @property
    def ports(self) -> tuple[Port, ...]:
        """All ports that plugins read."""
        return tuple(port for each in self.plugin_ports for port in each.ports)
