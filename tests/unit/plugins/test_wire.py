# SPDX-License-Identifier: Apache-2.0
from typing import Any

import msgspec
import pytest

from kflowd.plugins.wire import (
    MAX_DEPTH,
    Answer,
    Frames,
    Hello,
    LabelRequest,
    Request,
    WireError,
    answer_of,
    frame,
    hello_of,
    request_of,
    text,
)
from kflowd.protocols import Piece

PIECES = (Piece(0, 1, 5, 3, b"a\xff\n"),)
REQUEST = Request(*(7, "redis", 1), joined=False, ended=True, user=1000, shown=4, pieces=PIECES)
SPOKEN: tuple[Any, ...] = (5, 1, {"a": [None, True, 1, 1.5, "x", {"b": []}]}, ["GAP", "CUT"], 9)


def body(value: Any) -> bytes:
    """Return a frame without its length."""
    return frame(value)[4:]


def nested(depth: int) -> dict[str, Any]:
    """Return objects in each other."""
    made: dict[str, Any] = {}
    for _ in range(depth):
        made = {"a": made}
    return made


def test_what_is_sent_is_read() -> None:
    """However it is cut."""
    frames = Frames(1 << 10)
    whole = frame(REQUEST) + frame(Answer(7, "", 2, [SPOKEN])) + frame(Hello("1", ["redis"]))
    found = []
    for at in range(len(whole)):
        frames.add(whole[at : at + 1])
        while (one := frames.next()) is not None:
            found.append(one)
    assert request_of(found[0]) == REQUEST
    label = LabelRequest(8, "owners", {"user": "ann", "uid": 7})
    assert request_of(body(label)) == label
    assert answer_of(found[1], 4) == Answer(7, "", 2, [SPOKEN])
    assert hello_of(found[2]) == Hello("1", ["redis"])


def test_a_frame_has_a_limit() -> None:
    """It is known ahead of its bytes."""
    frames = Frames(10)
    frames.add(b"\0\0\0\x0b")
    with pytest.raises(WireError, match="an answer of 11 bytes"):
        frames.next()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff" * 9,
        b"\x91" * 100_000,
        msgspec.msgpack.encode(["x"]),
        body(Answer(1, "", 0, [SPOKEN] * 5)),
        body(Answer(1, "", -1)),
        body(Answer(1, labels={"a b": "x"})),
        body(Answer(1, labels={"a": "x" * 257})),
        body(Answer(1, labels={f"a{number}": "x" for number in range(9)})),
        body(Answer(1, "", 1 << 40)),
        body(Answer(1, "", 0, [(-1, 0, {}, [], 0)])),
        body(Answer(1, "", 0, [(1, 2, {}, [], 0)])),
        body(Answer(1, "", 0, [(1, 0, {}, [], -1)])),
        body(Answer(1, "", 0, [(1, 0, {}, ["FORGED"], 0)])),
        body(Answer(1, "", 0, [(1, 0, {}, ["GAP"] * 9, 0)])),
        body(Answer(1, "", 0, [(1, 0, {"a": b"x"}, [], 0)])),
        body(Answer(1, "", 0, [(1, 0, {"a": {1: 2}}, [], 0)])),
        body(Answer(1, "", 0, [(1, 0, {"a": float("nan")}, [], 0)])),
        body(Answer(1, "", 0, [(1, 0, {"a": msgspec.msgpack.Ext(1, b"")}, [], 0)])),
        body(Answer(1, "", 0, [(1, 0, nested(MAX_DEPTH), [], 0)])),
        body(Answer(1, "", 0, [(1, 0, nested(500), [], 0)])),
    ],
)
def test_an_answer_that_is_none_is_refused(value: bytes) -> None:
    """Whatever a plugin sends."""
    with pytest.raises(WireError):
        answer_of(value, 4)


def test_objects_may_be_so_deep() -> None:
    """And no deeper."""
    members = nested(MAX_DEPTH - 1)
    assert answer_of(body(Answer(1, "", 0, [(1, 0, members, [], 0)])), 4).messages[0][2] == members


def test_a_greeting_is_made_readable() -> None:
    """It is shown to people; one that is none is refused."""
    hello = hello_of(body(Hello("1\x1b[0m", ["a"] * 99, "no\nway")))
    assert hello == Hello("1?[0m", ["a"] * 64, "no way")
    enrichers = {"a": ["uid"], "B": ["uid"], "c": ["pid"], "d": []}
    assert hello_of(body(Hello(enrichers=enrichers))).enrichers == {"a": ["uid"]}
    with pytest.raises(WireError, match="no greeting"):
        hello_of(b"\xff")


def test_texts_are_one_short_line() -> None:
    """Of what a plugin says, or Python says of it."""
    assert text(ValueError("a\n b\x07é")) == "a b??"
    assert len(text("x" * 10_000)) == 200
