# SPDX-License-Identifier: Apache-2.0
"""Recordings: what came from the kernel, in a file, and back.

A recording is the stream of records as the drain hands it out, each beginning at a multiple of 8
bytes, behind one session record with what else a replay needs to know. All layouts are the
contract's; a file of another version is refused.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from kflowd import contract
from kflowd.closeable import Closeable
from kflowd.errors import RecordingError

ALIGNMENT = 8
CHUNK_BYTES = 1 << 20
# far above the longest record the contract allows; what is longer is no recording
MAX_RECORD_BYTES = 1 << 22

_Result = TypeVar("_Result")


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the session record says: of the host, and the tables by which names are found.

    Attributes:
        host_name, host_ip, system, kernel, version: As in the Info fields.
        users, groups: Names by number, as `name::number` lines: the form of the two files.
        mountinfo: Text of /proc/self/mountinfo.
        interfaces: (index, name, MAC address) of each.
        net_ns: Inode number of the network namespace that the interfaces belong to, 0 unknown.
        idle_ns, export_at: Settings of the run that decide how records look; 0: the default.
    """

    host_name: str = ""
    host_ip: str = "0.0.0.0"
    system: str = ""
    kernel: str = ""
    version: str = ""
    users: str = ""
    groups: str = ""
    mountinfo: str = ""
    interfaces: list[tuple[int, str, str]] = []
    net_ns: int = 0
    idle_ns: int = 0
    export_at: int = 0


class SessionHead(msgspec.Struct, frozen=True):
    """First record of a recording: times in nanoseconds, `hz` the kernel's, 0 if unknown."""

    start_ns: int
    realtime_offset_ns: int
    hz: int
    facts: SessionFacts


def encode_session(head: SessionHead) -> bytes:
    """Return the session record, padded to the alignment of records."""
    text = msgspec.json.encode(head.facts)
    layout = contract.layout("struct kf_session_record")
    constants = contract.constants()
    named = {
        "hdr.kind": constants["KF_KIND_SESSION"],
        "hdr.version": constants["KF_VERSION"],
        "hdr.size": layout.size + len(text),
        "hdr.ts_ns": head.start_ns,
        "realtime_offset_ns": head.realtime_offset_ns,
        "hz": head.hz,
        "facts_len": len(text),
    }
    values = [0] * len(layout.index)
    for name, value in named.items():
        values[layout.index[name]] = value
    return _padded(layout.unpacker.pack(*values) + text)


def decode_session(record: bytes) -> SessionHead:
    """Read a session record.

    Raises:
        RecordingError: If it is damaged, or one of another version.
    """
    layout = contract.layout("struct kf_session_record")
    constants = contract.constants()
    try:
        values = layout.unpack_from(record)
        at = layout.index
        if values[at["hdr.version"]] != constants["KF_VERSION"]:
            raise RecordingError(
                f"it has version {values[at['hdr.version']]} of the contract, "
                f"this program reads {constants['KF_VERSION']}"
            )
        text = record[layout.size : layout.size + values[at["facts_len"]]]
        facts = msgspec.json.decode(text, type=SessionFacts)
    except (struct.error, msgspec.MsgspecError, UnicodeDecodeError):
        raise RecordingError("its first record is damaged") from None
    return SessionHead(
        values[at["hdr.ts_ns"]], values[at["realtime_offset_ns"]], values[at["hz"]], facts
    )


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
    """Reads a recording: `head`, then `batches()` once.

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
            self._first, self.head = self._begin()
        except (OSError, RecordingError) as error:
            self._file.close()
            reason = error.strerror if isinstance(error, OSError) else error
            raise RecordingError(f"reading {path}: {reason}") from None

    def _begin(self) -> tuple[bytes, SessionHead]:
        header = self._file.read(contract.layout("struct kf_header").size)
        _check_kind(header)
        size = _aligned(_record_size(header, 0))
        first = header + self._file.read(size - len(header))
        return first, decode_session(first)

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


def _check_kind(header: bytes) -> None:
    layout = contract.layout("struct kf_header")
    wanted = contract.constants()["KF_KIND_SESSION"]
    if len(header) < layout.size or layout.unpack_from(header)[layout.index["kind"]] != wanted:
        raise RecordingError("it is no recording of kflowd")


def _whole(buffer: bytes) -> tuple[int, str]:
    """Return the length of the whole records at the start of `buffer`, and what is wrong behind."""
    end = 0
    header_size = contract.layout("struct kf_header").size
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
    header = contract.layout("struct kf_header")
    if len(buffer) - offset < header.size:
        raise RecordingError("it is no recording of kflowd")
    size: int = header.unpack_from(buffer, offset)[header.index["size"]]
    if not header.size <= size <= MAX_RECORD_BYTES:
        raise RecordingError(f"a record has the impossible size {size}")
    return size


def _aligned(size: int) -> int:
    return size + -size % ALIGNMENT


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
