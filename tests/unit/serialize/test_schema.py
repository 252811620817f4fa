# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import fastjsonschema
import pytest

from kflowd import cli
from kflowd.delivery.formats import FORMATS
from kflowd.serialize import Record
from kflowd.serialize.keys import keys_of
from kflowd.serialize.record import RECORDS, block_types, record_keys
from kflowd.serialize.schema import VALUES, name_of, schema
from tests.unit.delivery.make import health
from tests.unit.serialize.samples import SAMPLES

SCHEMA = schema("0")
VALID = fastjsonschema.compile(SCHEMA)
MADE: dict[str, Record] = {name: make() for name, make in SAMPLES.items()} | {"health": health()}


def read(record: Record, form: str = "json-min") -> dict[str, Any]:
    """Return a record as it is read; one of the contract's samples lacks the uptime by a slip."""
    found: dict[str, Any] = json.loads(FORMATS[form]()(record))
    return {"InfoUptime": 0.5} | found


@pytest.mark.parametrize("name", MADE)
def test_records_are_as_it_says(name: str) -> None:
    """In both forms."""
    for form in ("json", "json-min"):
        VALID(read(MADE[name], form))


@pytest.mark.parametrize("name", MADE)
def test_other_records_are_not(name: str) -> None:
    """A key too many, one too few, one of another type, another kind of record."""
    record = read(MADE[name])
    wrong = [
        record | {"Further": 1},
        {key: value for key, value in record.items() if key != "InfoSequenceNumber"},
        record | {"InfoSequenceNumber": "1"},
        record | {"InfoUptime": -1},
        record | {"InfoTimestamp": "2026-01-01"},
        record | {"InfoMonitor": "other"},
    ]
    for each in wrong:
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            VALID(each)


def test_each_key_of_each_kind_is_in_it() -> None:
    """With what it means; the two ends of a socket have the same keys."""
    assert set(SCHEMA["$defs"]) == {
        "file",
        "socket",
        "flow",
        "unix",
        "process",
        "health",
        "integrity",
    }
    for record in RECORDS:
        properties = SCHEMA["$defs"][name_of(record)]["properties"]
        assert set(properties) == set(record_keys(record))
        assert all(each["description"] for each in properties.values())
    kinds = {
        key.kind
        for record in RECORDS
        for block, _ in block_types(record).values()
        for key in keys_of(block)
    }
    assert kinds == set(VALUES)


def test_the_command_prints_it(capfd: pytest.CaptureFixture[str]) -> None:
    """As JSON, and nothing else."""
    assert cli.run(["schema"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    printed = json.loads(out)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["$defs"] == SCHEMA["$defs"]
    assert cli.run(["schema", "x"]) == 2
