# SPDX-License-Identifier: Apache-2.0
import json
from typing import get_args

import pytest

from kflowd.delivery.formats import FOR_PEOPLE, FORMATS, HEAD_LINES, make_format
from kflowd.delivery.formats.screen import Screen
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


def test_both_forms_of_json_hold_the_same() -> None:
    """A form is a layout."""
    for make in SAMPLES.values():
        values = [json.loads(FORMATS[form]()(make())) for form in ("json", "json-min")]
        assert values == [values[0]] * 2


def test_forms_for_people_suit_the_screen() -> None:
    """The others are the same everywhere."""
    record, screen = SAMPLES["socket-tcp-http"](), Screen(200, colours=True)
    changed = {it for it in FORMATS if make_format(it, screen)(record) != make_format(it)(record)}
    assert changed == set(FOR_PEOPLE)
    assert set(HEAD_LINES) <= set(FOR_PEOPLE) <= set(FORMATS)


def test_settings_know_all_forms() -> None:
    """The words of -o are the table."""
    assert set(FORMATS) == set(get_args(Format))
