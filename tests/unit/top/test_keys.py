# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.top.keys import MOST_BEGUN, Keys


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"q/>", ["q", "/", ">"]),
        ("ä漢".encode(), ["ä", "漢"]),
        (b"\x1b[D\x1b[C\x1bOD\x1bOC", ["left", "right", "left", "right"]),
        (b"\x1b[1;5C\x1b[15~\x1b[A", ["right"]),
        (b"\r\n\x7f\b\x03\x00\x04", ["enter", "enter", "backspace", "backspace", "interrupt"]),
        (b"\x1bq", ["escape", "q"]),
        (b"\xff", ["\ufffd"]),
    ],
)
def test_keys_have_names(data: bytes, names: list[str]) -> None:
    """Whether they come in one piece or byte by byte."""
    assert Keys().feed(data) == names
    keys = Keys()
    assert [name for at in data for name in keys.feed(bytes([at]))] == names


def test_escape_alone_is_a_key_after_a_while() -> None:
    """Before that an arrow can become of it."""
    keys = Keys()
    assert keys.feed(b"\x1b") == []
    assert keys.flush() == ["escape"]
    assert keys.flush() == []


@given(parts=st.lists(st.binary(max_size=50)))
def test_any_bytes_are_keys(parts: list[bytes]) -> None:
    """Each is one printable letter or a name, and nothing grows."""
    keys = Keys()
    for part in parts:
        for name in keys.feed(part):
            assert name.isprintable()
        assert len(keys._rest) < MOST_BEGUN
