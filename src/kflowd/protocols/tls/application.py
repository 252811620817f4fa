# SPDX-License-Identifier: Apache-2.0
"""TLS as an application: it has connections alone."""

from kflowd.protocols.base import Conversation, Direction, Limits, Message
from kflowd.protocols.tls.conversation import TlsConversation
from kflowd.protocols.tls.hello import EXCEPTION

STANDARD = Limits()


class Tls:
    """Decodes how connections begin; nothing is read of what is encrypted.

    Args:
        limits: How much of a hello is kept and shown.
    """

    name = "TLS"
    key = "Tls"
    stamped = True

    def __init__(self, limits: Limits = STANDARD) -> None:
        self._limits = limits

    def datagram(
        self,
        direction: Direction,
        payload: bytes,  # noqa: ARG002
        size: int,
        ts_ns: int,
    ) -> list[Message]:
        """Return that it cannot be read: TLS is a stream."""
        return [Message(ts_ns, direction, {"_Exception": EXCEPTION}, ["MALFORMED"], size)]

    def conversation(self, *, joined: bool) -> Conversation:
        """Return a decoder for a new connection."""
        return TlsConversation(self._limits, joined=joined)


TLS = Tls()
