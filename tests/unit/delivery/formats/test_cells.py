# SPDX-License-Identifier: Apache-2.0
import pytest
import wcwidth
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.formats.cells import filled, fitted
from kflowd.delivery.formats.visible import visible
from tests.unit.delivery.formats.hostile import TEXTS


@pytest.mark.parametrize(
    ("text", "width", "head", "shown"),
    [
        ("/etc/passwd", 11, 0, "/etc/passwd"),
        ("/etc/passwd", 7, 0, "…passwd"),
        ("/etc/passwd", 8, 3, "/et…sswd"),
        ("/etc/passwd", 4, 99, "/et…"),
        ("/etc/passwd", 1, 0, "…"),
        ("漢字漢字", 8, 0, "漢字漢字"),
        ("漢字漢字", 7, 0, "…字漢字"),
        ("漢字漢字", 6, 0, "…漢字"),
        ("漢字漢字", 6, 2, "漢…字"),
        ("abc\x1b", 7, 0, "abc\\x1b"),
        ("abc\x1b", 6, 0, "…c\\x1b"),
        ("abc\x1b", 4, 0, "…"),
    ],
)
def test_the_end_of_a_long_text_is_kept(text: str, width: int, head: int, shown: str) -> None:
    """With some of its beginning if that is wanted; neither a wide letter nor an escape is cut."""
    assert fitted(text, width, head) == shown


@given(text=TEXTS, width=st.integers(1, 60), head=st.integers(0, 70))
def test_a_text_fits(text: str, width: int, head: int) -> None:
    """As wcwidth counts it; what fits as it is stays whole."""
    shown = fitted(text, width, head)
    assert wcwidth.wcswidth(shown) <= width
    if wcwidth.wcswidth(visible(text)) <= width:
        assert shown == visible(text)
    assert wcwidth.wcswidth(filled(shown, width)) == width
