# SPDX-License-Identifier: Apache-2.0
"""Whether events are as OCSF 1.8.0 says, by the schema that another has made of it."""

import functools
import json
from typing import Any

import jsonschema
import msgspec
import ocsf_json_schema as ocsf  # type: ignore[import-untyped]

from kflowd.delivery.formats import FORMATS
from kflowd.serialize import Record

WRITE = FORMATS["ocsf"]()
VERSION = "1.8.0"


@functools.cache
def _schemas() -> ocsf.OcsfJsonSchemaEmbedded:
    return ocsf.OcsfJsonSchemaEmbedded(ocsf.get_ocsf_schema(VERSION))


@functools.cache
def _validator(class_uid: int, profiles: tuple[str, ...]) -> jsonschema.Draft202012Validator:
    schemas = _schemas()
    name = schemas.lookup_class_name_from_uid(class_uid)
    return jsonschema.Draft202012Validator(schemas.get_class_schema(name, list(profiles)))


def event(record: Record) -> dict[str, Any]:
    """Return the event of a record, which is as OCSF says; it is one of a run, which has a host."""
    if not record.host.InfoHostName:
        host = msgspec.structs.replace(record.host, InfoHostName="host.example")
        record = msgspec.structs.replace(record, host=host)
    made: dict[str, Any] = json.loads(WRITE(record))
    check(made)
    return made


def check(event: dict[str, Any]) -> None:
    """Compare an event with its class, and with what no schema can say.

    Raises:
        jsonschema.ValidationError: It is not as the schema says.
    """
    _validator(event["class_uid"], tuple(event["metadata"]["profiles"])).validate(event)
    assert event["metadata"]["version"] == VERSION
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    of = _schemas().schema.schema["classes"][
        _schemas().lookup_class_name_from_uid(event["class_uid"])
    ]
    assert event["class_name"] == of["caption"]
    words = of["attributes"]["activity_id"]["enum"]
    if event["activity_id"] != 99:  # the name of another one is free
        assert event["activity_name"] == words[str(event["activity_id"])]["caption"]
