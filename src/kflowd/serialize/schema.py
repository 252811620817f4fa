# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of records, made from the blocks that records are made of."""

from typing import Any

from kflowd.serialize.blocks.socket import AppTx
from kflowd.serialize.keys import Key, keys_of
from kflowd.serialize.plugged import MESSAGES_PATTERN
from kflowd.serialize.record import RECORDS, Record, block_types

DIALECT = "https://json-schema.org/draft/2020-12/schema"
WEEKDAY_TIME = r"^[A-Z][a-z]{2}, [A-Z][a-z]{2} \d{2} -?\d+ \d{2}:\d{2}:\d{2}\.\d{9} UTC$"
# by the kind of a key, as the forms json and json-min write it
VALUES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "duration": {"type": "number", "minimum": 0},
    "change": {"type": "number"},
    "time": {"type": "string", "pattern": WEEKDAY_TIME},
    "instant": {"type": "string", "format": "date-time"},
    "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    "strings": {"type": "array", "items": {"type": "string"}},
    "ints": {"type": "array", "items": {"type": "integer"}},
    "object": {"type": "object", "additionalProperties": {"type": "string"}},
    "objects": {"type": "array", "items": {"type": "object"}},
    "values": {"type": "object"},
}


def schema(version: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of every record, one definition for each kind.

    Args:
        version: Of kflowd, for the title.
    """
    kinds = {name_of(record): record for record in RECORDS}
    return {
        "$schema": DIALECT,
        "title": f"Records of kflowd {version}",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in kinds],
        "$defs": {name: definition(record) for name, record in kinds.items()},
    }


def name_of(record: type[Record]) -> str:
    """Return what a kind of record is called in the schema; the two ends of a socket are one."""
    return record.__name__.removesuffix("Record").replace("Server", "").lower() or "socket"


def definition(record: type[Record]) -> dict[str, Any]:
    """Return the schema of one kind of record: all keys that it can have, and no others.

    Where there are messages, those that plugins read have keys of the same form.
    """
    blocks = block_types(record).values()
    speaks = any(issubclass(block, AppTx) for block, _ in blocks)
    plugins = {"patternProperties": {MESSAGES_PATTERN: VALUES["objects"]}} if speaks else {}
    return {
        "type": "object",
        "properties": {
            key.name: _value(key, record) for block, _ in blocks for key in keys_of(block)
        },
        "required": [
            key.name
            for block, may_be_missing in blocks
            for key in keys_of(block)
            if not (may_be_missing or key.optional)
        ],
        **plugins,
        "additionalProperties": False,
    }


def _value(key: Key, record: type[Record]) -> dict[str, Any]:
    about = f"{key.legend}; if {key.when}" if key.when else key.legend
    value = {"const": record.MONITOR} if key.name == "InfoMonitor" else VALUES[key.kind]
    return {"description": about, **value}
