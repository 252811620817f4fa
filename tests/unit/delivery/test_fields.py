# SPDX-License-Identifier: Apache-2.0
import re
from typing import Any

import pytest
from msgspec import UNSET

from kflowd.delivery.fields import MEMBERS, fields, getter, member_getter
from kflowd.serialize import RECORDS, HealthRecord
from kflowd.serialize.keys import Counts, keys_of
from kflowd.serialize.record import block_types, record_keys
from tests.unit.delivery.make import health, process_record
from tests.unit.whole.check import CASES, records

KINDS = {str: "str", int: "int"}


def members_of(value: Any) -> dict[str, Any]:
    """Return the members of what stands in a record."""
    each = value if isinstance(value, list) else [value]
    return {name: it for one in each if isinstance(one, dict) for name, it in one.items()}


def test_a_name_is_of_one_kind_in_all_records() -> None:
    """So an expression need not say which records it is about."""
    for record in RECORDS:
        for block, _ in block_types(record).values():
            assert all(fields()[key.name] == key.kind for key in keys_of(block))
    assert set(fields()) == {name for record in RECORDS for name in record_keys(record)}


def test_members_are_those_of_records() -> None:
    """Of all that the tests of whole records have."""
    found: dict[str, set[str]] = {}
    for case in CASES:
        for record in records(case):
            for key, value in record.items():
                for name, it in members_of(value).items():
                    assert MEMBERS[key][name] == KINDS[type(it)], (key, name)
                    found.setdefault(key, set()).add(name)
    for key in ("ProcContainer", "ProcAncestors", "SockUsers"):
        assert found[key] == set(MEMBERS[key])


def test_fields_with_members_are_all_there() -> None:
    """But for those of decoders that there are not yet, and what plugins name."""
    with_members = {
        key for key, kind in fields().items() if kind in {"counts", "object", "objects", "values"}
    }
    assert with_members - set(MEMBERS) == {
        key for key in with_members if re.match("App[TR]x|ProcLabels", key)
    }


def test_values_of_records() -> None:
    """Of a block that may be missing, too."""
    for record, name, value in (
        (process_record(), "ProcPID", process_record().process.ProcPID),  # type: ignore[attr-defined]
        (health(), "HealthOutputs", UNSET),
        (health(), "InfoMonitor", "health"),
    ):
        get = getter(type(record), name)
        assert get is not None
        assert get(record) == value
    assert getter(HealthRecord, "ProcUID") is None


@pytest.mark.parametrize(
    ("kind", "value", "member", "found"),
    [
        ("counts", Counts((("A", 1), ("B", 2))), "B", 2),
        ("counts", Counts((("A", 1),)), "B", UNSET),
        ("object", {"Id": "x"}, "Id", "x"),
        ("object", {}, "Id", UNSET),
        ("objects", [{"Pid": 1}, {}, {"Pid": 3}], "Pid", (1, 3)),
        ("objects", [], "Pid", UNSET),
    ],
)
def test_values_of_members(kind: str, value: Any, member: str, found: Any) -> None:
    """What is not there is not 0."""
    assert member_getter(kind, member)(value) == found
