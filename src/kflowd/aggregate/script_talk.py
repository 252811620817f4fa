# SPDX-License-Identifier: Apache-2.0
"""Talks that a plugin reads: what was said is kept in order, and goes out as one script."""

from kflowd.aggregate.talk import Talk
from kflowd.model import Messages, Payload
from kflowd.protocols import Deferred, Direction, Message, Transcript


class ScriptTalk(Talk):
    """As a Talk; its record has a script in place of messages.

    Args:
        application: Which plugin reads it.
        uid: Whose socket it is.
        shown: Messages that a record shows.
    """

    def __init__(self, application: Deferred, uid: int, shown: int) -> None:
        super().__init__(application, uid, shown)
        self._deferred = application
        self._transcript: Transcript | None = None

    @property
    def messages(self) -> int:
        """Whether there is something that no record has told yet."""
        return self._transcript is not None and self._transcript.waits

    def datagram(self, packet: Payload) -> list[Message]:
        """Keep a datagram."""
        if not self._deaf:
            data = packet.data[: packet.size]
            self._begun().datagram(packet.direction, data, packet.size, packet.ts_ns)
            self._weigh()
        return []

    def finish(self, ts_ns: int) -> None:
        """Keep what waits for more as it is; the next script is the last."""
        if self._transcript is not None:
            self._transcript.finish()
        super().finish(ts_ns)

    def give_up(self) -> None:
        """Listen no more."""
        super().give_up()
        self._transcript = None

    def said(self, shown: int) -> Messages | None:
        """Return what was said since the last call, as a script."""
        del shown  # the plugin knows it
        script = self._transcript.take() if self._transcript is not None else None
        self._weigh()
        if script is None:
            return None
        it = self._deferred
        return Messages(it.name, it.key, it.stamped, (), 0, script)

    def _begun(self) -> Transcript:
        if self._transcript is None:
            self._transcript = self._deferred.conversation(joined=self._joined)
            self._conversation = self._transcript
        return self._transcript

    def _leave(self, direction: Direction) -> None:
        """Say that it was cut, where it has not ended."""
        side = self._side(direction)
        if self._transcript is not None and not side.ended:
            self._transcript.cut(direction)
        side.ended = True

    def _differs(self, direction: Direction, position: int) -> None:
        del position
        if self._transcript is not None:
            self._transcript.overlap(direction)
