# SPDX-License-Identifier: Apache-2.0
"""Records with another value, for each key that a schema has a place for."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from kflowd.serialize import Record
from kflowd.serialize.keys import keys_of
from kflowd.serialize.record import block_types

# Keys that say what others say: a change of one alone cannot be, and would not be told.
SAID_TWICE = {"InfoTime": "InfoTimestamp", "FileEventCount": "FileEvents"}
# Other words, where not every word can be.
WORDS = {
    "SockProtocol": {"TCP": "UDP", "UDP": "TCP"},
    "SockRole": {"CLIENT": "SERVER", "SERVER": "CLIENT"},
    "SockFamily": {"AF_INET": "AF_INET6", "AF_INET6": "AF_INET"},
}


def changes(record: Record, placed: frozenset[str]) -> Iterator[tuple[str, Record]]:
    """Yield a record with another value, for each key that is placed."""
    for member, (block, _) in block_types(type(record)).items():
        old = getattr(record, member)
        for key in keys_of(block):
            value = UNSET if old is None else getattr(old, key.name)
            if value is UNSET or key.name in SAID_TWICE or key.name not in placed:
                continue
            new = other(key.name, value)
            changed = msgspec.structs.replace(old, **{key.name: new})
            yield key.name, msgspec.structs.replace(record, **{member: changed})


def other(name: str, value: Any) -> Any:
    """Return another value of the same kind."""
    if name in WORDS:
        return WORDS[name][value]
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "1"
    if isinstance(value, tuple):
        return (*value, "1")
    if isinstance(value, dict):
        return {key: it + "1" for key, it in value.items()}
    assert isinstance(value, list)
    return [*value, *value]
