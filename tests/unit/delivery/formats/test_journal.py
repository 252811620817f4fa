# SPDX-License-Identifier: Apache-2.0
import json
import re
from typing import Any

import msgspec
import pytest

from kflowd.delivery.formats import FORMATS, make_format
from kflowd.delivery.formats.journal import _WORDS, field_name
from kflowd.delivery.formats.screen import PAPER
from kflowd.serialize import RECORDS, Builder, Record
from kflowd.serialize.record import record_keys
from tests.unit.delivery.sinks.journald import parse
from tests.unit.make import named_file
from tests.unit.serialize.samples import SAMPLES
from tests.unit.whole.check import CASES, made

JSON = FORMATS["json-min"]()
OWN = 4  # fields ahead of those of the record


def entry(record: Record, form: str = "compact") -> list[tuple[str, bytes]]:
    """Return the fields of a record's entry, as a journal reads them."""
    return parse(make_format(form, PAPER, "journal")(record))


def expected(record: Record) -> list[tuple[str, str]]:
    """Return the fields that the text of a record asks for, by the words of the manual."""
    found: list[tuple[str, str]] = []
    # numbers as they are written
    keys: dict[str, Any] = json.loads(JSON(record), parse_float=str)
    for key, value in keys.items():
        name = "KFLOWD_" + key.upper()
        if isinstance(value, dict):
            found += [
                (f"{name}_{re.sub('[^A-Z0-9_]', '_', member.upper())}", str(it))
                for member, it in value.items()
            ]
        elif key in _WORDS:
            found += [(name, it) for it in value]
        elif isinstance(value, list):
            found.append((name, json.dumps(value, ensure_ascii=False)))
        else:
            found.append((name, str(value)))
    return found


def changed(**values: str) -> Record:
    """Return a file record with other values."""
    record = Builder().record(named_file())
    block = msgspec.structs.replace(record.file, **values)  # type: ignore[attr-defined]
    return msgspec.structs.replace(record, file=block)


@pytest.mark.parametrize("name", CASES)
def test_all_keys_of_a_record_are_fields(name: str) -> None:
    """In their order; those of a block that many records share, too."""
    write = make_format("compact", PAPER, "journal")
    for record in [*made(name), *made(name)]:
        fields = [(key, value.decode()) for key, value in parse(write(record))[OWN:]]
        assert fields == expected(record)


@pytest.mark.parametrize("form", ["compact", "json-min", "ecs"])
def test_its_text_is_the_message(form: str) -> None:
    """In each form; beside it what every entry of kflowd has."""
    for make in SAMPLES.values():
        record = make()
        first = entry(record, form)[:OWN]
        assert first == [
            ("MESSAGE", make_format(form)(record)),
            ("PRIORITY", b"6"),
            ("SYSLOG_FACILITY", b"3"),
            ("SYSLOG_IDENTIFIER", b"kflowd"),
        ]


def test_a_message_of_several_lines() -> None:
    """Has its length in front."""
    record = changed()
    assert entry(record, "json")[0] == ("MESSAGE", FORMATS["json"]()(record))


@pytest.mark.parametrize(
    "name",
    ["a\nKFLOWD_PROCUID=0", "\n", "\n" * 300, "ä\nö" * 100, "=", "", "a\0b", "x" * 70_000 + "\n"],
)
def test_no_value_can_forge_a_field(name: str) -> None:
    """A line end is a part of the value, whatever the length is."""
    record = changed(File=name, FilePath=name)
    found = entry(record)
    assert [it for it in found if it[0] == "KFLOWD_FILE"] == [("KFLOWD_FILE", name.encode())]
    assert [it[0] for it in found] == [it[0] for it in entry(changed(File="x", FilePath="y"))]


def test_bytes_that_are_no_utf_8() -> None:
    """They are in the value as they were, behind a length as well."""
    raw = b"a\xff\xfe\n\x80z"
    name = raw.decode("utf-8", "surrogateescape")
    assert dict(entry(changed(File=name)))["KFLOWD_FILE"] == raw
    name = b"\xff".decode("utf-8", "surrogateescape")
    assert dict(entry(changed(File=name)))["KFLOWD_FILE"] == b"\xff"
    # a surrogate that stands for no byte
    assert b"\xff" not in dict(entry(changed(File="\ud800\n")))["KFLOWD_FILE"]


def test_names_of_fields() -> None:
    """Two keys never have one, and none is longer than a journal takes."""
    assert field_name("FileEvents", "MODIFY") == "KFLOWD_FILEEVENTS_MODIFY"
    assert field_name("SockTxFlags", "SYN-ACK") == "KFLOWD_SOCKTXFLAGS_SYN_ACK"
    for record in RECORDS:
        keys = record_keys(record)
        assert len({field_name(key) for key in keys}) == len(keys)
        assert max(map(len, map(field_name, keys))) <= 64 - len("_FIN-SYN-RST-PSH-ACK-URG")
