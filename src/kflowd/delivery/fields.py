# SPDX-License-Identifier: Apache-2.0
"""The fields that records can have, by their names: what `where` of an output can be about."""

import functools
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from kflowd.serialize import RECORDS, Record
from kflowd.serialize.blocks.file import FILE_EVENTS
from kflowd.serialize.blocks.health import OUTPUT
from kflowd.serialize.blocks.integrity import STATE
from kflowd.serialize.blocks.lifetime import PROCESS_EVENTS
from kflowd.serialize.keys import Counts, keys_of
from kflowd.serialize.record import block_types
from kflowd.serialize.values import flag_names

# Takes the value of a field, UNSET if it is not there.
Getter = Callable[[Any], Any]

_FILE_EVENTS = dict.fromkeys((name for name, _ in FILE_EVENTS), "int")
_FLAGS = dict.fromkeys(map(flag_names, range(64)), "int")
_NUMBERS = {"Size", "UID", "GID", "Inode", "Links"}
_WITHOUT = {"Flags", "ACL", "Xattrs"}
_STATE = {it: "int" if it in _NUMBERS else "str" for it in STATE if it not in _WITHOUT}
_ENTRY = {"Kind": "str", "Name": "str"}
# Of fields with members: which there are, and of what kind.
MEMBERS: Mapping[str, Mapping[str, str]] = {
    "FileEvents": _FILE_EVENTS,
    "FileEventsFailed": _FILE_EVENTS,
    "ProcEvents": dict.fromkeys(PROCESS_EVENTS, "int"),
    "SockTxFlags": _FLAGS,
    "SockRxFlags": _FLAGS,
    "ProcContainer": {"Id": "str", "Runtime": "str"},
    "ProcAncestors": {"Pid": "int", "Name": "str"},
    "SockUsers": {"Proc": "str", "ProcPID": "int", "TxBytes": "int", "RxBytes": "int"},
    "FimBefore": _STATE,
    "FimAfter": _STATE,
    "FimAdded": _ENTRY,
    "FimRemoved": _ENTRY,
    "HealthOutputs": {it: "str" if it in {"Name", "State"} else "int" for it in OUTPUT},
}


@functools.cache
def fields() -> Mapping[str, str]:
    """Return the kind (`kflowd.serialize.keys.Key.kind`) of each field that a record can have."""
    return {
        key.name: key.kind
        for record in RECORDS
        for block, _ in block_types(record).values()
        for key in keys_of(block)
    }


def getter(record: type[Record], name: str) -> Getter | None:
    """Return what takes a field of records of a kind, None: they never have it."""
    for place, (block, may_be_missing) in block_types(record).items():
        if name in block.__struct_fields__:
            return _optional(place, name) if may_be_missing else attrgetter(f"{place}.{name}")
    return None


def _optional(place: str, name: str) -> Getter:
    block_of, value_of = attrgetter(place), attrgetter(name)

    def get(record: Record) -> Any:  # noqa: ANN401 - of any kind
        block = block_of(record)
        return UNSET if block is None else value_of(block)

    return get


def member_getter(kind: str, member: str) -> Getter:
    """Return what takes a member of a field's value, UNSET if it is not there.

    Args:
        kind: Of the field; of a list of objects the members of all are taken, as a tuple.
        member: Its name.
    """
    if kind in {"object", "values"}:
        return lambda value: value.get(member, UNSET)

    def counted(value: Counts) -> Any:  # noqa: ANN401 - a number, or UNSET
        for name, count in value.pairs:
            if name == member:
                return count
        return UNSET

    def of_all(values: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - of any kind
        return tuple(it[member] for it in values if member in it) or UNSET

    return counted if kind == "counts" else of_all
