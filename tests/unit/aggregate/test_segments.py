# SPDX-License-Identifier: Apache-2.0
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.aggregate.segments import (
    BEHIND_BYTES,
    HOLE_NS,
    MAX_APART,
    MAX_WAITING_BYTES,
    MAX_WAITING_SEGMENTS,
    Data,
    End,
    Gap,
    Overlap,
    Piece,
    Stream,
)
from kflowd.model import Segment
from tests.unit.make import payload

FIN, SYN, RST, SKIPPED = Segment.FIN, Segment.SYN, Segment.RST, Segment.SKIPPED


def told(pieces: list[Piece]) -> list[Any]:
    """Return pieces in short: bytes, sizes of gaps, "end", "differs"."""
    short: list[Any] = []
    for piece in pieces:
        if isinstance(piece, Data):
            short.append(piece.data)
        elif isinstance(piece, Gap):
            short.append(piece.size)
        else:
            short.append("end" if isinstance(piece, End) else "differs")
    return short


def run(*segments: tuple[Any, ...], stream: Stream | None = None) -> list[Any]:
    """Return what (seq, data[, flags[, size]]) give, each a nanosecond after the other."""
    stream = stream or Stream()
    pieces: list[Piece] = []
    for ts_ns, (seq, data, *rest) in enumerate(segments, 1):
        flags = rest[0] if rest else 0
        size = rest[1] if len(rest) > 1 else len(data)
        pieces += stream.add(
            payload(ts_ns=ts_ns, seq=seq & 0xFFFFFFFF, data=data, flags=flags, size=size)
        )
    return told(pieces)


def test_a_connection_from_its_beginning_to_its_end() -> None:
    """A SYN and a FIN take a number each, and may carry bytes."""
    assert run((99, b"ab", SYN), (102, b"cd"), (104, b"ef", FIN)) == [b"ab", b"cd", b"ef", "end"]
    stream = Stream()
    run((99, b"", SYN), stream=stream)
    assert stream.started
    assert not stream.joined
    run((7, b"x"), stream=(joined := Stream()))
    assert joined.joined


def test_each_piece_has_the_time_of_its_segment() -> None:
    """Also when it had to wait."""
    stream = Stream()
    stream.add(payload(ts_ns=1, seq=9, flags=SYN))
    assert stream.add(payload(ts_ns=2, seq=12, data=b"cd")) == []
    first, second = stream.add(payload(ts_ns=3, seq=10, data=b"ab"))
    assert isinstance(first, Data)
    assert isinstance(second, Data)
    assert (first.ts_ns, second.ts_ns) == (3, 2)
    assert second.end - first.end == 2


def test_what_comes_again_is_said_once() -> None:
    """Whole, in part, or with more behind it."""
    again = (11, b"b"), (10, b"ab"), (11, b"bcd"), (10, b"abcde")
    assert run((10, b"abc"), *again) == [b"abc", b"d", b"e"]


def test_the_first_bytes_are_believed_and_others_noted() -> None:
    """Those that were given out, and those that wait."""
    assert run((10, b"abc"), (11, b"Xcd")) == [b"abc", "differs", b"d"]
    assert run((10, b"a"), (13, b"d"), (11, b"bcX")) == [b"a", "differs", b"bc", b"d"]
    stream = Stream()
    stream.add(payload(seq=10, data=b"abcd"))
    (overlap, _) = stream.add(payload(seq=10, data=b"abXde"))
    assert isinstance(overlap, Overlap)
    assert overlap.position & 0xFFFFFFFF == 12
    long = bytes(BEHIND_BYTES)
    # what is no longer kept cannot be compared
    assert run((10, b"abc"), (13, long), (10, b"XYZ")) == [b"abc", long]


def test_a_keep_alive_is_no_byte() -> None:
    """A probe repeats the last number, with a byte that means nothing or without one."""
    assert run((10, b"abc"), (12, b"\0"), (12, b""), (13, b"d")) == [b"abc", b"d"]


def test_what_was_not_captured_is_a_gap_of_known_size() -> None:
    """Also behind a hole; padding behind a segment is no part of it."""
    assert run((10, b"ab", 0, 10), (20, b"cd")) == [b"ab", 8, b"cd"]
    assert run((9, b"", SYN), (12, b"c", 0, 3), (15, b"d"), (10, b"ab")) == [b"ab", b"c", 2, b"d"]
    assert run((10, b"abXX", 0, 2), (12, b"c")) == [b"ab", b"c"]


