# SPDX-License-Identifier: Apache-2.0
import json

from kflowd.delivery.formats import FORMATS
from kflowd.settings import Output
from tests.unit.make import named_file
from tests.unit.serialize.text import builder


def test_each_output_has_its_format() -> None:
    """What -o takes is what there is, and each run has a format of its own."""
    assert list(FORMATS) == [each.value for each in Output]
    for make in FORMATS.values():
        assert make() is not make()


def test_all_formats_say_the_same() -> None:
    """They differ in layout alone."""
    record = builder().file(named_file())
    texts = [make()(record) for make in FORMATS.values()]
    assert len(set(texts)) == len(texts)
    assert all(json.loads(text) == json.loads(texts[0]) for text in texts)
