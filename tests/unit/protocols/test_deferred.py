# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols import Asked, Deferred, Direction, Piece, PieceKind
from kflowd.protocols.deferred import DIRECTION_BYTES, MOST_PIECES, PIECE_BYTES, Transcript

TX, RX = Direction.TX, Direction.RX


def transcript(*, joined: bool = False) -> Transcript:
    return Transcript("redis", 3, joined=joined)


def test_an_application_is_named_after_its_word() -> None:
    """In the record and in its keys; each conversation has a number of its own."""
    it = Deferred("redis")
    assert (it.name, it.key, it.stamped) == ("REDIS", "Redis", True)
    assert it.datagram(TX, b"x", 1, 5) == []
    taken = []
    for _ in range(2):
        conversation = it.conversation(joined=True)
        conversation.feed(TX, b"a", 5)
        taken.append(conversation.take())
    assert [each and each.asked for each in taken] == [Asked("redis", 1, 0), Asked("redis", 2, 0)]
    assert taken[0] is not None
    assert taken[0].joined


def test_pieces_are_kept_in_order() -> None:
    """Both directions, and what is known of them beside bytes."""
    it = transcript()
    assert it.feed(TX, b"ask", 5) == []
    it.datagram(RX, b"ans", 9, 6)
    assert it.gap(RX, 7, 8) == []
    it.overlap(TX)
    assert it.end(TX) == []
    it.cut(RX)
    assert it.waits
    assert it.held == 6 * PIECE_BYTES + 6
    it.finish()
    script = it.take()
    assert script is not None
    assert (script.asked, script.joined, script.ended) == (Asked("redis", 3, 0), False, True)
    assert script.pieces == (
        Piece(PieceKind.DATA, TX, 5, 3, b"ask"),
        Piece(PieceKind.DATAGRAM, RX, 6, 9, b"ans"),
        Piece(PieceKind.GAP, RX, 8, 7),
        Piece(PieceKind.OVERLAP, TX, 0),
        Piece(PieceKind.END, TX, 0),
        Piece(PieceKind.CUT, RX, 0),
    )
    assert it.take() is None
    assert (it.held, it.waits) == (0, False)


def test_what_is_too_much_is_one_gap() -> None:
    """Of its direction alone; the next script begins anew."""
    it = transcript()
    it.feed(TX, bytes(DIRECTION_BYTES), 1)
    it.feed(TX, b"more", 2)
    it.gap(TX, 3, 3)
    it.feed(TX, b"x", 4)
    it.feed(RX, b"fits", 5)
    it.end(TX)
    script = it.take()
    assert script is not None
    assert [(each.kind, each.direction, each.ts_ns, each.size) for each in script.pieces] == [
        (PieceKind.DATA, TX, 1, DIRECTION_BYTES),
        (PieceKind.DATA, RX, 5, 4),
        (PieceKind.GAP, TX, 2, 4 + 3 + 1),
        (PieceKind.END, TX, 0, 0),
    ]
    it.feed(TX, b"again", 6)
    script = it.take()
    assert script is not None
    assert script.asked.turn == 1
    assert script.pieces == (Piece(PieceKind.DATA, TX, 6, 5, b"again"),)


def test_pieces_are_bounded_by_their_number_as_well() -> None:
    """A peer can send each byte alone."""
    it = transcript()
    for ts_ns in range(2 * MOST_PIECES):
        it.feed(RX, b"x", ts_ns)
    assert it.held <= MOST_PIECES * (PIECE_BYTES + 1)
    script = it.take()
    assert script is not None
    assert len(script.pieces) == MOST_PIECES + 1
    assert script.pieces[-1] == Piece(PieceKind.GAP, RX, MOST_PIECES, MOST_PIECES)
