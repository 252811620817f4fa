# SPDX-License-Identifier: Apache-2.0
"""The accepted states as a file for another host: canonical JSON, one name on a line.

Keys are sorted, without blanks between; names stand in the order of a walk. So two exports of one
state have the same bytes.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from kflowd.errors import FimError
from kflowd.fim.compare import described
from kflowd.fim.signing import signature_path
from kflowd.fim.state import state_of
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


def write(
    path: Path, store: Store, about: Mapping[str, Any], sign: Callable[[BinaryIO], bytes]
) -> int:
    """Write an export and its signature, or neither; return how many names it has.

    Args:
        path: Of the export.
        store: Of all names.
        about: What stands above them.
        sign: Returns the signature of the file, which is still open: nobody puts another there.

    Raises:
        FimError: One of both is there already, cannot be written, or a state was changed.
    """
    with _new(signature_path(path)) as signature, _new(path) as file:
        count = -2  # head and end
        for line in lines(store, about):
            file.write(line)
            count += 1
        file.flush()
        signature.write(sign(file))
    return count


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """Write a file that was not there; what fails leaves none.

    Raises:
        FimError: It is there, or cannot be written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        number = os.open(path, flags, 0o600)
        try:
            with open(number, "w+b") as file:
                yield file
                file.flush()
                os.fsync(number)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FimError(f"writing {path}: {error.strerror}") from None


def _entry(row: Row) -> dict[str, Any]:
    state = state_of(row.accepted, row.path)
    assert state is not None  # noqa: S101 - who calls has looked
    found: dict[str, Any] = described(state) | {"Target": None}
    found |= {"Rule": row.rule, "BirthTime": state.birth_ns, "Generation": state.generation}
    found |= _exactly("Path", row.path) | _exactly("Target", state.target)
    return {key: value for key, value in found.items() if value is not None}


def _exactly(name: str, value: bytes | None) -> dict[str, str | None]:
    try:
        return {name: None if value is None else value.decode()}
    except UnicodeDecodeError:  # as text it could be another one's
        return {f"{name}Hex": value.hex() if value else None}
