# SPDX-License-Identifier: Apache-2.0
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kflowd.delivery.formats import FORMATS
from kflowd.delivery.formats import json as forms
from kflowd.delivery.formats.compiled import Style
from kflowd.delivery.formats.json import PRETTY, SHORT, JsonFormat, clean, nested, strings
from kflowd.model import EnrichedFile
from kflowd.serialize import HostFacts, Record
from kflowd.serialize.blocks.socket import App, AppTx
from kflowd.serialize.keys import Counts
from tests.unit.make import actor, named_file, named_unix, seen
from tests.unit.serialize.samples import SAMPLES
from tests.unit.serialize.text import builder

DATA = Path(__file__).parents[3] / "data" / "samples"
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
# every character, surrogates and controls too, and often those that JSON has rules for
SPECIAL = st.sampled_from(
    '"\\/\0\1\b\t\n\v\f\r\x1e\x1f\x7f\x80\x9f\u2028\u2029\ufeff\uffff\U0001f600'
)
SURROGATES = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
ESCAPED_BYTES = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
ANY_TEXT = st.text(st.characters() | SPECIAL | ESCAPED_BYTES | SURROGATES, max_size=20)
GOOD_TEXT = st.text(st.characters(exclude_categories=["Cs"]) | SPECIAL, max_size=20)
JSON = ("json", "json-min")
FORM = pytest.mark.parametrize("form", JSON)
# one of each serves all examples: what it keeps must change nothing
WRITE = {name: FORMATS[name]() for name in JSON}


def holding(text: str) -> Record:
    """Return a record that holds a text in each kind of place: name, list, constant block."""
    made = builder()
    made._hosts.take(HostFacts(host_name=text))
    who = actor(proc=text, user=text, seen=seen(exe=text or "x", args=(text, text)))
    return made.file(EnrichedFile(who, named_file(origin=text).aggregate, device=text))


def pairs_of(text: bytes) -> dict[str, Any]:
    """Return the values of a record's text, in which no key stands twice."""
    pairs = json.loads(text.decode("utf-8"), object_pairs_hook=list)
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def readable(text: str) -> str:
    """Return what a text becomes in valid UTF-8: an oracle for `clean`, a character at a time."""
    raw = b"".join(
        bytes([ord(each) - 0xDC00]) if 0xDC80 <= ord(each) <= 0xDCFF else each.encode()
        for each in text
    )
    return raw.decode("utf-8", "replace")


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_reproduced_byte_for_byte(name: str) -> None:
    """The four records of the contract come out of structured input as they are."""
    expected = (DATA / f"{name}.json").read_bytes().rstrip(b"\n")
    assert FORMATS["json"]()(SAMPLES[name]()) == expected


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_on_one_line(name: str) -> None:
    """json-min is the same text without the line ends and indents."""
    text = FORMATS["json-min"]()(SAMPLES[name]())
    pretty = (DATA / f"{name}.json").read_text()
    one_line = re.sub(r"\n *", " ", pretty.strip())
    one_line = re.sub(r"([{\[]) | ([}\]])", r"\1\2", one_line)
    assert text.decode() == re.sub(r"([{\[]) | ([}\]])", r"\1\2", one_line)
    assert json.loads(text) == json.loads(pretty)


def test_one_format_serves_all_records() -> None:
    """What it keeps of one record changes no other."""
    form = FORMATS["json"]()
    records = [make() for make in SAMPLES.values()]
    texts = [form(record) for record in records]
    assert [form(record) for record in reversed(records)] == texts[::-1]
    assert texts == [FORMATS["json"]()(record) for record in records]


def test_the_layout_of_arrays() -> None:
    """Scalars on one line, objects on the line of the key, arrays one on each line."""
    value = {"A": 1, "O": {"X": 1}, "E": {}, "L": [
        {"T": 1, "F": ["RD"], "R": [["A", "a.example"], ["A", "[\n]"]]}, {"T": 0, "R": []}
    ], "Z": ["[", "]", "{"]}  # fmt: skip
    assert nested(value, 0) == (
        '{\n  "A": 1,\n  "O": {\n    "X": 1\n  },\n  "E": {},\n  "L": [{\n    "T": 1,\n'
        '    "F": ["RD"],\n    "R": [\n      ["A", "a.example"],\n      ["A", "[\\n]"]\n    ]\n'
        '  },\n  {\n    "T": 0,\n    "R": []\n  }],\n  "Z": ["[", "]", "{"]\n}'
    )


@pytest.mark.parametrize("indent", [None, 0, 2])
@given(value=st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_the_layout_changes_no_value(indent: int | None, value: dict[str, Any]) -> None:
    """Whatever stands in a record, its text is strict JSON of the same value."""
    text = nested(value, indent)
    assert json.loads(text) == value
    assert msgspec.json.decode(text) == value
    assert indent is not None or "\n" not in text


@FORM
@given(value=st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=3))
def test_messages_are_strict_json_in_their_record(form: str, value: list[dict[str, Any]]) -> None:
    """Objects of any shape stand among the keys of a record."""
    record = builder().unix(named_unix())
    blocks = {"app": App(App="DNS"), "app_tx": AppTx(AppTxDns=value)}
    text = WRITE[form](msgspec.structs.replace(record, **blocks))
    assert json.loads(text)["AppTxDns"] == value


