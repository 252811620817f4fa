# SPDX-License-Identifier: Apache-2.0
"""Records as whoever reads their text sees them."""

import json
from typing import Any

from kflowd.delivery.formats import FORMATS
from kflowd.model import Session
from kflowd.serialize import Builder, Record
from tests.unit.make import named_file, named_socket, session


def builder(begin: Session | None = None, *, strict: bool = False) -> Builder:
    """Return a builder at the start of a session."""
    made = Builder(strict=strict)
    made.begin(session() if begin is None else begin)
    return made


def keys(record: Record) -> dict[str, Any]:
    """Return the keys and values in the text of a record."""
    values: dict[str, Any] = json.loads(FORMATS["json-min"]()(record))
    return values


def of_file(**changes: Any) -> dict[str, Any]:
    """Return the text's keys of a file aggregate with some other members."""
    return keys(builder().file(named_file(**changes)))


def of_socket(**changes: Any) -> dict[str, Any]:
    """Return the text's keys of a socket aggregate with some other members."""
    return keys(builder().socket(named_socket(**changes)))
