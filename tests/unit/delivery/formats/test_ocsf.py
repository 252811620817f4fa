# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from kflowd.delivery.formats import FORMATS
from kflowd.delivery.formats.ocsf import KINDS
from kflowd.delivery.formats.ocsf_event import EVERY, OWNER
from kflowd.model import Counters, EnrichedFile, EnrichedProcess
from kflowd.serialize import Builder, Record, UserCounters
from kflowd.serialize.blocks.file import FILE_EVENTS
from kflowd.serialize.keys import Counts, keys_of
from kflowd.serialize.record import block_types
from tests.unit.delivery.formats.hostile import TEXTS, holding, whole_records
from tests.unit.delivery.formats.ocsf_schema import check, event
from tests.unit.delivery.formats.placed import changes
from tests.unit.delivery.formats.test_ecs import RECORDS as OF_ECS
from tests.unit.delivery.make import health
from tests.unit.make import COUNTERS, actor, file, lived, seen
from tests.unit.serialize.text import builder

WRITE, AS_JSON = FORMATS["ocsf"](), FORMATS["json-min"]()
RECORDS: tuple[Record, ...] = (*OF_ECS, *whole_records())
# Keys that are known together or not at all.
TOGETHER = (
    {"ProcPPID", "ProcPID", "ProcTID", "ProcUID", "ProcGID"},
    {"SockRemoteIP", "SockRemotePort"},
    {"FileEventsFailed", "FileError"},
)


def placed_of(record: Record) -> frozenset[str]:
    """Return the keys that have attributes of their own in records of a kind."""
    of_kind = next(kind.placed for of, kind in KINDS.items() if isinstance(record, of))
    if "ProcPID" not in json.loads(AS_JSON(record)):
        return EVERY | of_kind - {"ProcAge"}
    return EVERY | OWNER | of_kind


def nothing_is_lost(record: Record) -> None:
    """Compare an event with the record: what has no attribute is below `unmapped`, as it is."""
    made, keys = event(record), json.loads(AS_JSON(record))
    rest = {key: value for key, value in keys.items() if key not in placed_of(record)}
    found = made["unmapped"]
    if "FileOrigin" in rest and "FileOrigin" not in found:
        assert made["file"]["name"] == rest.pop("FileOrigin")
    assert found == rest


@pytest.mark.parametrize("record", RECORDS)
def test_events_are_as_ocsf_says(record: Record) -> None:
    """By its schema, and nothing of the record is missing."""
    nothing_is_lost(record)


@pytest.mark.parametrize("record", RECORDS)
def test_what_has_an_attribute_is_told_by_it(record: Record) -> None:
    """Another value of the record is another event, outside `unmapped`."""
    before = event(record) | {"unmapped": {}}
    for name, changed in changes(record, placed_of(record)):
        after = json.loads(WRITE(changed)) | {"unmapped": {}}
        assert after != before, name


def test_the_schema_finds_faults() -> None:
    """What is not in the class, what is missing, what is of another type or number."""
    made = event(RECORDS[0])
    for wrong in (
        made | {"other": 1},
        {key: value for key, value in made.items() if key != "device"},
        made | {"time": "2026-01-01"},
        made | {"type_uid": 100199},
        made | {"actor": {}},
    ):
        with pytest.raises((jsonschema.ValidationError, AssertionError)):
            check(wrong)


@st.composite
def less_known(draw: st.DrawFn) -> Record:
    """Return a record of which less is known, and whose numbers may be any."""
    record = draw(st.sampled_from(RECORDS))
    parts: dict[str, Any] = {}
    for member, (block, optional) in block_types(type(record)).items():
        old = getattr(record, member)
        if old is None:
            continue
        if optional and member not in ("age", "details") and draw(st.booleans()):
            parts[member] = None
            continue
        drawn: dict[str, Any] = {
            key.name: draw(st.sampled_from((UNSET, getattr(old, key.name))))
            for key in keys_of(block)
            if key.optional and not (key.name in TOGETHER[0] and record.MONITOR == "process")
        }
        for names in TOGETHER:
            if UNSET in {drawn.get(name, 0) for name in names}:
                drawn |= dict.fromkeys(names & drawn.keys(), UNSET)
        drawn |= {
            key.name: draw(st.integers(0, 2**63 - 1))
            for key in keys_of(block)
            if key.kind in ("int", "duration") and not key.optional and "Port" not in key.name
        }
        parts[member] = msgspec.structs.replace(old, **drawn)
    if "app" in parts and parts["app"] is None:
        parts |= {"app_tx": None, "app_rx": None}
    changed: Record = msgspec.structs.replace(record, **parts)
    return changed


@given(less_known())
@settings(deadline=None, max_examples=200)
def test_what_is_not_known_is_not_there(record: Record) -> None:
    """Whatever is missing, the event is valid, and what is known is all there."""
    nothing_is_lost(record)