def test_numbers_begin_anew_behind_the_last() -> None:
    """After 2**32 - 1 comes 0, and what is late may be ahead of it."""
    last = 0xFFFFFFFF
    assert run((last, b"ab"), (1, b"cd")) == [b"ab", b"cd"]
    assert run((last, b"", SYN), (1, b"b"), (0, b"a")) == [b"a", b"b"]
    assert run((1, b"c"), (last, b"ab")) == [b"c"]


def test_a_hole_is_given_up_when_much_waits_behind_it() -> None:
    """By bytes, by segments, and never more than the bounds is held."""
    stream = Stream()
    big = bytes(MAX_WAITING_BYTES)
    assert run((10, b"a"), (12, big), (12 + len(big), b"z"), stream=stream) == [b"a", 1, big, b"z"]
    stream = Stream()
    apart = [(10 + 2 * each, b"x") for each in range(1, MAX_WAITING_SEGMENTS + 3)]
    got = run((10, b"a"), *apart, stream=stream)
    assert got[:3] == [b"a", 1, b"x"]
    assert len(stream._waiting) <= MAX_WAITING_SEGMENTS
    stream.finish(9)
    assert stream.held <= BEHIND_BYTES


def test_a_hole_is_given_up_after_a_time_without_progress() -> None:
    """One that nobody fills; a segment out of the blue changes nothing of a stream that goes on."""
    stream = Stream()
    stream.add(payload(ts_ns=1, seq=10, data=b"a"))
    assert stream.add(payload(ts_ns=2, seq=12, data=b"c")) == []
    late = HOLE_NS + 3
    assert told(stream.add(payload(ts_ns=late, seq=13, data=b"d"))) == [1, b"c", b"d"]
    assert stream.add(payload(ts_ns=late, seq=1000, data=b"?")) == []
    assert told(stream.add(payload(ts_ns=3 * late, seq=14, data=b"e"))) == [b"e"]


@pytest.mark.parametrize("away", [MAX_APART + 9, -MAX_APART - 9, 1 << 31])
def test_a_jump_is_believed_when_it_goes_on(away: int) -> None:
    """One packet with a number of its own does not move a stream; a stream that moved is found."""
    far = 10 + away
    assert run((10, b"a"), (far, b"?"), (11, b"b")) == [b"a", b"b"]
    assert run((10, b"a"), (far, b"X"), (far + 1, b"c"), (far + 2, b"d")) == [b"a", 0, b"c", b"d"]
    # and two packets move it only until it goes on itself
    fake = (far, b"X"), (far + 1, b"Y")
    back = (11, b"b"), (12, b"c"), (13, b"d")
    assert run((10, b"a"), *fake, *back)[-2:] == [b"c", b"d"]


@pytest.mark.parametrize("away", [1, MAX_WAITING_BYTES, MAX_APART + 1, (1 << 31) - 9])
def test_nobody_waits_for_what_was_left_out(away: int) -> None:
    """However far behind it the next bytes are; what waited is told ahead of them."""
    assert run((10, b"ab"), (12 + away, b"c", SKIPPED), (13 + away, b"d")) == [
        *(b"ab", away, b"c", b"d")
    ]
    waiting = (10, b"ab"), (14, b"w"), (15 + away, b"c", SKIPPED)
    assert run(*waiting) == [b"ab", 2, b"w", away, b"c"]


def test_what_comes_again_behind_a_part_that_was_left_out() -> None:
    """It is no jump; the next new bytes are."""
    again = (10, b"abc", SKIPPED)
    assert run((10, b"ab"), (21, b"w"), (20, b"c", SKIPPED)) == [b"ab", 8, b"c", b"w"]
    assert run((10, b"abc"), again, (20, b"x")) == [b"abc", 7, b"x"]
    assert run((10, b"abc"), again, (13, b"d"), (20, b"x")) == [b"abc", b"d"]
    assert run((10, b"abc"), (13, b"d", SKIPPED), (20, b"x")) == [b"abc", b"d"]


