# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols.base import Limits
from kflowd.protocols.http.body import Body
from kflowd.protocols.http.chunked import LINE_BYTES, Chunked
from kflowd.protocols.http.fields import Fields


def made(trailer_bytes: int = 1000) -> tuple[Chunked, Body, Fields]:
    """Return a reader, its body and its trailers."""
    body, fields = Body(1000), Fields(Limits())
    return Chunked(body, fields, trailer_bytes), body, fields


def read(data: bytes, size: int = 1 << 20) -> tuple[Chunked, str, dict[str, str], int]:
    """Return a reader that was fed pieces, the body, the trailers and how much was taken."""
    chunked, body, fields = made()
    taken = 0
    for at in range(0, len(data), size):
        if not chunked.done and not chunked.lost:
            taken += chunked.feed(data[at : at + size], 0)
    return chunked, body.shown("", "")[0], fields.shown, taken


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    ("data", "text", "trailers"),
    [
        (b"0\r\n\r\n", "", {}),
        (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", {}),
        (b"3\nabc\n00\n\n", "abc", {}),
        (b' 3 ;name="v;w"\r\nabc\r\n0;x\r\nA: 1\r\nB: 2\r\n\r\n', "abc", {"A": "1", "B": "2"}),
        (b"A\r\n0123456789\r\n0\r\nfoobar\r\n\r\n", "0123456789", {":": "foobar"}),
    ],
)
def test_framing_is_removed(data: bytes, text: str, trailers: dict[str, str], size: int) -> None:
    """Sizes and extensions vanish, trailers are headers, what is behind is not taken."""
    chunked, shown, fields, taken = read(data + b"GET /", size)
    assert chunked.done
    assert not chunked.lost
    assert (shown, fields) == (text, trailers)
    assert taken in {len(data), *range(len(data), len(data) + size)}


@pytest.mark.parametrize(
    ("data", "complaints"),
    [
        (b"1\r\na\r\n0\r\n\r\n", []),
        (b"1 \t;x=y\na\n0;z\n\n", []),
        (b" 1\r\na\r\n0\r\n\r\n", ["malformed line of a chunk size"]),
        (b"1 \r\na\r\n 0 \r\n\r\n", ["malformed line of a chunk size"]),
        (b"1;\x00\r\na\r\n0\r\n\r\n", ["malformed line of a chunk size"]),
        (b"1;\rx\r\na\r\n0\r\n\r\n", ["malformed line of a chunk size"]),
        (b"0\r\nA: \x00\r\n\r\n", ["control character in a header"]),
        (b"0\r\nA: 1\r\n\r\n", []),
    ],
)
def test_what_is_read_all_the_same_is_told(data: bytes, complaints: list[str]) -> None:
    """Blanks around a size, controls in extensions and trailers: others read something else."""
    chunked, _, fields = made()
    assert chunked.feed(data, 0) == len(data)
    assert chunked.done
    assert fields.complaints == complaints


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("data", "lost"),
    [
        (b"10000000000000000\r\n", "chunk size of 2^64 or more"),
        (b"f" * 30 + b"\r\n", "chunk size of 2^64 or more"),
        (b"-1\r\n", "chunk size is no hexadecimal number"),
        (b"0x1\r\n", "chunk size is no hexadecimal number"),
        (b"\r\n", "chunk size is no hexadecimal number"),
        (b"1 2\r\nx", "chunk size is no hexadecimal number"),
        (b"1\r\nabc\r\n", "chunk does not end where its size says"),
        (b"1\r\na\rb\n", "chunk does not end where its size says"),
        (b"1\r\na\r\r\n", "chunk does not end where its size says"),
        (b"1;" + b"x" * LINE_BYTES + b"\r\n", "line of a chunk size is too long"),
    ],
)
def test_lost_framing_is_told(data: bytes, lost: str, size: int) -> None:
    """Nobody can say where such a body ends."""
    chunked = read(data, size)[0]
    assert chunked.lost == lost
    assert not chunked.done


def test_the_largest_size_is_read() -> None:
    """One less than 2^64 is a size."""
    assert not read(b"ffffffffffffffff\r\nabc")[0].lost


def test_gaps_inside_data_are_stepped_over() -> None:
    """Missing bytes of one chunk leave the framing known, all others do not."""
    chunked, body, _ = made()
    assert not chunked.skip(1)
    chunked.feed(b"5\r\na", 0)
    assert not chunked.skip(0)
    assert not chunked.skip(5)
    assert chunked.skip(4)
    assert not chunked.skip(1)
    chunked.feed(b"\r\n1\r\nb\r\n0\r\n\r\n", 0)
    assert chunked.done
    assert body.size == 2


def test_trailers_have_a_limit() -> None:
    """What is above it is left out, in many lines or in one; the end is still found."""
    chunked, _, fields = made(20)
    chunked.feed(b"0\r\n" + b"A: 1\r\n" * 10 + b"B: " + b"x" * 10_000 + b"\r\n\r\n", 0)
    assert chunked.done
    assert fields.shown == {"A": "1, 1, 1"}
    assert chunked.held == 18
    assert fields.cut


def test_the_end_of_a_long_trailer_is_no_empty_line() -> None:
    """A line that is dropped at the limit goes on until its own end."""
    chunked, _, _ = made()
    data = b"0\r\n" + b"x" * LINE_BYTES + b"\r\nB: 2\r\n\r\n"
    assert chunked.feed(data, 0) == len(data)
    assert chunked.done


@given(st.binary(max_size=60), st.integers(1, 9))
def test_pieces_are_read_as_the_whole(data: bytes, size: int) -> None:
    """Any bytes end in the same state however they come."""
    whole, pieces = read(data), read(data, size)
    assert (whole[0].done, whole[0].lost) == (pieces[0].done, pieces[0].lost)
    assert whole[1:3] == pieces[1:3]
