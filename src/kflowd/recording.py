# SPDX-License-Identifier: Apache-2.0
"""Recordings: what came from the kernel, in a file, and back.

A recording is the stream of records as the drain hands it out, each beginning at a multiple of 8
bytes, behind one session record with what else a replay needs to know. All layouts are the
contract's; a file of another version is refused.
"""

import io
import os
import select
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from kflowd import contract
from kflowd.closeable import Closeable
from kflowd.constants import ALIGNMENT
from kflowd.errors import RecordingError
from kflowd.model import Session
from kflowd.records import Decoder
from kflowd.records.header import HEADER, MAX_RECORD_BYTES

CHUNK_BYTES = 1 << 20
STDIN = 0
STANDARD_INPUT = Path("-")
# a recording tells of all users
MODE = 0o600

_READ_HEAD = contract.reader(HEADER, "kind", "version")
_READ_SIZE = contract.reader(HEADER, "size")
# Regular files alone: a FIFO or a terminal can keep the run waiting, a device does not give back
# what it was given, and a link that others laid leads root elsewhere.
OPEN_FLAGS = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _ignore(_line: str) -> None:
    """Take a line for nobody."""


class Recorder(Closeable):
    """Writes a recording; what `write` took is in the file.

    A file that takes no more, on a full disk, ends the recording and not the run: it is cut at
    the last whole record, and what comes later is counted.

    Args:
        path: File to write, for its owner alone; an old one is replaced when the session is
            written, not before.
        say: Takes a line at once when the recording ends early.

    Attributes:
        failure: Why the recording ended early.
        lost: Records that it lacks since.

    Raises:
        RecordingError: The file cannot be opened, or is no regular file.
    """

    def __init__(self, path: Path, say: Callable[[str], None] = _ignore) -> None:
        self.failure: RecordingError | None = None
        self.lost = 0
        self._path = path
        self._say = say
        self._written = 0  # bytes, up to the end of a record
        self._begun = False
        try:
            self._file, self._made = self._open()
        except OSError as error:
            raise RecordingError(f"writing {path}: {error.strerror}") from None

    def _open(self) -> tuple[int, bool]:
        """Open the file; say whether it is new."""
        try:
            return os.open(self._path, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, MODE), True
        except FileExistsError:
            # asked before it is opened: that can have an effect on a device
            self._check(os.lstat(self._path).st_mode)
        number = os.open(self._path, OPEN_FLAGS)
        try:
            self._check(os.fstat(number).st_mode)
        except RecordingError:
            os.close(number)
            raise
        return number, False

    def _check(self, mode: int) -> None:
        if not stat.S_ISREG(mode):
            kind = KINDS.get(stat.S_IFMT(mode), "no regular file")
            raise RecordingError(f"writing {self._path}: it is {kind}", "give a regular file")

    def begin(self, session: bytes) -> None:
        """Empty the file and write the encoded session record."""
        self._begun = True
        if not self._made:
            # for who cannot change it the file is what it was, as on a file system without modes
            with suppress(OSError):
                os.fchmod(self._file, MODE)
        self._attempt(lambda: os.ftruncate(self._file, 0))
        self.write(session)

    def write(self, batch: bytes | memoryview) -> None:
        """Append a batch of records."""
        data = bytes(batch) + bytes(-len(batch) % ALIGNMENT)
        whole = self._append(data) if self.failure is None else 0
        if whole < len(data):
            self.lost += count_records(data[whole:])

    def _append(self, data: bytes) -> int:
        """Write data; return how many bytes of it are whole records in the file."""
        done = 0

        def write() -> None:
            nonlocal done
            while done < len(data):
                done += os.write(self._file, data[done:] if done else data)

        self._attempt(write)
        whole = done if done == len(data) else _whole(data[:done])[0]
        self._written += whole
        if whole < len(data):
            self._attempt(lambda: os.ftruncate(self._file, self._written))
        return whole

    def close(self) -> None:
        """Close the file, and remove it if it is new and nothing was to be written."""
        if self._file < 0:
            return
        number, self._file = self._file, -1
        if self._made and not self._begun:
            self._path.unlink(missing_ok=True)
        # a file system across the network may refuse here what it took before
        self._attempt(lambda: os.close(number))

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            if self.failure is None:
                self.failure = RecordingError(f"writing {self._path}: {error.strerror}")
                self._say(f"{self.failure}; the recording ends here")


def count_records(batch: bytes | memoryview) -> int:
    """Return how many records a batch has."""
    data, count, at = bytes(batch), 0, 0
    header_size = contract.layout(HEADER).size
    while at + header_size <= len(data):
        count += 1
        try:
            at += _aligned(_record_size(data, at))
        except RecordingError:
            break
    return count


class _Input(io.RawIOBase):
    """Standard input as what a BufferedReader reads; it may be one that does not wait by itself."""

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Wait for bytes; return how many there are, 0 at the end."""
        select.select([STDIN], [], [])
        return os.readv(STDIN, [buffer])


class Recording:
    """Reads a recording: `session`, then `batches()` once.

    Args:
        path: Of the file; "-" is standard input.

    Raises:
        RecordingError: If it cannot be read or is no recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = "standard input" if path == STANDARD_INPUT else str(path)
        try:
            self._file = self._open(path)
        except OSError as error:
            raise RecordingError(f"reading {self._path}: {error.strerror}") from None
        try:
            self._first, self.session = self._begin()
        except (OSError, RecordingError) as error:
            self._file.close()
            reason = error.strerror if isinstance(error, OSError) else error
            raise RecordingError(f"reading {self._path}: {reason}") from None

    def _open(self, path: Path) -> io.BufferedReader:
        if path != STANDARD_INPUT:
            return path.open("rb")
        if os.isatty(STDIN):
            raise RecordingError(f"reading {self._path}: it is a terminal", "give it a recording")
        return io.BufferedReader(_Input())

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
            # what is there: who writes into a pipe may take its time
            while not problem and (chunk := self._file.read1(CHUNK_BYTES)):
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
