# SPDX-License-Identifier: Apache-2.0
"""DNS as an application: datagrams, and what a connection has."""

from kflowd.protocols.base import Conversation, Direction, Limits, Message
from kflowd.protocols.dns.framing import Side
from kflowd.protocols.dns.message import decode
from kflowd.protocols.framed import FramedConversation

STANDARD = Limits()


class Dns:
    """Decodes DNS, multicast DNS and LLMNR: their messages have the same form.

    Args:
        limits: How much of a message is kept and shown.
    """

    name = "DNS"
    key = "Dns"
    stamped = True

    def __init__(self, limits: Limits = STANDARD) -> None:
        self._limits = limits

    def datagram(
        self, direction: Direction, payload: bytes, size: int, ts_ns: int
    ) -> list[Message]:
        """Return the message of a datagram; what is behind its true length is no part of it."""
        data = payload[:size]
        members, notes = decode(data, self._limits, whole=len(data) == size)
        if len(data) < size and "CUT" not in notes:
            notes.append("CUT")
        # whatever is noted, there are bytes that are not shown
        return [Message(ts_ns, direction, members, notes, size if notes else 0)]

    def conversation(self, *, joined: bool) -> Conversation:
        """Return a decoder for a new connection."""
        return FramedConversation(lambda it: Side(it, self._limits, joined=joined))


DNS = Dns()
