# SPDX-License-Identifier: Apache-2.0
"""Conversations for the tests of HTTP: who says what, and what is read of it."""

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.http import Http

TX, RX = Direction.TX, Direction.RX
# Bytes of a direction, or how many of them are missing.
Step = tuple[Direction, bytes | int]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
UNREADABLE = {"_Exception": "HTTP Message Decoder"}


def talk(
    *steps: Step, joined: bool = False, limits: Limits | None = None, ends: bool = True
) -> list[Message]:
    """Return the messages of a conversation whose steps have times 1, 2, ...

    Args:
        steps: What is said, in order.
        joined: Its beginning was not seen.
        limits: Of a message, if not the usual ones.
        ends: Both directions end.
    """
    conversation = (Http(limits) if limits else Http()).conversation(joined=joined)
    messages = []
    for ts_ns, (direction, what) in enumerate(steps, 1):
        if isinstance(what, bytes):
            messages += conversation.feed(direction, what, ts_ns)
        else:
            messages += conversation.gap(direction, what, ts_ns)
    if ends:
        messages += conversation.end(TX)
        messages += conversation.end(RX)
        assert conversation.held == 0
    return messages


def asked(*pieces: bytes, joined: bool = False, limits: Limits | None = None) -> list[Message]:
    """Return the messages of a client's bytes, without any answer."""
    return talk(*((TX, piece) for piece in pieces), joined=joined, limits=limits)


def answered(data: bytes, *, request: bytes = GET, limits: Limits | None = None) -> Message:
    """Return the only message of a server's bytes that answer a request."""
    first, *rest = talk((TX, request), (RX, data), limits=limits)
    assert first.direction is TX
    assert len(rest) == 1
    return rest[0]