def test_positions_never_go_back() -> None:
    """Whoever remembers one can compare it with a later one."""
    stream = Stream()
    ends: list[int] = []
    for seq in (1 << 31, (1 << 31) + 1, 5, 6, 7, 3 << 30, (3 << 30) + 1):
        for piece in stream.add(payload(seq=seq, data=b"x")):
            assert isinstance(piece, Data | Gap)
            ends.append(piece.end)
    assert ends == sorted(ends)
    assert len(ends) > 3


def test_the_end() -> None:
    """A FIN ahead of its time waits for its turn; one that bytes follow was none."""
    assert run((9, b"", SYN), (12, b"", FIN), (10, b"ab")) == [b"ab", "end"]
    assert run((10, b"a", FIN), (12, b"b"), (11, b"b")) == [b"a", "end"]
    assert run((9, b"", SYN), (12, b"", FIN), (11, b"bcd"), (10, b"a"), (14, b"", FIN)) == [
        *(b"a", b"bcd", "end")
    ]
    assert run((10, b"a"), (5 + MAX_APART * 2, b"", FIN), (11, b"b")) == [b"a", b"b"]


def test_a_reset_ends_where_it_is_believed() -> None:
    """At the next byte, as the kernels do; its text is no part of the stream."""
    assert run((10, b"a"), (15, b"", RST), (9, b"", RST), (11, b"b")) == [b"a", b"b"]
    assert run((10, b"a"), (11, b"Go away", RST), (11, b"b")) == [b"a", "end"]
    assert run((10, b"a"), (13, b"c"), (11, b"", RST)) == [b"a", 2, b"c", "end"]


def test_what_waits_is_told_at_the_finish() -> None:
    """With its gaps; the end is told only if it was seen."""
    stream = Stream()
    run((10, b"a"), (12, b"c"), (14, b"e"), stream=stream)
    assert told(stream.finish(9)) == [1, b"c", 1, b"e"]
    assert not stream.ended
    stream = Stream()
    run((10, b"a"), (12, b"c", FIN), stream=stream)
    assert told(stream.finish(9)) == [1, b"c", "end"]
    assert stream.finish(9) == []
    assert Stream().finish(9) == []


@st.composite
def cuttings(draw: st.DrawFn) -> tuple[bytes, int, list[tuple[int, bytes]]]:
    """Return bytes, a first number, and pieces of them in any order that cover all."""
    data = draw(st.binary(min_size=1, max_size=300))
    first = draw(st.sampled_from([0, 1000, (1 << 31) - 50, (1 << 32) - 100]))
    cuts = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=20))})
    pieces = list(itertools.pairwise(cuts))
    spans = st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))
    pieces += [(min(span), max(span)) for span in draw(st.lists(spans, max_size=20))]
    order = draw(st.permutations(pieces))
    return data, first, [(first + 1 + start, data[start:end]) for start, end in order]


@given(cuttings())
def test_bytes_that_are_cut_and_mixed_give_themselves_back(
    cutting: tuple[bytes, int, list[tuple[int, bytes]]],
) -> None:
    """In whatever order, how often, and with whatever overlaps they come."""
    data, first, segments = cutting
    fin = (first + 1 + len(data), b"", FIN)
    told = run((first, b"", SYN), *segments, fin)
    assert told[-1] == "end"
    assert b"".join(told[:-1]) == data


@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFFFFFF) | st.integers(0, 300),
            st.binary(max_size=40),
            st.integers(0, 15),
            st.integers(0, 60),
        )
    )
)
def test_whatever_comes_is_bounded(segments: list[tuple[int, bytes, int, int]]) -> None:
    """Nothing is raised, positions grow, what is held is bounded, and the account is exact."""
    stream = Stream(max_waiting_bytes=100, max_waiting_segments=5)
    last = 0
    for ts_ns, (seq, data, flags, size) in enumerate(segments):
        for piece in stream.add(
            payload(ts_ns=ts_ns, seq=seq, data=data[:size], flags=flags, size=size)
        ):
            if not isinstance(piece, Overlap):
                assert piece.end >= last
                last = piece.end
        assert stream._waiting_bytes == sum(len(it.data) for it in stream._waiting)
        assert stream._waiting_bytes <= 100
        assert len(stream._waiting) <= 5
    stream.finish(0)
    assert stream._waiting_bytes == 0