@FORM
@given(
    raw=st.binary(min_size=1, max_size=255).filter(lambda raw: not {0, 47} & set(raw))
    | st.sampled_from([b'"', b'x","File":"y', b"new\nline\x1e", b"\xff" * 255, b"\xed\xa0\x80"])
)
def test_any_file_name_is_valid_json(form: str, raw: bytes) -> None:
    """Names with quotes, line ends or bytes that are no UTF-8 forge and break nothing."""
    name = raw.decode("utf-8", "surrogateescape")
    text = WRITE[form](builder().file(named_file(path=f"/tmp/{name}", origin=name)))
    values = pairs_of(text)
    assert values["File"] == values["FileOrigin"] == raw.decode("utf-8", "replace")
    assert b"\x1e" not in text
    assert form == "json" or b"\n" not in text


@FORM
@given(text=GOOD_TEXT)
@example(text='\u2028\u2029"\\\0\x7f')
def test_any_text_comes_back_as_it_is(form: str, text: str) -> None:
    """json.loads and msgspec read the same text that was put in, wherever it stands."""
    written = WRITE[form](holding(text))
    for values in (pairs_of(written), msgspec.json.decode(written)):
        assert values["Proc"] == values["ProcUser"] == values["InfoHostName"] == text
        assert values["FileDevice"] == text
        assert values["ProcArgs"] == [text, text]
        assert values.get("FileOrigin", "") == text
    assert form == "json" or b"\n" not in written


@FORM
@given(text=ANY_TEXT)
@example(text="a\udcffb\udced\udca0\udc80")
@example(text="\udcc3\udca9")
def test_bytes_that_are_no_utf8_become_replacement_characters(form: str, text: str) -> None:
    """A text is always valid UTF-8; a surrogate that stands for no byte is a question mark."""
    values = pairs_of(WRITE[form](holding(text)))
    stray = any("\ud800" <= each <= "\udfff" and not "\udc80" <= each <= "\udcff" for each in text)
    expected = text.encode("utf-8", "replace").decode() if stray else readable(text)
    assert values["Proc"] == values["ProcUser"] == values["InfoHostName"] == expected
    assert values["FileDevice"] == expected
    assert values["ProcArgs"] == [expected, expected]


@FORM
@given(text=GOOD_TEXT)
def test_a_text_is_written_as_msgspec_writes_it(form: str, text: str) -> None:
    """The same escapes, the same bytes for what needs none."""
    expected = b'"Proc": ' + msgspec.json.encode(text)
    written = WRITE[form](holding(text))
    assert expected in written
    assert msgspec.json.encode(text).decode() == nested(text, None) == strings((text,))[1:-1]


@given(st.text(st.characters()))
def test_clean_text_can_be_encoded(text: str) -> None:
    """No surrogate is left, and good text is not touched."""
    clean(text).encode("utf-8")
    assert clean("fünf/文字") == "fünf/文字"
    assert clean("a\udcffb") == "a\ufffdb"
    assert clean("\ud800") == "?"


@FORM
def test_text_is_cleaned_at_any_depth(form: str) -> None:
    """Lists and objects of messages are cleaned too, other values are not touched."""
    record = builder().unix(named_unix())
    blocks = {"app_tx": AppTx(AppTxDns=[{"a\udcff": ["b\udcff", 1], "n": None}])}
    values = pairs_of(WRITE[form](msgspec.structs.replace(record, **blocks)))
    (message,) = values["AppTxDns"]
    assert dict(message) == {"a\ufffd": ["b\ufffd", 1], "n": None}


@pytest.mark.parametrize("style", [PRETTY, SHORT])
def test_lists_and_counts_have_their_layout(style: Style) -> None:
    """Words stand on one line, counts one on a line if there are lines."""
    value = named_file(counts=(0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0), flags=64 | 2)
    text = JsonFormat(style)(builder().file(value)).decode()
    assert '"FileNotes": ["PARTIAL", "STALE"]' in text
    counts = (
        '{\n    "OPEN": 1,\n    "MODIFY": 2\n  }'
        if style is PRETTY
        else ('{"OPEN": 1, "MODIFY": 2}')
    )
    assert f'"FileEvents": {counts}' in text


def test_no_counts_are_an_empty_object() -> None:
    """As msgspec writes one."""
    text = FORMATS["json"]()(builder().file(named_file(counts=(0,) * 11))).decode()
    assert '\n  "FileEvents": {},\n' in text


def test_texts_that_come_again_are_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object is written once; when there are too many, all begin anew, with the right texts."""
    monkeypatch.setattr(forms, "MAX_KEPT", 10)
    form = JsonFormat(SHORT)
    for number in range(100):
        counts = Counts((("OPEN", number),))
        assert form._keep(counts) == f'{{"OPEN": {number}}}'
        assert form._texts[id(counts)] == f'{{"OPEN": {number}}}'
        assert len(form._texts) == len(form._objects) <= 10


@pytest.mark.parametrize("style", [PRETTY, SHORT])
def test_what_records_share_is_written_once(style: Style) -> None:
    """The second record of a process asks for no text of the process or the host."""
    form = JsonFormat(style)
    made = builder()
    value = named_file()
    first = form(made.file(value))
    kept = list(form._objects)
    second = form(made.file(value))
    assert form._objects == kept
    assert first.replace(b'"InfoSequenceNumber": 1', b'"InfoSequenceNumber": 2') == second
