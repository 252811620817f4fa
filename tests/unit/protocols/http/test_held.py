# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols.http.held import PIECES, Held, Piece


def test_pieces_come_back_as_they_came() -> None:
    """Each has its time; a gap stays where it was."""
    held = Held(100)
    held.add(b"ab", 1)
    held.gap(7, 2)
    held.add(b"c", 3)
    assert held.size == 3
    assert held.take() == [Piece(b"ab", 1), Piece(b"", 2, 7), Piece(b"c", 3)]
    assert held.size == 0
    assert held.take() == []


def test_many_small_pieces_take_few_objects() -> None:
    """Above a number of pieces the rest is one, with the time of its first; then it is full."""
    held = Held(1 << 20)
    for number in range(1000):
        held.add(b"x", number)
    held.gap(0, 1000)
    pieces = held.take()
    assert len(pieces) == PIECES + 2
    assert pieces[PIECES] == Piece(b"x" * (1000 - PIECES), PIECES)


def test_it_is_full_at_its_limit() -> None:
    """The limit counts bytes, and gaps by their number."""
    held = Held(3)
    full = []
    for piece in (b"ab", b"c"):
        held.add(piece, 1)
        full.append(held.full)
    held.take()
    full.append(held.full)
    for _ in range(PIECES + 1):
        held.gap(1, 1)
    assert [*full, held.full] == [False, True, False, True]
