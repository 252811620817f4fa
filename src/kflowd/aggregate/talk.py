# SPDX-License-Identifier: Apache-2.0
"""What is said over one socket: both directions in order, a decoder, and the messages so far. Pure.

Whatever a decoder raises passes through; whoever holds a talk then tells it to give up.
"""

from sys import maxsize

import msgspec

from kflowd.aggregate.segments import Data, End, Overlap, Piece, Stream
from kflowd.model import Messages, Payload
from kflowd.protocols import Application, Conversation, Direction, Message

DIRECTIONS = (Direction.TX, Direction.RX)
# What Python needs for a talk of TCP with nothing in it, and for a message beside its text, which
# may take up to four bytes a character, and rarely more than one.
TALK_BYTES = 2048
MESSAGE_BYTES = 1024
# Places where other bytes came, in a message that is not complete: one is enough to note it.
MAX_DIFFERING = 8


class _Kept(msgspec.Struct, gc=False):
    """A message, and the position in its stream up to which it was known when it was complete."""

    message: Message
    end: int


class _Side:
    """One direction: its stream, and how far its messages came."""

    __slots__ = ("differing", "ended", "given", "stream", "told")

    def __init__(self) -> None:
        self.stream = Stream()
        self.given = 0  # up to here the decoder has it
        self.told = 0  # up to here messages are complete
        self.differing: list[int] = []  # positions behind that
        self.ended = False


class Talk:
    """Messages of one socket, or of one peer of a UDP socket.

    Args:
        application: How they are read.
        uid: Whose socket it is.
        shown: Messages that a record shows; the rest is counted.

    Attributes:
        application: As above.
        held: About how many bytes of memory it takes.
        last_ns: When a packet or a record of it came last.
    """

    def __init__(self, application: Application, uid: int, shown: int) -> None:
        self.uid = uid
        self.held = TALK_BYTES
        self.last_ns = 0
        self.application = application
        self._shown = shown
        self._kept: list[_Kept] = []
        self._kept_bytes = 0
        self._more = 0
        self._fresh: list[Message] = []
        self._sides: tuple[_Side, _Side] | None = None
        self._conversation: Conversation | None = None
        self._deaf = False

    @property
    def messages(self) -> int:
        """Messages that no record has told yet."""
        return len(self._kept) + self._more

    def datagram(self, packet: Payload) -> list[Message]:
        """Take a datagram; return its messages."""
        if self._deaf:
            return []
        data = packet.data[: packet.size]
        messages = self.application.datagram(packet.direction, data, packet.size, packet.ts_ns)
        self._keep(messages, len(data))
        self.held = TALK_BYTES + self._kept_bytes
        return self._completed()

    def segment(self, packet: Payload) -> list[Message]:
        """Take a segment of TCP; return the messages that it completes."""
        if self._deaf:
            return []
        if self._sides is None:
            self._sides = _Side(), _Side()
        for piece in self._sides[packet.direction].stream.add(packet):
            self._piece(packet.direction, piece)
        self._weigh()
        return self._completed()

    def finish(self, ts_ns: int) -> None:
        """Take what waits for more as it is, when no more will come.

        Whether a message is unfinished by that its decoder knows: one may only have waited for
        what the other direction says.
        """
        self._shown = maxsize  # what is left may have begun before the others
        for direction in DIRECTIONS if self._sides else ():
            for piece in self._side(direction).stream.finish(ts_ns):
                self._piece(direction, piece)
            self._leave(direction)

    def give_up(self) -> None:
        """Listen no more; what was said before stays."""
        self._deaf = True
        self._fresh = []
        self._sides = self._conversation = None
        self.held = TALK_BYTES + self._kept_bytes

    def said(self, shown: int) -> Messages | None:
        """Return what was said since the last call, in the order of first bytes."""
        more = self._more
        messages = sorted((it.message for it in self._kept), key=lambda it: it.ts_ns)
        self._kept, self._more = [], 0
        self._kept_bytes = 0
        self._weigh()
        if not messages:
            return None
        application = self.application
        return Messages(
            app=application.name,
            key=application.key,
            stamped=application.stamped,
            messages=tuple(messages[:shown]),
            more=more + len(messages[shown:]),
        )

    def _piece(self, direction: Direction, piece: Piece) -> None:
        if isinstance(piece, Overlap):
            self._differs(direction, piece.position)
            return
        self._side(direction).given = piece.end
        if isinstance(piece, End):
            self._end(direction)
            return
        conversation = self._begun()
        consumed = conversation.held
        if isinstance(piece, Data):
            consumed += len(piece.data)
            messages = conversation.feed(direction, piece.data, piece.ts_ns)
        else:
            messages = conversation.gap(direction, piece.size, piece.ts_ns)
        if messages:
            self._tell(messages, consumed)

    def _end(self, direction: Direction) -> None:
        side = self._side(direction)
        if not side.ended and self._conversation is not None:
            # told at the byte behind the last: what differed anywhere before is part of it
            side.given += 1
            consumed = self._conversation.held
            self._tell(self._conversation.end(direction), consumed)
        side.ended = True

    def _leave(self, direction: Direction) -> None:
        """Take note that no more will be seen of a direction, whether it has ended or not."""
        self._end(direction)

    def _begun(self) -> Conversation:
        if self._conversation is None:
            self._conversation = self.application.conversation(joined=self._joined)
        return self._conversation

    @property
    def _joined(self) -> bool:
        """Whether the beginning was not seen; each datagram is one."""
        return self._sides is not None and any(it.stream.joined for it in self._sides)

    def _side(self, direction: Direction) -> _Side:
        if self._sides is None:
            raise RuntimeError("a talk that has given up has no sides")
        return self._sides[direction]

    def _tell(self, messages: list[Message], consumed: int) -> None:
        """Keep messages; those of one direction may be complete by what the other one says."""
        for direction in {it.direction for it in messages}:
            side = self._side(direction)
            side.told = side.given
            if any(position < side.given for position in side.differing):
                side.differing = [it for it in side.differing if it >= side.given]
                for message in messages:
                    if message.direction == direction:
                        _note(message, "OVERLAP")
        self._keep(messages, consumed)

    def _completed(self) -> list[Message]:
        fresh, self._fresh = self._fresh, []
        return fresh

    def _keep(self, messages: list[Message], consumed: int) -> None:
        self._fresh += messages
        room = max(self._shown - len(self._kept), 0)
        kept = messages[:room]
        sides = self._sides
        self._kept += [_Kept(it, sides[it.direction].given if sides else 0) for it in kept]
        self._more += len(messages) - len(kept)
        if kept:
            self._kept_bytes += len(kept) * MESSAGE_BYTES + 2 * consumed

    def _differs(self, direction: Direction, position: int) -> None:
        """Note on the message that has a byte that it came differently."""
        side = self._side(direction)
        if position >= side.told:
            if len(side.differing) < MAX_DIFFERING:
                side.differing.append(position)
            return
        ours = [it for it in self._kept if it.message.direction == direction and it.end > position]
        first = min((it.end for it in ours), default=0)
        for it in ours:
            if it.end == first:
                _note(it.message, "OVERLAP")

    def _weigh(self) -> None:
        held = TALK_BYTES + self._kept_bytes
        if self._conversation is not None:
            held += self._conversation.held
        if self._sides is not None:
            held += self._sides[0].stream.held + self._sides[1].stream.held
        self.held = held


def _note(message: Message, word: str) -> None:
    if word not in message.notes:
        message.notes = [*message.notes, word]
