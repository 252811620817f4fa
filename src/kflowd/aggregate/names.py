# SPDX-License-Identifier: Apache-2.0
"""Which name a process asked for, and got the address by that it then connects to. Pure.

Its own conversations with servers of DNS say it: a question that it sent, and the answer that came
to the same socket from the same server. What another process was told is no word of this one.
"""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Any

import msgspec

from kflowd.aggregate.bounded import Bounded
from kflowd.constants import AF_INET, IPPROTO_UDP, SECOND_NS
from kflowd.model import Payload, Role, SocketAggregate, SocketFlag
from kflowd.protocols import Direction, Message

# A program uses what it was told for a while, also where it is told to ask again at once: browsers
# and runtimes do so for up to a minute.
LEAST_TTL_S = 60
MOST_TTL_S = 86400
TTL_SIGN = 1 << 31  # with the upper bit a TTL is 0 (RFC 2181 8)
# Resolvers follow eight to sixteen.
MAX_CHAIN = 16
# Of one answer: what a server says takes little of what is known to the user who asked it.
MAX_ADDRESSES = 64
# Of one process and address: a connection is told of up to half an hour behind its beginning.
MAX_ANSWERS = 64
ANSWER_BYTES = 128
# A connection that began in the last second of the longest TTL has a record within this.
FORGET_NS = (MOST_TTL_S + 3600) * SECOND_NS
QUESTION_BYTES = 2 << 20
TABLE_BYTES = 16 << 20
CONNECTION_BYTES = 4 << 20
ASKED = frozenset(["A", "AAAA", "ANY"])
# What is noted of a message that is right as far as it is shown.
HARMLESS = frozenset(["CUT", "TRAILING"])

Names = tuple[str, ...]
_UNTOLD = SocketFlag.FOLDED | SocketFlag.SNAPSHOT


class _Answer(msgspec.Struct, gc=False):
    """What led to an address, from when until when, and how many bytes it takes."""

    names: Names
    since_ns: int
    until_ns: int
    size: int


class RemoteNames:
    """Names of remote addresses, for each process those that it was told.

    Args:
        total_bytes: What answers may take, of all users.
    """

    def __init__(self, total_bytes: int = TABLE_BYTES) -> None:
        # by socket and number of the message
        self._questions: Bounded[str] = Bounded(QUESTION_BYTES)
        # by process and address
        self._answers: Bounded[list[_Answer]] = Bounded(total_bytes)
        # by socket, as long as it goes on behind a record
        self._connections: Bounded[Names] = Bounded(CONNECTION_BYTES)

    @property
    def evicted(self) -> int:
        """Questions, addresses and connections that there was no room for."""
        return self._questions.evicted + self._answers.evicted + self._connections.evicted

    def hear(self, packet: Payload, messages: Iterable[Message]) -> None:
        """Take the messages of DNS that a packet completed."""
        if not packet.start_ns:
            return
        for message in messages:
            members = message.members
            if "_Exception" in members or not HARMLESS.issuperset(message.notes):
                continue
            if message.direction == Direction.TX:
                self._ask(packet, members)
            else:
                self._answer(packet, members)

    def of(self, aggregate: SocketAggregate) -> Names:
        """Return the names of a connection's remote address when it began; (): not known.

        The last answer ahead of its beginning counts, while it holds. A connection that goes on
        keeps its names.
        """
        if aggregate.flags & _UNTOLD:
            return ()
        names = self._connections.pop(aggregate.key) or self._known(aggregate)
        if names and not _ended(aggregate):
            size, uid = sum(map(len, names)), aggregate.process.uid
            self._connections.put(aggregate.key, names, uid, size, aggregate.ts_ns)
        return names

    def tick(self, ts_ns: int) -> None:
        """Forget what no connection will ask for."""
        for table in (self._questions, self._answers, self._connections):
            table.forget(ts_ns - FORGET_NS)

    def _ask(self, packet: Payload, members: dict[str, Any]) -> None:
        rows = members["ResourceRecords"]
        if members.get("OpCode") != "QUERY" or len(rows) != 1:
            return
        kind, name = rows[0]
        if kind in ASKED:
            key = packet.key, members["TransactionId"]
            self._questions.put(key, name.lower(), packet.uid, len(name), packet.ts_ns)

    def _answer(self, packet: Payload, members: dict[str, Any]) -> None:
        if "ResponseCode" not in members:
            return
        asked = self._questions.pop((packet.key, members["TransactionId"]))
        if asked is None or members["ResponseCode"] != "NOERROR":
            return
        found = led_to(asked, members["ResourceRecords"])
        for address, (names, ttl) in found.items():
            # the text is there once
            size = ANSWER_BYTES + sum(map(len, names)) // len(found)
            self._learn(packet, address, names, ttl, size)

    def _learn(
        self, packet: Payload, address: bytes, names: Names, ttl: int, size: int = ANSWER_BYTES
    ) -> None:
        key = packet.tgid, packet.start_ns, address
        until_ns = packet.ts_ns + max(ttl, LEAST_TTL_S) * SECOND_NS
        answers = self._answers.get(key) or []
        last = answers[-1] if answers else None
        if last and last.names == names and last.since_ns <= packet.ts_ns <= last.until_ns:
            last.until_ns = max(last.until_ns, until_ns)
        else:
            answers.append(_Answer(names, packet.ts_ns, until_ns, size))
            del answers[:-MAX_ANSWERS]
        total = sum(it.size for it in answers)
        self._answers.put(key, answers, packet.uid, total, packet.ts_ns)

    def _known(self, aggregate: SocketAggregate) -> Names:
        if aggregate.role != Role.CLIENT:
            return ()
        owner, flow = aggregate.process, aggregate.flow
        address = flow.remote_addr[:4] if flow.family == AF_INET else flow.remote_addr
        answers = self._answers.get((owner.tgid, owner.start_ns, unmapped(address)))
        began_ns = aggregate.first_ns
        held = [it for it in answers or () if it.since_ns < began_ns <= it.until_ns]
        return max(held, key=lambda it: it.since_ns).names if held else ()


