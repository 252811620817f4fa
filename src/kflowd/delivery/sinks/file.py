# SPDX-License-Identifier: Apache-2.0
"""Records in a file, whole ones only, each on lines of its own."""

import errno
import os
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from kflowd.delivery.sinks.framing import NEWLINE, framed, taken
from kflowd.delivery.sinks.rotation import Rotation
from kflowd.settings import RotateSettings

# Readable by its owner alone: records have arguments of programs. Appended to, so that two who
# write there by mistake do not write over each other; no link is followed, nothing waited for.
MODE = 0o600
FLAGS = (
    os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    | os.O_NOCTTY
)  # fmt: skip
# How often it is looked whether the path is still that of the file.
LOOK_NS = 1_000_000_000
CLOSED = -1


class FileSink:
    """Appends to a file of ours.

    A file that was renamed or removed is left within a second, and one made anew at its path, as
    is done at a signal to reopen. Nothing is flushed to the disk (fsync): records outlive the end
    of kflowd, and not that of the host.

    Args:
        path: Of the file.
        separator: What stands behind each record.
        head: What stands at the beginning of a file.
        rotate: When another file begins.
    """

    REOPENS: ClassVar[bool] = True

    def __init__(
        self,
        path: Path,
        *,
        separator: bytes = NEWLINE,
        head: bytes = b"",
        rotate: RotateSettings | None = None,
    ) -> None:
        self._path = path
        self._separator = separator
        self._head = head
        self._rotate = rotate or RotateSettings()
        self._rotation = Rotation(path, self._rotate.keep, self._rotate.compress)
        self._number = CLOSED
        self._size = 0
        self._begun_ns = self._looked_ns = 0

    def open(self) -> None:
        """Open the file now, to find out at once what is wrong with it.

        Raises:
            OSError: It cannot be written, or is not ours.
        """
        if self._number == CLOSED:
            self._number = os.open(self._path, FLAGS, MODE)
            self._begun_ns = self._looked_ns = time.monotonic_ns()
            try:
                self._begin(self._number)
            except OSError:
                self.close()
                raise

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        """Append; see `Sink.write`. What fits in part is taken back, so the offset is always 0."""
        del offset
        self._look()
        self.open()
        texts = self._fitting(texts)
        data = framed(texts, self._separator)
        if self._is_due(len(data)):
            self._rotation.rotate()
            self.close()
            self.open()
        written = os.write(self._number, data)
        whole, rest = taken(texts, self._separator, written)
        self._size += written
        if rest:
            self._take_back(rest)
        if not whole:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole, 0

    def fileno(self) -> int:
        """Return the descriptor, which is always ready."""
        return self._number

    def close(self) -> None:
        """Close the file."""
        if self._number != CLOSED:
            os.close(self._number)
            self._number = CLOSED

    def _begin(self, number: int) -> None:
        """Check the file, and make its end that of a line.

        Raises:
            OSError: It is none to write records to.
        """
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        # a link that somebody else has put there
        if status.st_uid != os.geteuid() or status.st_nlink > 1:
            raise OSError(errno.EPERM, "the file has another owner, or more names than this one")
        self._size = status.st_size
        if not self._size:
            self._append(self._head)
        # a host that went down may leave less than a line
        elif os.pread(number, 1, self._size - 1) != NEWLINE:
            self._append(NEWLINE)

    def _append(self, data: bytes) -> None:
        self._size += os.write(self._number, data)

    def _take_back(self, size: int) -> None:
        """Cut off the beginning of a record; where that is refused it gets a line of its own."""
        try:
            os.ftruncate(self._number, self._size - size)
            self._size -= size
        except OSError:  # an append-only file (chattr +a)
            self.close()

    def _look(self) -> None:
        """Leave a file that is no longer that of the path."""
        now_ns = time.monotonic_ns()
        if self._number == CLOSED or now_ns - self._looked_ns < LOOK_NS:
            return
        self._looked_ns = now_ns
        ours = os.fstat(self._number)
        with suppress(OSError):
            there = os.lstat(self._path)
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return
        self.close()

    def _fitting(self, texts: Sequence[bytes]) -> Sequence[bytes]:
        """Return what an empty file has room for, the first text at least."""
        most = self._rotate.size
        if most is None:
            return texts
        size = 0
        for number, text in enumerate(texts):
            size += len(text) + len(self._separator)
            if size > most and number:
                return texts[:number]
        return texts

    def _is_due(self, more: int) -> bool:
        """Say whether another file is to begin ahead of so many bytes."""
        if not self._size:
            return False
        most, age_ns = self._rotate.size, self._rotate.age_ns
        if most is not None and self._size + more > most:
            return True
        return age_ns is not None and time.monotonic_ns() - self._begun_ns >= age_ns
