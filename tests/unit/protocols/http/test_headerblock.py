# SPDX-License-Identifier: Apache-2.0
import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols.http.headerblock import Field, Headers, MalformedError

NAMES = st.sampled_from([b":path", b"cookie", b"x-a", b"x-b", b"age"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=8)


def known(most: int = 65536) -> Headers:
    """Return a reader that sees all blocks."""
    return Headers(most, whole=True)


@given(st.lists(st.tuples(FIELDS, st.booleans(), st.sampled_from([None, 0, 64, 200])), max_size=8))
def test_blocks_are_read_as_hpack_wrote_them(
    blocks: list[tuple[list[Field], bool, int | None]],
) -> None:
    """With indexes, Huffman code, eviction and changes of the table's size."""
    encoder, headers = hpack.Encoder(), known()
    for fields, huffman, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        block = encoder.encode(fields, huffman=huffman)
        assert headers.read(block, 1 << 20) == (fields, True)
        assert headers.held <= 4096


@given(st.lists(st.binary(max_size=30), max_size=3))
def test_any_bytes_are_read_or_malformed(blocks: list[bytes]) -> None:
    """Nothing else is raised, with a table that is known or not."""
    for headers in (known(), Headers(100, whole=False)):
        for block in blocks:
            try:
                headers.read(block, 100)
            except MalformedError:
                headers.forget()
            assert headers.held <= 4096


def test_what_was_added_before_is_unknown() -> None:
    """A stream that is joined late: what is added later is exact, the rest is unknown for good."""
    encoder = hpack.Encoder()
    encoder.encode([("x-old", "1"), ("x-older", "2")])
    late = Headers(65536, whole=False)
    first = encoder.encode([("x-new", "3"), ("x-old", "1"), (":method", "GET")])
    unknown = (b"<unknown>", b"<unknown>")
    assert late.read(first, 1000)[0] == [(b"x-new", b"3"), unknown, (b":method", b"GET")]
    second = encoder.encode([("x-new", "3"), ("x-older", "2")])
    assert late.read(second, 1000)[0] == [(b"x-new", b"3"), unknown]


def test_a_lost_block_makes_the_table_unknown() -> None:
    """Places in the table are not guessed."""
    encoder, headers = hpack.Encoder(), known()
    headers.read(encoder.encode([("x-a", "1")]), 1000)
    headers.forget()
    assert headers.held == 0
    assert headers.read(encoder.encode([("x-a", "1")]), 1000)[0] == [(b"<unknown>", b"<unknown>")]


def test_few_bytes_do_not_become_many() -> None:
    """An index of a byte may stand for thousands: no more is returned than there is room."""
    encoder, headers = hpack.Encoder(), known()
    value = "v" * 3000
    headers.read(encoder.encode([("x-a", value)]), 10_000)
    fields, whole = headers.read(encoder.encode([("x-a", value)]) * 10_000, 10_000)
    assert len(fields) == 3
    assert not whole


@pytest.mark.parametrize(
    "block",
    [
        b"\x80", b"\xff\xff\xff\xff\xff\xff\x01", b"\xbe", b"\x40", b"\x40\x01", b"\x40\x05ab",
        b"\x40\x01a\x81\x00", b"\x7f",
    ],
)  # fmt: skip
def test_what_is_no_block_is_malformed(block: bytes) -> None:
    """Index 0, indexes of nothing, ends inside, integers without end, wrong Huffman code."""
    with pytest.raises(MalformedError):
        known().read(block, 1000)
