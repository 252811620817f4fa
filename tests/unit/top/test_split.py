# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.top import split
from kflowd.top.split import Splitter

TEXTS = [b'{"a": 1}', b"{}", b'{"b": "\\u001e\\n"}']


@given(
    between=st.sampled_from([b"\n", b"\n\x1e\n", b"\x1e", b"\r\n \n"]),
    size=st.integers(1, 40),
    ended=st.booleans(),
)
def test_texts_are_whole(between: bytes, size: int, ended: bool) -> None:
    """However the bytes are cut, whatever stands between records, and without an end."""
    data = between.join(TEXTS) + (between if ended else b"")
    splitter = Splitter()
    found = [
        text for at in range(0, len(data), size) for text in splitter.feed(data[at : at + size])
    ]
    assert [text.strip() for text in found + splitter.end()] == TEXTS
    assert splitter.too_long == 0


def test_what_is_too_long_is_dropped() -> None:
    """It takes no memory, is counted once, and what follows is whole."""
    splitter = Splitter()
    assert splitter.feed(b"{}\n") == [b"{}"]
    for _ in range(5):
        assert splitter.feed(b"x" * split.MOST_BYTES) == []
        assert len(splitter._rest) <= split.MOST_BYTES
    assert splitter.feed(b"x\n{}\n[") == [b"{}"]
    assert splitter.end() == [b"["]
    assert splitter.too_long == 1


def test_a_last_one_that_is_too_long_is_none() -> None:
    """Its end is no text."""
    splitter = Splitter()
    splitter.feed(b"x" * (split.MOST_BYTES + 1))
    splitter.feed(b"yyy")
    assert splitter.end() == []
