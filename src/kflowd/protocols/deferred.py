# SPDX-License-Identifier: Apache-2.0
"""Applications that are read somewhere else: what went over a socket, kept in order for a reader.

A decoder that others wrote runs in a process of its own (`kflowd.plugins`). What it is to read is
kept here until the socket's record comes, and goes there as one script.
"""

import enum
from typing import NamedTuple

import msgspec

from kflowd.protocols.base import Conversation, Direction, Message

# Of a direction between two records: as much as programs capture of it in a turn. What is beyond is
# a gap; a record shows four messages.
DIRECTION_BYTES = 1 << 16
MOST_PIECES = 512
# What Python needs for a piece beside its bytes.
PIECE_BYTES = 160


class PieceKind(enum.IntEnum):
    """What a piece of a script is."""

    DATA = 0  # bytes of a stream, the next of their direction
    DATAGRAM = 1
    GAP = 2  # bytes of a stream are missing, `size` of them, 0: not known how many
    END = 3  # of a direction
    CUT = 4  # no more will be seen of a direction
    OVERLAP = 5  # bytes of what comes next came twice, and differed


class Piece(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What came next.

    Attributes:
        kind: PieceKind.
        direction: Direction.
        ts_ns: When, CLOCK_BOOTTIME; of OVERLAP 0.
        size: Of a datagram its true length, of a gap how much is missing.
        data: Of DATA and DATAGRAM.
    """

    kind: int
    direction: int
    ts_ns: int
    size: int = 0
    data: bytes = b""


class Asked(NamedTuple):
    """Which script of a run it is.

    Attributes:
        word: Of its application, "redis".
        conversation: Number of the connection, or of the UDP peer, of this application.
        turn: How many scripts of it came before.
    """

    word: str
    conversation: int
    turn: int


class Script(msgspec.Struct, frozen=True, gc=False):
    """What went over a socket between two of its records.

    Attributes:
        asked: Which it is.
        joined: The beginning of the connection was not seen.
        ended: It is the last of its conversation.
        pieces: In their order, both directions.
    """

    asked: Asked
    joined: bool
    ended: bool
    pieces: tuple[Piece, ...]


class Transcript(Conversation):
    """A conversation that is kept and not read: no call returns a message.

    Args:
        word: Of its application.
        number: Of the conversation.
        joined: Its beginning was not seen.
    """

    def __init__(self, word: str, number: int, *, joined: bool) -> None:
        self._word = word
        self._number = number
        self._joined = joined
        self._ended = False
        self._turn = 0
        self._pieces: list[Piece] = []
        self._held = 0
        self._room = [DIRECTION_BYTES, DIRECTION_BYTES]
        self._left_out: list[Piece | None] = [None, None]

    @property
    def held(self) -> int:
        """About how many bytes of memory the pieces take."""
        return self._held

    @property
    def waits(self) -> bool:
        """Whether there is something to read."""
        return bool(self._pieces) or any(self._left_out)

    def feed(self, direction: Direction, data: bytes, ts_ns: int) -> list[Message]:
        """Keep the next bytes of a direction."""
        if data:
            self._keep(Piece(PieceKind.DATA, direction, ts_ns, len(data), data))
        return []

    def datagram(self, direction: Direction, payload: bytes, size: int, ts_ns: int) -> None:
        """Keep a datagram."""
        self._keep(Piece(PieceKind.DATAGRAM, direction, ts_ns, size, payload))

    def gap(self, direction: Direction, size: int, ts_ns: int) -> list[Message]:
        """Keep that bytes of a direction are missing."""
        self._keep(Piece(PieceKind.GAP, direction, ts_ns, size))
        return []

    def overlap(self, direction: Direction) -> None:
        """Keep that bytes of a direction came differently."""
        self._keep(Piece(PieceKind.OVERLAP, direction, 0))

    def end(self, direction: Direction) -> list[Message]:
        """Keep that a direction has ended."""
        self._last(Piece(PieceKind.END, direction, 0))
        return []

    def cut(self, direction: Direction) -> None:
        """Keep that no more will be seen of a direction."""
        self._last(Piece(PieceKind.CUT, direction, 0))

    def finish(self) -> None:
        """Let the next script be the last."""
        self._ended = True

    def take(self) -> Script | None:
        """Return what was kept since the last call, None: nothing."""
        for direction in Direction:
            self._tell_left_out(direction)
        pieces, self._pieces, self._held = tuple(self._pieces), [], 0
        self._room = [DIRECTION_BYTES, DIRECTION_BYTES]
        if not pieces:
            return None
        asked = Asked(self._word, self._number, self._turn)
        self._turn += 1
        return Script(asked, self._joined, self._ended, pieces)

    def _keep(self, piece: Piece) -> None:
        at = piece.direction
        left_out, size = self._left_out[at], len(piece.data)
        full = size > self._room[at] or len(self._pieces) >= MOST_PIECES
        if left_out is None and not full:
            self._room[at] -= size
            self._append(piece)
        elif left_out is None:
            self._left_out[at] = Piece(PieceKind.GAP, at, piece.ts_ns, piece.size)
        else:
            # once something is left out nothing of the direction follows: it would stand beside it
            more = left_out.size + piece.size
            self._left_out[at] = Piece(PieceKind.GAP, at, left_out.ts_ns, more)

    def _last(self, piece: Piece) -> None:
        self._tell_left_out(piece.direction)
        self._append(piece)

    def _tell_left_out(self, direction: int) -> None:
        if (piece := self._left_out[direction]) is not None:
            self._left_out[direction] = None
            self._append(piece)

    def _append(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._held += PIECE_BYTES + len(piece.data)


class Deferred:
    """An `Application` of which a plugin is the decoder.

    Args:
        word: What it is called in the settings, "redis": the record has REDIS and AppTxRedis.
    """

    stamped = True

    def __init__(self, word: str) -> None:
        self.word = word
        self.name = word.upper()
        self.key = word.capitalize()
        self._conversations = 0

    def datagram(
        self,
        direction: Direction,  # noqa: ARG002
        payload: bytes,  # noqa: ARG002
        size: int,  # noqa: ARG002
        ts_ns: int,  # noqa: ARG002
    ) -> list[Message]:
        """Return nothing: a transcript keeps datagrams as well."""
        return []

    def conversation(self, *, joined: bool) -> Transcript:
        """Return what keeps a new connection, or what a UDP socket says to a peer."""
        self._conversations += 1
        return Transcript(self.word, self._conversations, joined=joined)
