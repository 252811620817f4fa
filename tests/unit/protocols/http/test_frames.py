# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols.http.frames import (
    DATA,
    END_HEADERS,
    HEADERS,
    PADDED,
    PRIORITY,
    PROMISE,
    Frame,
    Frames,
    plausible,
)
from tests.unit.protocols.http.frames_made import SETTINGS, frame


class Taken:
    """Notes what frames give."""

    def __init__(self) -> None:
        self.bodies = b""
        self.blocks: list[bytes | None] = []
        self.kinds: list[tuple[int, int, int]] = []

    def data(self, _frame: Frame, data: bytes, pos: int, end: int) -> None:
        self.bodies += data[pos:end]

    def block(self, _frame: Frame, fragment: bytes | None) -> None:
        self.blocks.append(fragment)

    def done(self, frame: Frame) -> None:
        self.kinds.append((frame.kind, frame.size, frame.ts_ns))


@pytest.mark.parametrize("size", [1, 2, 5, 10, 1000])
def test_frames_are_split_however_they_come(size: int) -> None:
    """Padding, priority and the promised stream are left out; frames of other types are skipped."""
    said = (
        SETTINGS
        + frame(HEADERS, b"block", flags=END_HEADERS, stream=1)
        + frame(HEADERS, b"\x02weekyblock\x00\x00", flags=PADDED | PRIORITY, stream=3)
        + frame(PROMISE, b"\x00\x00\x00\x02block", stream=1)
        + frame(DATA, b"body", stream=1)
        + frame(DATA, b"\x03body\x00\x00\x00", flags=PADDED, stream=1)
        + frame(DATA, b"", stream=1)
        + frame(200, b"xyz" * 100)
    )
    taken = Taken()
    frames = Frames(taken, 100)
    for at in range(0, len(said), size):
        frames.feed(said[at : at + size], 0, at + 1)
        assert frames.held <= 109
    assert taken.blocks == [b"block"] * 3
    assert taken.bodies == b"bodybody"
    assert [kind for kind, _, _ in taken.kinds] == [4, 1, 1, 5, 0, 0, 0, 200]
    assert frames.held == 0
    assert [ts_ns for _, _, ts_ns in taken.kinds][1] == 9 // size * size + 1


def test_a_large_frame_is_not_kept() -> None:
    """Its block is none, and the next frame is found."""
    taken = Taken()
    Frames(taken, 10).feed(frame(HEADERS, b"x" * 11, stream=1) + frame(HEADERS, b"y"), 0, 1)
    assert taken.blocks == [None, b"y"]


def test_padding_beyond_the_frame() -> None:
    """It leaves nothing, and does no harm."""
    taken = Taken()
    said = frame(DATA, b"\xffab", flags=PADDED, stream=1)
    said += frame(HEADERS, b"\xffab", flags=PADDED, stream=1)
    Frames(taken, 100).feed(said, 0, 1)
    assert (taken.bodies, taken.blocks) == (b"", [b""])


@pytest.mark.parametrize(
    ("said", "likely"),
    [
        (SETTINGS, True),
        (frame(6, b"12345678") + frame(HEADERS, b"x" * 50, stream=1)[:20], True),
        (frame(HEADERS, b"x" * 50, flags=37, stream=1), True),
        (frame(HEADERS, b"x" * 50, stream=1)[:30], False),
        (frame(HEADERS, b"x", stream=0), False),
        (frame(6, b"1234567"), False),
        (frame(DATA, b"x", flags=2, stream=1), False),
        (frame(10, b"x", stream=1), False),
        (frame(DATA, b"x", stream=1 << 31), False),
        (SETTINGS + b"GET / HTTP/1.1", False),
        (b"GET / HTTP/1.1\r\n", False),
        (b"", False),
    ],
)
def test_frames_are_told_from_other_bytes(said: bytes, *, likely: bool) -> None:
    """One complete frame, and nothing that is none."""
    assert plausible(said) == likely


def test_gaps_inside_data_are_stepped_over() -> None:
    """Elsewhere nobody knows where the next frame begins."""
    taken = Taken()
    frames = Frames(taken, 100)
    assert frames.inside(1) is None
    frames.feed(frame(DATA, b"x" * 10, stream=7)[:-6], 0, 1)
    assert frames.inside(7) is None
    found = frames.inside(6)
    assert found
    assert found.stream == 7
    frames.skip(found, 6)
    frames.feed(frame(HEADERS, b"abc", stream=1)[:-1], 0, 1)
    assert frames.inside(1) is None
    assert taken.bodies == b"xxxx"
