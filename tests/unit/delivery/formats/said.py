# SPDX-License-Identifier: Apache-2.0
"""Records of sockets over which messages of DNS and HTTP went."""

from typing import Any

from kflowd.model import Messages, Role
from kflowd.protocols import Direction, Message
from kflowd.serialize.record import SocketRecord
from tests.unit.make import SECOND, named_socket
from tests.unit.serialize.text import builder

TX, RX = Direction.TX, Direction.RX
# when the socket of `named_socket` was first seen
FIRST = 9 * SECOND
MS = 1_000_000
ASKED: dict[str, Any] = {
    "TransactionId": 7, "OpCode": "QUERY", "Flags": ["RD"],
    "ResourceRecords": [["A", "example.org"]],
}  # fmt: skip
ANSWERED: dict[str, Any] = {
    "TransactionId": 7, "ResponseCode": "NOERROR", "Flags": ["QR", "RD", "RA"], "AnswerCount": 2,
    "ResourceRecords": [
        ["CNAME", "example.org", 60, "IN", "www.example.org"],
        ["A", "www.example.org", 60, "IN", "192.0.2.9"],
    ],
}  # fmt: skip
GET: dict[str, Any] = {
    "_Method": "GET", "_Url": "/a?b=c", "_Version": "HTTP/1.1", "Host": "example.org:8080",
    "User-Agent": "curl/7.88.1", "Referer": "http://example.org/",
}  # fmt: skip
OK: dict[str, Any] = {
    "_Version": "HTTP/1.1", "_Status": 200, "_Reason": "OK", "Content-Type": "text/plain",
    "_Body": "hello",
}  # fmt: skip

Said = tuple[Direction, dict[str, Any], list[str]]


def sent(members: dict[str, Any], *notes: str) -> Said:
    """Return what this end says."""
    return TX, members, list(notes)


def received(members: dict[str, Any], *notes: str) -> Said:
    """Return what the other end says."""
    return RX, members, list(notes)


def record(
    key: str, *said: Said, role: int = Role.CLIENT, strict: bool = False, **changes: Any
) -> SocketRecord:
    """Return the record of a socket; its messages are 5 ms apart, the first 5 ms from its begin."""
    those = tuple(
        Message(FIRST + at * 5 * MS, direction, members, notes)
        for at, (direction, members, notes) in enumerate(said, 1)
    )
    messages = Messages(app=key.upper(), key=key, stamped=True, messages=those)
    made = builder(strict=strict).socket(named_socket(messages=messages, role=role, **changes))
    assert isinstance(made, SocketRecord)
    return made