@given(st.sampled_from(RECORDS), TEXTS)
@settings(deadline=None)
def test_texts_that_others_choose(record: Record, text: str) -> None:
    """They are values and nothing else; what is no UTF-8 is told as well as JSON can."""
    host = msgspec.structs.replace(holding(record.host, text), InfoHostIP="192.0.2.1")
    made = msgspec.structs.replace(holding(record, text), host=host)
    nothing_is_lost(made)
    assert event(made)["type_uid"] == event(record)["type_uid"]


def file_event(**changes: Any) -> dict[str, Any]:
    return event(builder().file(EnrichedFile(actor(seen=seen(exe="/bin/x")), file(**changes))))


@pytest.mark.parametrize(
    ("counts", "number", "name"),
    [
        ({"CREATE": 1, "OPEN": 2, "MODIFY": 3}, 1, "Create"),
        ({"DELETE": 1, "MODIFY": 1}, 4, "Delete"),
        ({"MODIFY": 1, "OPEN": 1, "ATTRIB": 1, "CLOSE_WRITE": 1}, 3, "Update"),
        ({"ATTRIB": 1, "ACCESS": 1}, 6, "Set Attributes"),
        ({"ACCESS": 1, "OPEN": 1}, 2, "Read"),
        ({"OPEN_EXEC": 1}, 14, "Open"),
        ({"OPEN": 1, "CLOSE_NOWRITE": 1}, 14, "Open"),
        ({"CLOSE_WRITE": 1}, 99, "Close"),
        ({}, 0, "Unknown"),
    ],
)
def test_what_happened_to_a_file(counts: dict[str, int], number: int, name: str) -> None:
    """The activity is that which says most; the counts of all are there, too."""
    made = file_event(counts=tuple(counts.get(it, 0) for it, _ in FILE_EVENTS))
    assert (made["activity_id"], made["activity_name"]) == (number, name)
    assert made["count"] == sum(counts.values())
    assert made["unmapped"]["FileEvents"] == counts
    assert made["status_id"] == 1


def test_a_file_that_was_renamed() -> None:
    """It is the old name that was renamed, and the new file that came of it."""
    moved = tuple(int(name.startswith("MOVED")) for name, _ in FILE_EVENTS)
    made = file_event(counts=moved, origin="old.txt", path="/tmp/new.txt")
    assert made["activity_name"] == "Rename"
    assert made["file"] == {
        "name": "old.txt", "type_id": 1, "uid": made["file_result"]["uid"],
    }  # fmt: skip
    assert made["file_result"]["path"] == "/tmp/new.txt"
    assert made["file_result"]["parent_folder"] == "/tmp"
    assert made["file_result"]["ext"] == "txt"
    removed = tuple(
        it + int(name == "DELETE") for it, (name, _) in zip(moved, FILE_EVENTS, strict=True)
    )
    made = file_event(counts=removed, origin="old.txt", path="/tmp/new.txt")
    assert (made["activity_name"], made["file"]["name"]) == ("Delete", "new.txt")
    assert made["unmapped"]["FileOrigin"] == "old.txt"


def test_a_file_that_could_not_be_used() -> None:
    """The activity is that which failed, with the word of the kernel."""
    (record,) = (it for it in RECORDS if "FileError" in json.loads(AS_JSON(it)))
    made = event(record)
    failed = made["unmapped"]["FileEventsFailed"]
    assert (made["status_id"], made["count"]) == (2, sum(failed.values()))
    assert made["status_code"] == json.loads(AS_JSON(record))["FileError"]


@pytest.mark.parametrize(
    ("counts", "name", "launch", "actor_pid"),
    [
        ({"EXEC": 3, "FORK": 1, "EXIT": 1}, "Terminate", None, 100),
        ({"EXEC": 1, "FORK": 1}, "Launch", 1, 50),
        ({"EXEC": 1}, "Launch", 3, 50),
        ({"FORK": 1}, "Launch", 2, 50),
        ({}, "Interim", None, 100),
    ],
)
def test_what_became_of_a_process(
    counts: dict[str, int], name: str, launch: int | None, actor_pid: int
) -> None:
    """Who launches is the parent; who ends is the process itself."""
    record = builder().process(EnrichedProcess(actor(), lived()))
    life = msgspec.structs.replace(record.lifetime, ProcEvents=Counts(tuple(counts.items())))
    made = event(msgspec.structs.replace(record, lifetime=life))
    assert made["activity_name"] == name
    assert made.get("launch_type_id") == launch
    assert made["actor"]["process"]["pid"] == actor_pid
    assert made["process"]["pid"] == 100
    assert made["exit_code"] == 0
    assert made["process"]["terminated_time"] > made["process"]["created_time"]


def test_health() -> None:
    """It is an event of no class; losses are worse than none."""
    made = event(health())
    assert (made["class_uid"], made["severity_id"], made["status_id"]) == (0, 1, 1)
    assert made["message"] == "nothing was lost"
    lossy = Builder().health(Counters(1, (0, 0, 3, *(0,) * (COUNTERS - 3)), 0), UserCounters())
    made = event(lossy)
    assert (made["severity_id"], made["status_id"]) == (3, 2)
    assert made["message"] == "lost: FileLostMap=3"
    assert made["unmapped"]["HealthFileLostMap"] == 3
