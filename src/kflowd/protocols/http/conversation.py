# SPDX-License-Identifier: Apache-2.0
"""Both directions of a connection: what either says decides how the other one is read."""

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.http.exchange import Exchange
from kflowd.protocols.http.stream import Stream


class HttpConversation:
    """One connection; either direction may be the client's.

    A response waits for its request, what comes behind CONNECT or an offered Upgrade for the
    response, so that the directions may be fed in any order.

    Args:
        limits: Of one message.
        joined: Both directions may begin inside a message.
    """

    def __init__(self, limits: Limits, *, joined: bool) -> None:
        self._out: list[Message] = []
        exchange = Exchange(loose=joined)
        self._exchange = exchange
        self._streams = [
            Stream(direction, limits, exchange, self._out, joined=joined) for direction in Direction
        ]

    @property
    def held(self) -> int:
        """Bytes kept for messages that are not complete."""
        return sum(stream.held for stream in self._streams)

    def feed(self, direction: Direction, data: bytes, ts_ns: int) -> list[Message]:
        """Return the messages that the next bytes of a direction complete."""
        self._streams[direction].feed(data, ts_ns)
        return self._settled()

    def gap(self, direction: Direction, size: int, ts_ns: int) -> list[Message]:
        """Note that bytes of a direction are missing, `size` of them (0: not known how many)."""
        self._streams[direction].gap(size, ts_ns)
        return self._settled()

    def end(self, direction: Direction) -> list[Message]:
        """Return what is left of a direction in which no more will come."""
        stream = self._streams[direction]
        stream.ended = True
        done = self._settled()
        stream.end()
        return done + self._settled()

    def _settled(self) -> list[Message]:
        """Let each direction go on that waited for the other one, and return all messages."""
        first, second = self._streams
        pairs = ((first, second), (second, first))
        settled = False
        while not settled:
            settled = True
            for stream, other in pairs:
                # ahead of what waits: that is then no HTTP
                if stream.tunnel:
                    stream.tunnel = False
                    other.discard()
            for stream, other in pairs:
                if settled and stream.waiting and stream.may_go(other):
                    stream.go()
                    settled = False
        done = self._out[:]
        self._out.clear()
        return done
