# SPDX-License-Identifier: Apache-2.0
"""Whole records: raw bytes in, each key of the text out."""

import importlib
import json
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

import pytest

from tests.unit.whole.check import CASES, all_hold, exit_holds, records
from tests.unit.whole.common import Keys
from tests.unit.whole.mutants import in_place, mutants, original

# every module between the bytes and the record, with what no record tells of
MODULES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            *("records.file", "records.socket", "records.process", "records.unix"),
            *("records.counters", "records.path", "records.session", "records.header", "records"),
            *("serialize.file", "serialize.socket", "serialize.process", "serialize.build"),
            *("serialize.values", "serialize.community"),
        ),
        frozenset(),
    ),
    # whether they are the same
    "serialize.socket": frozenset({"user.process", "value.actor.process"}),
    # whether there are any of either; records.usage, next, reads them
    "records.socket": frozenset({"rest_tx", "rest_rx"}),
    "records.unix": frozenset({"rest_tx", "rest_rx"}),
    **dict.fromkeys(("records.usage", "aggregate.usage"), frozenset()),
    # who forked a process finds its program, and no record tells of it: records/test_process.py
    "records.process": frozenset({"creator_start_ns", "creator_tgid"}),
    # the first is an iterator, so that an error goes on with the next value: swapped it never ends
    "pipeline": frozenset({"rest", "records"}),
    # of two types, so mypy sees them swapped; that each is right is for serialize/test_build.py
    # no case is strict or has versions: that too is for serialize/test_build.py
    # no case has messages: serialize/test_messages.py
    "serialize.build": frozenset(
        {
            *("HealthOutputLost", "HealthOutputs", "strict", "versions"),
            *("app", "app_tx", "app_rx"),
            # a flow of a capture: test_decoding.py
            *(
                "FlowRecord",
                "EnrichedSocket(NOBODY, aggregate, notes=notes)",
                "NOBODY",
                "aggregate",
            ),
            *("details", "rx"),
        }
    ),
    # parts are added up in any order, and any of the events ends a file
    "aggregate.file": frozenset(
        {
            *("earlier", "value", "one.counts", "other.counts"),
            *("FileEvent.CLOSE_WRITE", "FileEvent.CLOSE_NOWRITE"),
            *("FileEvent.MOVED_TO", "FileEvent.DELETE"),
        }
    ),
    # counters that have told, before there is a difference, how much payload there was
    "aggregate.socket": frozenset(
        {
            *("bytes_received", "segs_out", "segs_in", "data_segs_out", "data_segs_in"),
            *("value.segs_out", "earlier.segs_out", "value.segs_in", "earlier.segs_in"),
            *("value.data_segs_out", "earlier.data_segs_out"),
            *("value.data_segs_in", "earlier.data_segs_in"),
        }
    ),
}
# the owner among the users stands twice
DISTINCT = [
    keys
    for name, case in CASES.items()
    if "no owner" not in name and "used" not in name
    for keys in case.records
]


def leaves(value: Any) -> Iterator[Any]:
    """Yield the values in a value."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


def holds_with(module: ModuleType, code: CodeType) -> bool:
    """Say whether all records are as expected when other code runs in place of a module."""
    try:
        with in_place(module, code):
            return all_hold()
    except Exception:  # noqa: BLE001 - it cannot even be loaded
        return False


@pytest.mark.parametrize("name", CASES)
def test_each_field_comes_from_its_member(name: str) -> None:
    """The whole record is what is expected, in its order."""
    found, expected = records(name), list(CASES[name].records)
    assert found == expected
    assert json.dumps(found) == json.dumps(expected)


# counted by records that left the kernel without a path, and this stream has none
NONE_THERE = {"HealthPathLostRing"}
# the first of them is the parent, which ProcPPID and ProcParent tell too
TOLD_AGAIN = {"ProcAncestors", "ProcEvents", "ProcEndTime"}


@pytest.mark.parametrize("keys", DISTINCT)
def test_no_value_stands_twice(keys: Keys) -> None:
    """Each field has another value, so that no two can be swapped unseen."""
    none = NONE_THERE | TOLD_AGAIN | ({"FileEventCount"} if "FileEventsFailed" in keys else set())
    values = [each for key in keys if key not in none for each in leaves(keys[key])]
    assert len(set(values)) == len(values)
    assert all(values)


def test_what_no_record_tells_is_read_as_it_is() -> None:
    """The end of a process is read whole; other stages act on it."""
    assert exit_holds()


@pytest.mark.parametrize("name", MODULES)
def test_no_two_neighbours_can_be_swapped(name: str) -> None:
    """Whichever neighbours change places in a module, some record is another one."""
    module = importlib.import_module(f"kflowd.{name}")
    assert holds_with(module, original(module)), "a module that nothing was swapped in is the same"
    survivors = [
        mutant.place
        for mutant in mutants(module)
        if not set(mutant.swapped) <= MODULES[name] and holds_with(module, mutant.code)
    ]
    assert not survivors
    assert all_hold(), "the original is not back"


def test_each_kind_of_neighbours_is_swapped() -> None:
    """The mutants above are those of a module, each another one."""
    module = importlib.import_module("kflowd.records.unix")
    places = [mutant.place for mutant in mutants(module)]
    assert len(set(places)) == len(places)
    ends = {place.partition(": ")[2] for place in places}
    assert {
        "tx_bytes <-> rx_bytes",  # by keyword, and unpacked
        "first_ns <-> last_ns",
        "flags <-> type_",  # unpacked
        "type <-> role",  # texts of a reader
        "batch <-> offset",  # by position
    } <= ends


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("serialize.file", "FileUID <-> FileGID"),
        ("serialize.process", "ProcPidNS <-> ProcNetNS"),
        ("serialize.socket", "SockTxPacketsRetrans <-> SockTxPacketsDups"),
    ],
)
def test_what_could_be_swapped_unseen_before_is_swapped(name: str, pair: str) -> None:
    """Pairs that a version before could have mixed up are among the mutants."""
    module = importlib.import_module(f"kflowd.{name}")
    assert any(mutant.place.endswith(f": {pair}") for mutant in mutants(module))
