# SPDX-License-Identifier: Apache-2.0
"""Network interfaces: `4:enp5s0:0c:c4:7a:88:84:c2` for an interface number."""

import os
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from kflowd.constants import SECOND_NS
from kflowd.enrich.base import Enricher
from kflowd.model import EnrichedSocket

SYS_CLASS_NET = Path("/sys/class/net")
OWN_NAMESPACE = "/proc/self/ns/net"
FOREVER_NS = 1 << 63
# (number, name, address); the address is "" if it is not known
Interface = tuple[int, str, str]


def interface_texts(interfaces: Iterable[Interface]) -> dict[int, str]:
    """Return the texts of interfaces by number."""
    return {number: f"{number}:{name}:{address}" for number, name, address in interfaces}


def read_interfaces() -> list[Interface]:
    """Return the interfaces of this process's network namespace."""
    try:
        names = socket.if_nameindex()
    except OSError:
        return []
    # Python decodes names by the locale's charset; the kernel allows any bytes
    return [
        (number, os.fsencode(name).decode("utf-8", "replace"), _address(name))
        for number, name in names
    ]


def own_namespace() -> int:
    """Return the inode number of this process's network namespace, 0 if unknown."""
    try:
        return os.stat(OWN_NAMESPACE).st_ino
    except OSError:
        return 0


class InterfaceFacts(msgspec.Struct, frozen=True):
    """(index, name, MAC address) of each, and the namespace they belong to (0 unknown)."""

    interfaces: tuple[Interface, ...] = ()
    net_ns: int = 0


class Interfaces(Enricher):
    """Knows the interfaces of a socket's two directions.

    Args:
        read: Gives the interfaces.
        net_ns: Namespace they belong to; numbers of other namespaces give "". 0: any.
        interval_ns: An unknown number makes it read again this often at most.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = InterfaceFacts

    def __init__(
        self,
        read: Callable[[], Iterable[Interface]] = read_interfaces,
        net_ns: int = 0,
        interval_ns: int = SECOND_NS,
    ) -> None:
        self._read = read
        self._net_ns = net_ns
        self._interval_ns = interval_ns
        self._next_ns: int | None = None
        self._texts: dict[int, str] = {}

    @classmethod
    def live(cls) -> Self:
        """Return one that knows the interfaces of this process's namespace."""
        return cls(net_ns=own_namespace())

    @classmethod
    def recorded(cls, facts: InterfaceFacts) -> Self:
        """Return one that knows the interfaces of the host that was recorded."""
        return cls(lambda: facts.interfaces, facts.net_ns, FOREVER_NS)

    def facts(self) -> Mapping[str, Any]:
        """Return the interfaces as they are now; names that are no UTF-8 lose those bytes."""
        known = [
            (number, name.encode("utf-8", "replace").decode(), address)
            for number, name, address in self._read()
        ]
        return {"interfaces": known, "net_ns": self._net_ns}

    def look(self, now_ns: int) -> None:
        """Read the interfaces, if that was not done within the interval before `now_ns`."""
        if self._next_ns is None or now_ns >= self._next_ns:
            self._next_ns = now_ns + self._interval_ns
            self._texts = interface_texts(self._read())

    def enrich_socket(self, value: EnrichedSocket) -> None:
        """Fill in the interfaces."""
        aggregate = value.aggregate
        if self._net_ns and aggregate.flow.net_ns and aggregate.flow.net_ns != self._net_ns:
            return
        value.tx_interface = self._text(aggregate.tx.ifindex, aggregate.ts_ns)
        value.rx_interface = self._text(aggregate.rx.ifindex, aggregate.ts_ns)

    def _text(self, number: int, now_ns: int) -> str:
        if not number:
            return ""
        text = self._texts.get(number)
        if text is None:
            self.look(now_ns)
            text = self._texts.get(number, "")
        return text


def _address(name: str) -> str:
    # sysfs may be of another namespace or not mounted: then the address stays unknown
    try:
        return (SYS_CLASS_NET / name / "address").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
