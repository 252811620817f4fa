# SPDX-License-Identifier: Apache-2.0
"""Recordings: what came from the kernel, in a file, and back.

A recording is the stream of records as the drain hands it out, each beginning at a multiple of 8
bytes, behind one session record with what else a replay needs to know. All layouts are the
contract's; a file of another version is refused.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from kflowd import contract
from kflowd.closeable import Closeable
from kflowd.constants import ALIGNMENT
from kflowd.errors import RecordingError
from kflowd.model import Session
from kflowd.records import Decoder
from kflowd.records.header import HEADER

CHUNK_BYTES = 1 << 20
# far above the longest record the contract allows; what is longer is no recording
MAX_RECORD_BYTES = 1 << 22

_READ_HEAD = contract.reader(HEADER, "kind", "version")
_READ_SIZE = contract.reader(HEADER, "size")
_Result = TypeVar("_Result")


class Recorder(Closeable):
    """Writes a recording.

    Args:
        path: File to write; an old one is replaced.
        session: The encoded session record.

    Raises:
        RecordingError: From each method, if the file cannot be written.
    """

    def __init__(self, path: Path, session: bytes) -> None:
        self._path = path
        self._file: BinaryIO = self._attempt(lambda: path.open("wb", buffering=CHUNK_BYTES))
        self.write(session)

    def write(self, batch: bytes | memoryview) -> None:
        """Append a batch of records."""
        self._attempt(lambda: self._file.write(batch))
        if rest := -len(batch) % ALIGNMENT:
            self._attempt(lambda: self._file.write(bytes(rest)))

    def close(self) -> None:
        """Write what is buffered and close."""
        self._attempt(self._file.close)

    def _attempt(self, action: Callable[[], _Result]) -> _Result:
        try:
            return action()
        except OSError as error:
            raise RecordingError(f"writing {self._path}: {error.strerror}") from None


class Recording:
    """Reads a recording: `session`, then `batches()` once.

    Raises:
        RecordingError: If the file cannot be read or is no recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise RecordingError(f"reading {path}: {error.strerror}") from None
        try:
            self._first, self.session = self._begin()
        except (OSError, RecordingError) as error:
            self._file.close()
            reason = error.strerror if isinstance(error, OSError) else error
            raise RecordingError(f"reading {path}: {reason}") from None

    def _begin(self) -> tuple[bytes, Session]:
        header = self._file.read(contract.layout(HEADER).size)
        _check_head(header)
        size = _aligned(_record_size(header, 0))
        first = header + self._file.read(size - len(header))
        for value in Decoder().decode(first):
            if isinstance(value, Session):
                return first, value
        raise RecordingError("its first record is damaged")

    def batches(self) -> Iterator[bytes]:
        """Yield the stream in pieces that end where a record ends, the session record first.

        Raises:
            RecordingError: At a damaged record, and at the end if the last record is cut; what is
                whole before it has been yielded.
        """
        offset, rest, problem = len(self._first), b"", ""
        with self._file:
            yield self._first
            while not problem and (chunk := self._file.read(CHUNK_BYTES)):
                buffer = rest + chunk
                end, problem = _whole(buffer)
                if end:
                    yield buffer[:end]
                offset, rest = offset + end, buffer[end:]
        if problem or rest:
            problem = problem or "the last record is cut"
            raise RecordingError(f"reading {self._path}: {problem}, at byte {offset}")


def _check_head(header: bytes) -> None:
    """Refuse what does not begin with a session of this version."""
    values = contract.constants()
    if len(header) < contract.layout(HEADER).size:
        raise RecordingError("it is no recording of kflowd")
    kind, version = _READ_HEAD(header, 0)
    if kind != values["KF_KIND_SESSION"]:
        raise RecordingError("it is no recording of kflowd")
    if version != values["KF_VERSION"]:
        raise RecordingError(
            f"it has version {version} of the contract, this program reads {values['KF_VERSION']}"
        )


def _whole(buffer: bytes) -> tuple[int, str]:
    """Return the length of the whole records at the start of `buffer`, and what is wrong behind."""
    end = 0
    header_size = contract.layout(HEADER).size
    while end + header_size <= len(buffer):
        try:
            size = _aligned(_record_size(buffer, end))
        except RecordingError as error:
            return end, str(error)
        if end + size > len(buffer):
            break
        end += size
    return end, ""


def _record_size(buffer: bytes, offset: int) -> int:
    size: int
    (size,) = _READ_SIZE(buffer, offset)
    if not contract.layout(HEADER).size <= size <= MAX_RECORD_BYTES:
        raise RecordingError(f"a record has the impossible size {size}")
    return size


def _aligned(size: int) -> int:
    return size + -size % ALIGNMENT
