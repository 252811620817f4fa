# SPDX-License-Identifier: Apache-2.0
"""A plugin of kflowd: the text protocol of memcached, and its datagrams.

kflowd -P memcached.py -p memcached=tcp/11211,udp/11211
"""

from kflowd.protocols import Direction, Message
from kflowd.protocols.framed import FramedConversation, FramedSide

KFLOWD_PLUGIN = 1
__version__ = "1.0"

LINE = 2048  # a longer one is no command: a key has 250 bytes
STORES = {b"set", b"add", b"replace", b"append", b"prepend", b"cas"}
UDP_HEADER = 8


class Side(FramedSide):
    """What one end says: lines, and blocks of data behind some of them."""

    def __init__(self, direction: Direction) -> None:
        super().__init__()
        self._direction = direction

    def _take(self, at: int, messages: list[Message]) -> int:
        end = self.kept.find(b"\n", at)
        if end < 0:
            if len(self.kept) - at <= LINE:
                return at  # more of it comes
            messages.append(self._message({"_Exception": "no line"}, "MALFORMED"))
            return len(self.kept)
        words = bytes(self.kept[at:end]).split()
        if not words:
            return end + 1
        members: dict[str, object] = {"Line": b" ".join(words).decode("ascii", "replace")}
        block = _block(words)
        if block is None:
            messages.append(self._message(members))
            return end + 1
        members["Bytes"] = block
        messages.append(self._message(members))
        # beyond what is there: it is passed over when it comes
        return end + 1 + block + len(b"\r\n")

    def gap(self, size: int, ts_ns: int) -> list[Message]:
        """Begin anew behind the next bytes; a block that is missing is no loss."""
        del ts_ns
        left = self.end()
        for message in left:
            message.notes = ["GAP"]
        self._missing = max(self._missing - size, 0)
        return left

    def end(self) -> list[Message]:
        """Return the line that was begun."""
        if not self.kept:
            return []
        line = self.kept.decode("ascii", "replace")
        self.kept.clear()
        return [self._message({"Line": line})]

    def _message(self, members: dict[str, object], *notes: str) -> Message:
        return Message(self._ts_ns, self._direction, members, list(notes))


def _block(words: list[bytes]) -> int | None:
    """Return the size of the data behind a line, None if it has none."""
    place = 4 if words[0] in STORES else 3 if words[0] == b"VALUE" else 0
    if place and len(words) > place and words[place].isdigit():
        return int(words[place][:9])
    return None


class Memcached:
    """The decoder, an Application of kflowd.protocols."""

    name, key, stamped = "MEMCACHED", "Memcached", True

    def datagram(
        self, direction: Direction, payload: bytes, size: int, ts_ns: int
    ) -> list[Message]:
        """Return the messages of a datagram: behind a header they are those of a stream."""
        if len(payload) < UDP_HEADER:
            return [Message(ts_ns, direction, {"_Exception": "no header"}, ["MALFORMED"], size)]
        side = Side(direction)
        return side.feed(payload[UDP_HEADER:], ts_ns) + side.end()

    def conversation(self, *, joined: bool) -> FramedConversation:
        """Return what reads a connection; one that was joined may begin with part of a line."""
        del joined
        return FramedConversation(Side)


DECODERS = {"memcached": Memcached()}
