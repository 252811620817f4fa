# SPDX-License-Identifier: Apache-2.0
"""One direction of a connection: its hello, or why there is none."""

from typing import Any

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.tls import ssl2
from kflowd.protocols.tls.codes import alert_name, version_name
from kflowd.protocols.tls.hello import EXCEPTION, decode
from kflowd.protocols.tls.records import Content, Fragment, NoRecordError, Records

HELLO_REQUEST, CLIENT_HELLO, SERVER_HELLO = 0, 1, 2
PREFIX = 4  # type and length of a message of the handshake
ALERT_BYTES = 2
WARNING, FATAL = 1, 2
CLOSE_NOTIFY = 0
MOST_WARNINGS = 4  # that are told ahead of a hello


class Side:
    """One direction; what is behind its hello is passed over.

    A client may have to say hello again, and so its records are followed until its server has said
    hello, too; those that have something else in them are not looked into.

    Args:
        limits: How much of a hello is kept and shown.
        joined: It may begin inside a record.

    Attributes:
        told: It has said hello, or never will.
    """

    def __init__(self, direction: Direction, limits: Limits, *, joined: bool) -> None:
        self.told = False
        self._direction = direction
        self._limits = limits
        self._why = "PARTIAL" if joined else "MALFORMED"  # it is no hello
        self._stopped = False
        self._begin: bytes | None = b""  # of a stream that may be SSL 2.0; None: it is not
        self._records = Records()
        self._content = Content.HANDSHAKE
        self._kept = bytearray()  # of a message of this content
        self._ts_ns = 0  # of the first byte that is kept
        self._again = 0  # the hello that may come once more
        self._ahead = 0  # bytes looked at for a hello
        self._warnings = 0

    @property
    def held(self) -> int:
        """Bytes kept."""
        return len(self._begin or b"") + len(self._records.header) + len(self._kept)

    def feed(self, data: bytes, ts_ns: int) -> list[Message]:
        """Return the messages that the next bytes complete."""
        messages: list[Message] = []
        if self._stopped or not data:
            return messages
        if not (self.held or self._records.inside):
            self._ts_ns = ts_ns
        if self._begin is not None:
            data = self._begin + data
            self._begin = None
            if ssl2.may_begin(data):
                self._older(data, messages)
                return messages
        try:
            for fragment in self._records.feed(data):
                if not self._take(fragment, ts_ns, messages):
                    break
                if not self._kept:  # what follows begins in these bytes
                    self._ts_ns = ts_ns
        except NoRecordError:
            self._lose(messages)
        return messages

    def broken(self, note: str) -> list[Message]:
        """Return what was begun, and cannot go on.

        Args:
            note: Why: GAP or UNFINISHED.
        """
        messages: list[Message] = []
        if not self.told and self._kept and self._content == Content.HANDSHAKE:
            self._handshake(self._ts_ns, messages, note)
        if not self.told and (self.held or self._records.inside or note == "GAP"):
            self._tell({"_Exception": EXCEPTION}, [note], messages)
        self.stop()
        return messages

    def stop(self) -> None:
        """Read no more, and keep nothing."""
        self.told = self._stopped = True
        self._begin = None
        self._kept.clear()
        self._records.header.clear()

    def _older(self, data: bytes, messages: list[Message]) -> None:
        """Take the first bytes of what may be SSL 2.0."""
        if len(data) < ssl2.BYTES:
            self._begin = data
            return
        version = ssl2.version_of(data)
        if version is None:
            self._lose(messages)
            return
        self._tell({"Version": version_name(version)}, [], messages)
        self.stop()

    def _take(self, fragment: Fragment, ts_ns: int, messages: list[Message]) -> bool:
        """Take bytes of a record, and return whether more are looked at."""
        content = fragment.content
        if self._kept and content != self._content:
            self._lose(messages)
        elif content == Content.HANDSHAKE:
            # behind a hello its record has nothing to say
            if fragment.begins or self._kept or not self._again:
                self._content = content
                self._kept += fragment.data
                self._handshake(ts_ns, messages)
        elif content == Content.ALERT:
            if not self.told:
                self._content = content
                self._kept += fragment.data
                self._alerts(ts_ns, messages)
        elif not self._again:
            self._lose(messages)
        if not self.told:
            self._ahead += len(fragment.data)
            if self._ahead > 2 * self._limits.message_bytes:
                self._lose(messages)
        return not self._stopped

    def _handshake(self, ts_ns: int, messages: list[Message], note: str = "") -> None:
        """Take what is kept of the handshake; with a note no more of it will come."""
        kept = self._kept
        while kept and not self._stopped:
            kind = kept[0]
            if kind > SERVER_HELLO or (self._again and kind != self._again):
                self._lose(messages)
                return
            size = int.from_bytes(kept[1:PREFIX])
            have = len(kept) - PREFIX
            if have < 0 or (have < min(size, self._limits.message_bytes) and not note):
                return
            if kind == HELLO_REQUEST:
                if size:
                    self._lose(messages)
                    return
                del kept[:PREFIX]
                self._ts_ns = ts_ns
                continue
            self._hello(kind, size, messages, note)
            return

    def _hello(self, kind: int, size: int, messages: list[Message], note: str) -> None:
        """Take the hello that is kept, or what is kept of it."""
        body = bytes(self._kept[PREFIX : PREFIX + min(size, self._limits.message_bytes)])
        self._kept.clear()
        whole = len(body) == size
        found = decode(body, self._limits, client=kind == CLIENT_HELLO, whole=whole)
        if self.told and (found.notes or not whole):
            self.stop()  # encrypted bytes that look like another hello
            return
        notes = found.notes
        if not whole:
            notes = [*notes, *({note or "CUT"} - set(notes))]
        self._tell(found.members, notes, messages, PREFIX + size if notes else 0)
        if self._again or not whole or "_Exception" in found.members:
            self.stop()
        elif kind == CLIENT_HELLO:
            self._again, self.told = kind, True
        elif found.retry:
            self._again = kind
        else:
            self.stop()

    def _alerts(self, ts_ns: int, messages: list[Message]) -> None:
        while len(self._kept) >= ALERT_BYTES:
            level, number = self._kept[:ALERT_BYTES]
            if level not in (WARNING, FATAL):
                self._lose(messages)
                return
            del self._kept[:ALERT_BYTES]
            self._tell({"Alert": alert_name(number)}, [], messages)
            self._ts_ns = ts_ns
            self._warnings += 1
            if level == FATAL or number == CLOSE_NOTIFY or self._warnings == MOST_WARNINGS:
                self.stop()
                return

    def _lose(self, messages: list[Message]) -> None:
        """Note that there is no hello, and read no more."""
        if not self.told:
            self._tell({"_Exception": EXCEPTION}, [self._why], messages)
        self.stop()

    def _tell(
        self, members: dict[str, Any], notes: list[str], messages: list[Message], length: int = 0
    ) -> None:
        messages.append(Message(self._ts_ns, self._direction, members, notes, length))
