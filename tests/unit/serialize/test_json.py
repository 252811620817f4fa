# SPDX-License-Identifier: Apache-2.0
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.formats import FORMATS
from kflowd.enrich import begin_file
from kflowd.serialize import Builder
from kflowd.serialize.json import arrange
from tests.unit.make import file
from tests.unit.serialize.samples import SAMPLES

DATA = Path(__file__).parents[2] / "data" / "samples"
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9)
FLAT = st.lists(SCALARS, max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        FLAT
        | st.lists(FLAT, max_size=3)
        | st.lists(st.dictionaries(st.text(max_size=5), inner, max_size=3), max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=30,
)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_reproduced_byte_for_byte(name: str) -> None:
    """The four records of the contract come out of structured input as they are."""
    expected = (DATA / f"{name}.json").read_bytes().rstrip(b"\n")
    assert FORMATS["json"](SAMPLES[name]()) == expected


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_on_one_line(name: str) -> None:
    """json-min is the same text without the line ends and indents."""
    text = FORMATS["json-min"](SAMPLES[name]())
    pretty = (DATA / f"{name}.json").read_text()
    one_line = re.sub(r"\n *", " ", pretty.strip())
    one_line = re.sub(r"([{\[]) | ([}\]])", r"\1\2", one_line)
    assert text.decode() == re.sub(r"([{\[]) | ([}\]])", r"\1\2", one_line)
    assert json.loads(text) == json.loads(pretty)


def test_the_layout_of_arrays() -> None:
    """Scalars on one line, objects on the line of the key, arrays one on each line."""
    value = {"A": 1, "O": {"X": 1}, "E": {}, "L": [
        {"T": 1, "F": ["RD"], "R": [["A", "a.example"], ["A", "[\n]"]]}, {"T": 0, "R": []}
    ], "Z": ["[", "]", "{"]}  # fmt: skip
    assert arrange(msgspec.json.format(msgspec.json.encode(value), indent=2)).decode() == (
        '{\n  "A": 1,\n  "O": {\n    "X": 1\n  },\n  "E": {},\n  "L": [{\n    "T": 1,\n'
        '    "F": ["RD"],\n    "R": [\n      ["A", "a.example"],\n      ["A", "[\\n]"]\n    ]\n'
        '  },\n  {\n    "T": 0,\n    "R": []\n  }],\n  "Z": ["[", "]", "{"]\n}'
    )


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_the_layout_changes_no_value(value: dict[str, Any]) -> None:
    """Whatever stands in a record, its text is strict JSON of the same value."""
    text = arrange(msgspec.json.format(msgspec.json.encode(value), indent=2))
    assert json.loads(text) == value


@pytest.mark.parametrize("form", FORMATS)
@given(
    raw=st.binary(min_size=1, max_size=255).filter(lambda raw: not {0, 47} & set(raw))
    | st.sampled_from([b'"', b'x","File":"y', b"new\nline\x1e", b"\xff" * 255, b"\xed\xa0\x80"])
)
def test_any_file_name_is_valid_json(form: str, raw: bytes) -> None:
    """Names with quotes, line ends or bytes that are no UTF-8 forge and break nothing."""
    name = raw.decode("utf-8", "surrogateescape")
    text = FORMATS[form](Builder().file(begin_file(file(path=f"/tmp/{name}", origin=name))))
    pairs = json.loads(text.decode("utf-8"), object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys))
    values = dict(pairs)
    assert values["File"] == values["FileOrigin"] == raw.decode("utf-8", "replace")
    assert b"\x1e" not in text
    assert form == "json" or b"\n" not in text
