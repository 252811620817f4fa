# SPDX-License-Identifier: Apache-2.0
"""Both directions of a connection; when both have said hello nothing more is looked at."""

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.tls.side import Side


class TlsConversation:
    """One connection; either direction may be the client's.

    Args:
        limits: Of hellos.
        joined: Both directions may begin inside a record.
    """

    def __init__(self, limits: Limits, *, joined: bool) -> None:
        self._sides = [Side(direction, limits, joined=joined) for direction in Direction]
        self._over = False

    @property
    def held(self) -> int:
        """Bytes kept for hellos that are not complete."""
        return 0 if self._over else sum(side.held for side in self._sides)

    def feed(self, direction: Direction, data: bytes, ts_ns: int) -> list[Message]:
        """Return the messages that the next bytes of a direction complete."""
        if self._over:
            return []
        messages = self._sides[direction].feed(data, ts_ns)
        self._settle()
        return messages

    def gap(
        self,
        direction: Direction,
        size: int,  # noqa: ARG002 - where a record begins behind it cannot be known
        ts_ns: int,  # noqa: ARG002
    ) -> list[Message]:
        """Return the hello that bytes are missing of; no other is looked for."""
        return self._broken(direction, "GAP")

    def end(self, direction: Direction) -> list[Message]:
        """Return the hello that a direction ended in."""
        return self._broken(direction, "UNFINISHED")

    def _broken(self, direction: Direction, note: str) -> list[Message]:
        messages = self._sides[direction].broken(note)
        self._settle()
        return messages

    def _settle(self) -> None:
        if not self._over and all(side.told for side in self._sides):
            self._over = True
            for side in self._sides:
                side.stop()
