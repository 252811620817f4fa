# SPDX-License-Identifier: Apache-2.0
"""States for tests."""

from typing import Any

from kflowd.fim.state import State


def state(**changes: Any) -> State:
    """Return the state of a regular file."""
    values: dict[str, Any] = {
        "type": "regular",
        "size": 3,
        "mode": 0o644,
        "uid": 1,
        "gid": 2,
        "user": "u",
        "group": "g",
        "device": 0x801,
        "inode": 7,
        "links": 1,
        "mtime_ns": 10,
        "ctime_ns": 11,
        "generation": 5,
        "birth_ns": 9,
        "sha256": b"\1" * 32,
    }
    return State(**{**values, **changes})
