# SPDX-License-Identifier: Apache-2.0
"""Applications that have connections alone."""

from abc import ABC, abstractmethod

from kflowd.protocols.base import Conversation, Direction, Limits, Message

STANDARD = Limits()


class StreamApplication(ABC):
    """An `Application` over streams.

    Args:
        limits: How much of a message is kept and shown.
    """

    name: str
    key: str
    unreadable: str  # what is said of a datagram
    stamped = True

    def __init__(self, limits: Limits = STANDARD) -> None:
        self.limits = limits

    def datagram(
        self,
        direction: Direction,
        payload: bytes,  # noqa: ARG002
        size: int,
        ts_ns: int,
    ) -> list[Message]:
        """Return that it cannot be read."""
        return [Message(ts_ns, direction, {"_Exception": self.unreadable}, ["MALFORMED"], size)]

    @abstractmethod
    def conversation(self, *, joined: bool) -> Conversation:
        """Return a decoder for a new connection."""
