# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kflowd.plugins.reading import Reader
from kflowd.plugins.wire import Answer, LabelRequest, Request
from kflowd.protocols import Application, Direction, Message, Piece, PieceKind
from tests.unit.lines import Lines

TX, RX = Direction.TX, Direction.RX


def request(*pieces: Piece, conversation: int = 1, **changes: Any) -> Request:
    values = {"joined": False, "ended": False, "user": 0, "shown": 4} | changes
    return Request(7, "lines", conversation, pieces=pieces, **values)


def data(text: bytes, ts_ns: int = 1, direction: int = TX) -> Piece:
    return Piece(PieceKind.DATA, direction, ts_ns, len(text), text)


def texts(answer: Answer) -> list[tuple[Any, ...]]:
    assert answer.error == ""
    return [(it[2]["Text"], *it[3]) for it in answer.messages]


def test_a_conversation_goes_on_until_it_ends() -> None:
    """Over several scripts; the one behind the last is another."""
    reader = Reader({"lines": Lines()})
    assert texts(reader.answer(request(data(b"a\nhal")))) == [("a",)]
    assert texts(reader.answer(request(data(b"f\n"), ended=True))) == [("half",)]
    assert texts(reader.answer(request(data(b"new\n")))) == [("new",)]


def test_messages_are_told_in_order_and_counted() -> None:
    """Those beyond what is shown."""
    reader = Reader({"lines": Lines()})
    answer = reader.answer(request(data(b"b\nc\n", 5, RX), data(b"a\n", 3), shown=2))
    assert texts(answer) == [("a",), ("b",)]
    assert (answer.number, answer.more) == (7, 1)


def test_gaps_ends_and_overlaps_are_told() -> None:
    """A message that was cut off, or of which bytes came differently, says so."""
    reader = Reader({"lines": Lines()})
    cut = Piece(PieceKind.CUT, TX, 0)
    overlap = Piece(PieceKind.OVERLAP, TX, 0)
    assert texts(reader.answer(request(data(b"a"), overlap, cut))) == [
        ("a", "UNFINISHED", "OVERLAP")
    ]
    answer = reader.answer(request(data(b"a"), Piece(PieceKind.GAP, TX, 2, 9), conversation=2))
    assert answer.error == ""


def test_datagrams_are_read_alone() -> None:
    """No conversation is kept for them."""
    reader = Reader({"lines": Lines()})
    piece = Piece(PieceKind.DATAGRAM, RX, 5, 3, b"abc")
    assert len(reader.answer(request(piece, piece)).messages) == 2
    assert reader._count == 0


def test_who_has_most_conversations_loses_the_oldest() -> None:
    """And nobody else one."""
    reader = Reader({"lines": Lines()}, limit=3)
    reader.answer(request(data(b"mine"), conversation=1, user=1))
    for number in range(2, 9):
        reader.answer(request(data(b"x"), conversation=number, user=2))
    assert texts(reader.answer(request(data(b"\n"), conversation=1, user=1))) == [("mine",)]
    assert texts(reader.answer(request(data(b"\n"), conversation=8, user=2))) == [("x",)]
    assert texts(reader.answer(request(data(b"\n"), conversation=2, user=2))) == [("",)]


class Odd(Lines):
    """Returns or raises something."""

    def __init__(self, what: Any) -> None:
        self.what = what

    def datagram(
        self, direction: Direction, payload: bytes, size: int, ts_ns: int
    ) -> list[Message]:
        del direction, payload, size, ts_ns
        if isinstance(self.what, BaseException):
            raise self.what
        return [self.what]


def of_odd(what: Any) -> Answer:
    decoder: Application = Odd(what)
    piece = Piece(PieceKind.DATAGRAM, TX, 5, 1, b"a")
    return Reader({"lines": decoder}).answer(request(piece))


def test_an_error_is_an_answer() -> None:
    """It costs this script; a lack of memory is told to who calls."""
    assert of_odd(ValueError("no\udcff")).error == "ValueError: no?"
    assert "AttributeError" in of_odd("no message").error
    with pytest.raises(MemoryError):
        of_odd(MemoryError())


def test_texts_are_made_readable() -> None:
    """U+FFFD stands for what is no UTF-8, in keys as well."""
    members = {"a\udcff": ["b\udcff", ("c", 1)], "d": None}
    (spoken,) = of_odd(Message(5, RX, members)).messages
    assert spoken == (5, 1, {"a�": ["b�", ["c", 1]], "d": None}, [], 0)


class Upper:
    """Gives a label."""

    asks: Sequence[str] = ("user",)

    def enrich_actor(self, facts: Mapping[str, str | int]) -> Mapping[str, str]:
        return {"Name": str(facts["user"]).upper()}


def test_enrichers_give_labels() -> None:
    """An error of theirs is an answer, too."""
    reader = Reader({}, enrichers={"upper": Upper()})
    assert reader.answer(LabelRequest(1, "upper", {"user": "ann\udcff"})).labels == {"Name": "ANN�"}
    assert reader.answer(LabelRequest(2, "upper", {})).error == "KeyError: 'user'"
