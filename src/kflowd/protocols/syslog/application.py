# SPDX-License-Identifier: Apache-2.0
"""Syslog as an application: three ways in which messages come, under one name."""

from kflowd.protocols.base import Conversation, Direction, Limits, Message
from kflowd.protocols.framed import FramedConversation
from kflowd.protocols.syslog import journal, message
from kflowd.protocols.syslog.framing import Side

STANDARD = Limits()


class Syslog:
    """Decodes syslog messages of a network, or of this host's /dev/log.

    Args:
        limits: How much of a message is kept and shown.
        local: They are of /dev/log: they have no host name.
    """

    name = "SYSLOG"
    key = "Syslog"
    stamped = False

    def __init__(self, limits: Limits = STANDARD, *, local: bool = False) -> None:
        self._limits = limits
        self._local = local

    def datagram(
        self, direction: Direction, payload: bytes, size: int, ts_ns: int
    ) -> list[Message]:
        """Return the message of a datagram; what is behind its true length is no part of it."""
        data = payload[:size]
        members, notes = message.decode(data, self._limits, local=self._local)
        return [_message(Message(ts_ns, direction, members, notes), len(data), size)]

    def conversation(self, *, joined: bool) -> Conversation:
        """Return a decoder for a new connection."""
        return FramedConversation(
            lambda it: Side(it, self._limits, joined=joined, local=self._local)
        )


class Journal(Syslog):
    """Decodes entries of the journal's native protocol, /run/systemd/journal/socket."""

    def datagram(
        self, direction: Direction, payload: bytes, size: int, ts_ns: int
    ) -> list[Message]:
        """Return a message for each entry that has one; large ones come as a file, and are none."""
        data = payload[:size]
        return [
            _message(Message(ts_ns, direction, members, notes), len(data), size)
            for members, notes in journal.decode(data, self._limits, whole=len(data) == size)
        ]


def _message(found: Message, captured: int, size: int) -> Message:
    """Return a message of a datagram, of which so many bytes were captured, with its length."""
    if captured < size and "CUT" not in found.notes:
        found.notes.append("CUT")
    if "CUT" in found.notes:
        found.length = size
    return found


SYSLOG = Syslog()
DEV_LOG = Syslog(local=True)
JOURNAL = Journal(local=True)