def _ended(aggregate: SocketAggregate) -> bool:
    """Say whether a record is the last of a connection, or of a peer that went silent."""
    if aggregate.flow.protocol == IPPROTO_UDP:
        return bool(aggregate.flags & (SocketFlag.FINAL | SocketFlag.IDLE))
    return bool(aggregate.flags & SocketFlag.FINAL)


def led_to(asked: str, rows: Iterable[list[Any]]) -> dict[bytes, tuple[Names, int]]:
    """Return the addresses of an answer, the names that lead to each, and for how many seconds.

    Args:
        asked: The name of the question, in small letters.
        rows: Records of the answer, as a message shows them.
    """
    aliases: dict[str, tuple[str, int]] = {}
    addresses: dict[str, list[tuple[bytes, int]]] = {}
    for kind, owner, ttl, group, text in rows:
        if group != "IN":
            continue
        holds = ttl if ttl < TTL_SIGN else 0
        if kind == "CNAME":
            aliases.setdefault(owner.lower(), (text.lower(), holds))
        elif kind in ("A", "AAAA") and (packed := packed_address(text)):
            addresses.setdefault(owner.lower(), []).append((packed, holds))
    found: dict[bytes, tuple[Names, int]] = {}
    names, least = [asked], MOST_TTL_S
    while True:
        for packed, holds in addresses.get(names[-1], ())[: MAX_ADDRESSES - len(found)]:
            found.setdefault(packed, (tuple(names), min(least, holds)))
        alias, holds = aliases.get(names[-1], ("", 0))
        if not alias or alias in names or len(names) == MAX_CHAIN:
            return found
        names.append(alias)
        least = min(least, holds)


def packed_address(text: str) -> bytes:
    """Return the 4 or 16 bytes of an address, IPv4 in IPv6 as IPv4; b"": it is none."""
    try:
        return unmapped(ip_address(text).packed)
    except ValueError:
        return b""


def unmapped(packed: bytes) -> bytes:
    """Return the four bytes of ::ffff:a.b.c.d, any other address as it is."""
    mapped = IPv6Address(packed).ipv4_mapped if len(packed) == 16 else None
    return mapped.packed if mapped else packed
