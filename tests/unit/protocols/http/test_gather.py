# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols.http.gather import BLOCK_END, LINE_END, Gather


@given(st.text("a\r\n", max_size=30), st.lists(st.integers(1, 4), max_size=40))
def test_pieces_give_what_the_whole_gives(text: str, sizes: list[int]) -> None:
    """A block ends at the same place however its bytes come."""
    data = b"\n" + text.encode()
    whole = Gather(100).until(BLOCK_END, data, 0)[0]
    gather, pos = Gather(100), 0
    for size in [*sizes, *([1] * len(data))]:
        found, end = gather.until(BLOCK_END, data[pos : pos + size], 0)
        if found is not None:
            assert found == whole
            assert gather.held == 0
            return
        pos += end
    assert whole is None


def test_what_is_behind_is_left() -> None:
    """Bytes behind the mark are not taken."""
    gather = Gather(100)
    assert gather.until(LINE_END, b"xab", 1) == (None, 3)
    assert gather.until(LINE_END, b"c\nd", 0) == (b"abc\n", 2)


def test_no_more_is_kept_than_the_limit() -> None:
    """It is full at its limit, also where the mark is behind it in the same bytes."""
    gather = Gather(4)
    assert gather.until(LINE_END, b"abcdef\n", 0) == (None, 4)
    assert gather.full
    assert gather.until(LINE_END, b"ef\n", 0) == (None, 0)
    assert gather.drop() == b"abcd"
    assert not gather.full
