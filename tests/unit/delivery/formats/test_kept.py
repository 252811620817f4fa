# SPDX-License-Identifier: Apache-2.0
from kflowd.delivery.formats import kept
from kflowd.delivery.formats.kept import Kept


def test_a_text_is_made_once() -> None:
    """For each object, however often it comes."""
    asked: list[list[int]] = []

    def make(value: list[int]) -> str:
        asked.append(value)
        return f"text {value}"

    text, one, other = Kept(make), [1], [2]
    assert [text(one), text(other), text(one)] == ["text [1]", "text [2]", "text [1]"]
    assert asked == [one, other]


def test_it_does_not_grow_without_end() -> None:
    """Objects that are gone cannot lend their ids to others either."""
    text: Kept[list[int]] = Kept(str)
    for number in range(2 * kept.MAX_KEPT + 5):
        assert text([number]) == f"[{number}]"
        assert len(text._objects) == len(text._texts) <= kept.MAX_KEPT
