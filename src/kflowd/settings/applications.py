# SPDX-License-Identifier: Apache-2.0
"""Which ports are read as which application: -p APP=PROTO/PORT[,PROTO/PORT...], checked."""

from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar, NamedTuple

from msgspec import Struct

from kflowd.errors import ContradictionError
from kflowd.settings.option import Option, set_keys

MAX_PORT = 65535
MOST_PORTS = 8
OFF = "off"
SHORT = "-p"


class Port(NamedTuple):
    """A port of a protocol.

    Attributes:
        protocol: "tcp" or "udp".
        number: 1 to 65535.
    """

    protocol: str
    number: int

    def __str__(self) -> str:
        return f"{self.protocol}/{self.number}"


class AnyPort(Port):
    """A port of an application that both protocols carry."""

    PROTOCOLS: ClassVar[tuple[str, ...]] = ("tcp", "udp")


class TcpPort(Port):
    """A port of an application over streams."""

    PROTOCOLS: ClassVar[tuple[str, ...]] = ("tcp",)


def parse_port(text: str, protocols: Iterable[str]) -> Port:
    """Return a port.

    Args:
        text: "udp/53", in letters of any case.
        protocols: Which can be.

    Raises:
        ValueError: With what is wrong, as the end of a line.
    """
    protocol, slash, number = text.lower().partition("/")
    if not slash:
        raise ValueError("is not PROTO/PORT")
    if protocol not in protocols:
        raise ValueError(f"has {ascii(protocol)[:20]} in place of {' or '.join(protocols)}")
    digits = number.isascii() and number.isdigit() and len(number) <= len(str(MAX_PORT))
    if not (digits and 1 <= int(number) <= MAX_PORT):
        raise ValueError(f"has no port from 1 to {MAX_PORT}")
    return Port(protocol, int(number))


class ApplicationSettings(Struct, frozen=True, kw_only=True):
    """Whose messages are read: what comes and goes at these ports is captured and decoded."""

    dns: Annotated[
        tuple[AnyPort, ...],
        Option(
            help="Ports whose messages are read as DNS",
            short=SHORT,
            commands=("trace", "doctor", "decode"),
        ),
    ] = (AnyPort("udp", 53), AnyPort("tcp", 53))
    http: Annotated[
        tuple[TcpPort, ...],
        Option(
            help="Ports whose messages are read as HTTP",
            short=SHORT,
            commands=("trace", "doctor", "decode"),
        ),
    ] = (TcpPort("tcp", 80),)
    syslog: Annotated[
        tuple[AnyPort, ...],
        Option(
            help="Ports whose messages are read as SYSLOG",
            short=SHORT,
            commands=("trace", "doctor", "decode"),
        ),
    ] = (AnyPort("udp", 514), AnyPort("tcp", 514))
    tls: Annotated[
        tuple[TcpPort, ...],
        Option(
            help="Ports where connections begin with TLS: version and names are read, no more",
            short=SHORT,
            commands=("trace", "doctor", "decode"),
        ),
    ] = ()

    @property
    def ports(self) -> tuple[Port, ...]:
        """All of them."""
        return tuple(port for key in self.__struct_fields__ for port in getattr(self, key))

    def described(self) -> tuple[str, ...]:
        """Return each application that has ports, with them: "DNS at udp/53, tcp/53"."""
        texts = self.as_texts()
        return tuple(f"{key.upper()} at {', '.join(texts[key])}" for key in texts if texts[key])

    def as_texts(self) -> dict[str, tuple[str, ...]]:
        """Return all ports as a file has them, by application."""
        return {key: tuple(map(str, getattr(self, key))) for key in self.__struct_fields__}

    def contradictions(self) -> Iterator[ContradictionError]:
        """Yield each port that is to be read as two applications.

        Defaults are the first readers: what was set is what is refused.
        """
        changed = frozenset(set_keys(self))
        readers: dict[Port, str] = {}
        for key in sorted(self.__struct_fields__, key=changed.__contains__):
            for port in getattr(self, key):
                other = readers.setdefault(Port(*port), key)
                if other != key:
                    cause = f"{port} is read as {other.upper()} already"
                    yield ContradictionError(("application", key), cause, ("application", other))
