# SPDX-License-Identifier: Apache-2.0
"""HTTP as an application: it has connections alone."""

from kflowd.protocols.base import Conversation, Direction, Limits, Message
from kflowd.protocols.http import words
from kflowd.protocols.http.conversation import HttpConversation

STANDARD = Limits()


class Http:
    """The application HTTP.

    Args:
        limits: How much of a message is kept and shown.
    """

    name = "HTTP"
    key = "Http"
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
        """Return that it cannot be read: these versions of HTTP are streams."""
        return [Message(ts_ns, direction, {"_Exception": words.UNREADABLE}, ["MALFORMED"], size)]

    def conversation(self, *, joined: bool) -> Conversation:
        """Return a decoder for a new connection."""
        return HttpConversation(self._limits, joined=joined)


HTTP = Http()
