# SPDX-License-Identifier: Apache-2.0
"""What a decoder of an application protocol is given, and what it returns.

A protocol gets bytes and nothing else: no address, no clock, no socket. What it cannot read becomes
a message that says so; it raises nothing, and its work is linear in the bytes it is given.
"""

import enum
from typing import Any, Protocol

import msgspec


class Direction(enum.IntEnum):
    """Whose bytes they are, seen from the socket that is observed."""

    TX = 0
    RX = 1


class Limits(msgspec.Struct, frozen=True):
    """What one message may take; beyond it is cut, and says so.

    Attributes:
        message_bytes: That a conversation keeps of a message that is not complete, each direction.
        body_bytes: Of a body that is shown.
        text_bytes: Of one value that is shown (header, name, structured data).
        items: Of a list that is shown (headers, questions, answers).
    """

    message_bytes: int = 65536
    body_bytes: int = 1024
    text_bytes: int = 4096
    items: int = 128


class Message(msgspec.Struct, gc=False):
    """One message, or what could be read of it.

    Attributes:
        ts_ns: Of its first byte, CLOCK_BOOTTIME.
        direction: Whose it is.
        members: As the record prints them, in order, without _Timestamp.
        notes: Words that say what is wrong or missing, see NOTES; without repetition.
        length: Bytes on the wire if not all of it is shown; 0: all is.
    """

    ts_ns: int
    direction: Direction
    members: dict[str, Any]
    notes: list[str] = []
    length: int = 0


NOTES = {
    "CUT": "more bytes came than are kept or shown: see _Length",
    "GAP": "bytes of the stream are missing inside or ahead of it",
    "MALFORMED": "not all of it is as its protocol has it: what could be read is shown",
    "OVERLAP": "bytes came twice and differed: those that came first are shown",
    "PARTIAL": "its beginning is older than what was seen of the stream",
    "TRAILING": "more bytes came with it than belong to it",
    "UNFINISHED": "the stream ended inside it",
}


class Conversation(Protocol):
    """What both ends say over one connection, each direction in order."""

    @property
    def held(self) -> int:
        """Bytes kept for messages that are not complete."""

    def feed(self, direction: Direction, data: bytes, ts_ns: int) -> list[Message]:
        """Return the messages that the next bytes of a direction complete."""

    def gap(self, direction: Direction, size: int, ts_ns: int) -> list[Message]:
        """Note that bytes of a direction are missing, `size` of them (0: not known how many)."""

    def end(self, direction: Direction) -> list[Message]:
        """Return what is left of a direction in which no more will come; called once at most."""


class Application(Protocol):
    """A protocol of the application layer, by the name that a record has for it.

    Attributes:
        name: Value of `App`, "DNS".
        key: In AppTx… and AppRx…, "Dns".
        stamped: Its messages have a _Timestamp.
    """

    name: str
    key: str
    stamped: bool

    def datagram(
        self, direction: Direction, payload: bytes, size: int, ts_ns: int
    ) -> list[Message]:
        """Return the messages in a datagram.

        Args:
            direction: Whose it is.
            payload: What was captured of it, from its first byte on.
            size: Its true length.
            ts_ns: When it was seen.
        """

    def conversation(self, *, joined: bool) -> Conversation:
        """Return a decoder for a new connection.

        Args:
            joined: Its beginning was not seen: both directions may start inside a message.
        """
