# SPDX-License-Identifier: Apache-2.0
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from kflowd.settings.by_type import kind_of
from kflowd.settings.kinds import Choice, Kind, Quantity, Whole
from kflowd.settings.option import SECONDS


def test_the_kind_follows_from_the_type() -> None:
    """None beside it is left out, and a unit makes a quantity of a number."""
    number = Annotated[int, Meta(ge=1, le=9)]
    kinds: list[Kind[object]] = [
        kind_of(Literal["a", "b"] | None, None), kind_of(number | None, None),
        kind_of(number, SECONDS),
    ]  # fmt: skip
    assert list(map(type, kinds)) == [Choice, Whole, Quantity]


def test_a_type_without_a_kind_is_an_error_of_ours() -> None:
    """So is a number without limits: the field must say them."""
    for annotation in (complex, int, dict[str, int]):
        with pytest.raises(TypeError, match="no kind of values"):
            kind_of(annotation, None)
