# SPDX-License-Identifier: Apache-2.0
"""Network interfaces: `4:enp5s0:0c:c4:7a:88:84:c2` for an interface number."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self

import msgspec

from kflowd.constants import SECOND_NS
from kflowd.enrich.base import Enricher
from kflowd.enrich.links import Interface, interfaces_here
from kflowd.enrich.shares import Shares
from kflowd.model import EnrichedSocket, ProcessExit, ProcessSeen, facts_of

OWN_NAMESPACE = "/proc/self/ns/net"
FOREVER_NS = 1 << 63
# What is known of a namespace is looked up again for a record in it when it is as old: so changed
# names and addresses are followed.
FRESH_NS = 10 * SECOND_NS
# Namespaces that are known. Others can make any number of them.
MAX_NAMESPACES = 1024
# Who asks for the own namespace, and for that of a socket without an owner.
ROOT, NOBODY = 0, -1
# Interfaces in one piece of news, which a session has room for with those of the largest namespace;
# the others wait for the next.
MAX_NEWS = 2048
# Of the own namespace, whose interfaces its administrators made.
MAX_OWN = 16384


def interface_texts(interfaces: Iterable[Interface]) -> dict[int, str]:
    """Return the texts of interfaces by number."""
    return {number: f"{number}:{name}:{address}" for number, name, address in interfaces}


def read_interfaces() -> list[Interface]:
    """Return the interfaces of this process's network namespace, none if they cannot be read."""
    try:
        return interfaces_here(MAX_OWN)
    except OSError:
        return []


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


class NamespaceFacts(msgspec.Struct, frozen=True):
    """Of other namespaces, by inode number: the user of a process there, and the interfaces.

    Comes later in the stream, as it is found.
    """

    namespaces: dict[int, tuple[int, tuple[Interface, ...]]] = {}


# a namespace, the user of a process there, its interfaces
Found = tuple[int, int, list[Interface]]


class Elsewhere(Protocol):
    """Looks up other namespaces; kflowd.enrich.namespaces.Namespaces does."""

    @property
    def lost(self) -> int:
        """How often there was no room for a question."""

    def ask(self, net_ns: int, pid: int, user: int, /) -> None:
        """Ask for the interfaces of a namespace that a process of a user is in."""

    def news(self) -> Iterable[Found]:
        """Yield what was found since; what is not taken stays for the next time."""


class Interfaces(Enricher):
    """Knows the interfaces of a socket's two directions.

    Args:
        read: Gives the interfaces.
        net_ns: Namespace they belong to; 0: any.
        interval_ns: An unknown number makes it read again this often at most.

    Attributes:
        elsewhere: Looks up other namespaces, whose interfaces are "" until it has; None: nobody.
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
        self.elsewhere: Elsewhere | None = None
        # of other namespaces, by inode number: what is known, and when it was asked for
        self._others: Shares[dict[int, str]] = Shares(MAX_NAMESPACES)
        self._lost = 0
        self._ask_at: dict[int, int] = {}
        self._own_pid = os.getpid()

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
        net_ns = aggregate.flow.net_ns
        if self._net_ns and net_ns and net_ns != self._net_ns:
            self._enrich_elsewhere(value, net_ns)
            return
        value.tx_interface = self._text(aggregate.tx.ifindex, aggregate.ts_ns)
        value.rx_interface = self._text(aggregate.rx.ifindex, aggregate.ts_ns)
        if self.elsewhere is not None:
            self._ask(self._net_ns, self._own_pid, ROOT, aggregate.ts_ns, FRESH_NS)

    def observe(self, value: ProcessSeen | ProcessExit) -> None:
        """Look up the namespace of a process as soon as it is seen: its sockets come later."""
        if isinstance(value, ProcessSeen) and value.process.net_ns not in (0, self._net_ns):
            process = value.process
            self._ask(process.net_ns, process.tgid, process.uid, value.ts_ns, self._interval_ns)

    def news(self) -> Mapping[str, Any]:
        """Return the interfaces of namespaces in which something is other than was known."""
        if self.elsewhere is None:
            return {}
        found: dict[int, tuple[int, list[Interface]]] = {}
        room = MAX_NEWS
        for net_ns, user, interfaces in self.elsewhere.news():
            if interface_texts(interfaces) != self._known(net_ns):
                found[net_ns] = user, interfaces
                room -= 1 + len(interfaces)
            if room <= 0:
                break
        news: dict[str, Any] = {"namespaces": found} if found else {}
        if self._lost != self.elsewhere.lost:
            self._lost = news["lookups_lost"] = self.elsewhere.lost
        return news

    def learn(self, facts: bytes) -> None:
        """Know the namespaces that the stream tells of."""
        for net_ns, (user, interfaces) in facts_of(NamespaceFacts, facts).namespaces.items():
            if net_ns == self._net_ns:
                self._texts = interface_texts(interfaces)
            else:
                self._others.put(net_ns, user, interface_texts(interfaces))

    def _known(self, net_ns: int) -> dict[int, str] | None:
        return self._texts if net_ns == self._net_ns else self._others.look(net_ns)

    def _enrich_elsewhere(self, value: EnrichedSocket, net_ns: int) -> None:
        aggregate = value.aggregate
        sent, received = aggregate.tx.ifindex, aggregate.rx.ifindex
        texts = self._others.use(net_ns)
        if texts is not None:
            value.tx_interface = texts.get(sent, "")
            value.rx_interface = texts.get(received, "")
        whole = texts is not None and all(not it or it in texts for it in (sent, received))
        interval_ns = FRESH_NS if whole else self._interval_ns
        owner = aggregate.process
        user = owner.uid if owner.tgid else NOBODY
        self._ask(net_ns, owner.tgid, user, aggregate.ts_ns, interval_ns)

    def _ask(self, net_ns: int, pid: int, user: int, now_ns: int, interval_ns: int) -> None:
        """Have a namespace looked up, unless that was done within the interval."""
        if self.elsewhere is None:
            return
        asked_ns = self._ask_at.get(net_ns)
        if asked_ns is not None and now_ns - asked_ns < interval_ns:
            return
        self.elsewhere.ask(net_ns, pid, user)
        self._ask_at.pop(net_ns, None)
        self._ask_at[net_ns] = now_ns
        if len(self._ask_at) > MAX_NAMESPACES:
            del self._ask_at[next(iter(self._ask_at))]

    def _text(self, number: int, now_ns: int) -> str:
        if not number:
            return ""
        text = self._texts.get(number)
        if text is None:
            self.look(now_ns)
            text = self._texts.get(number, "")
        return text
