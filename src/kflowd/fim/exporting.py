# SPDX-License-Identifier: Apache-2.0
"""The accepted states as a file for another host: canonical JSON, one name on a line.

Keys are sorted, without blanks between; names stand in the order of a walk. So two exports of one
state have the same bytes.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from kflowd.errors import FimError
from kflowd.fim.compare import described
from kflowd.fim.judging import state_of
from kflowd.fim.store import Row, Store

VERSION = 1
_encoder = msgspec.json.Encoder(order="sorted")


def lines(store: Store, about: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the lines of an export.

    Args:
        store: Of all names.
        about: What stands above them: host, version.

    Raises:
        FimError: A state was changed by another program.
    """
    head = _encoder.encode({**about, "Format": VERSION})[:-1]
    yield head + b',"Names":[\n'
    before = b""
    for row in store.everything():
        if row.accepted is not None:
            store.verify(row)
            yield before + _encoder.encode(_entry(row))
            before = b",\n"
    yield b"\n]}\n"


def write(path: Path, store: Store, about: Mapping[str, Any]) -> int:
    """Write an export; return how many names it has.

    Raises:
        FimError: It is there already, cannot be written, or a state was changed.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(path, flags, 0o600), "wb") as file:
            count = -2  # head and end
            for line in lines(store, about):
                file.write(line)
                count += 1
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FimError(f"writing {path}: {error.strerror}") from None
    return count


def _entry(row: Row) -> dict[str, Any]:
    state = state_of(row.accepted, row.path)
    assert state is not None  # noqa: S101 - who calls has looked
    found = described(state)
    if "Target" in found:
        found["Target"] = (
            found["Target"].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        )
    found |= {"Rule": row.rule, "BirthTime": state.birth_ns, "Generation": state.generation}
    try:
        found["Path"] = row.path.decode()
    except UnicodeDecodeError:  # as text it could be another one's
        found["PathHex"] = row.path.hex()
    return {key: value for key, value in found.items() if value is not None}
