# SPDX-License-Identifier: Apache-2.0
import json
from typing import get_args

import pytest

from kflowd.delivery.formats import FORMATS
from kflowd.settings import Format
from tests.unit.serialize.samples import SAMPLES


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_is_pure(form: str) -> None:
    """Called again it gives the same, and the record stays what it was for the other forms."""
    for make in SAMPLES.values():
        record, other = make(), make()
        write = FORMATS[form]()
        first = write(record)
        assert write(record) == first
        assert FORMATS[form]()(record) == first
        assert record == other


def test_all_forms_hold_the_same() -> None:
    """A form is a layout."""
    for make in SAMPLES.values():
        values = [json.loads(FORMATS[form]()(make())) for form in FORMATS]
        assert values[0] == values[1]


def test_settings_know_all_forms() -> None:
    """The words of -o are the table."""
    assert set(FORMATS) == set(get_args(Format))
