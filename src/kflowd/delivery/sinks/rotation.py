# SPDX-License-Identifier: Apache-2.0
"""Files with a number behind their name: what a file was before, 1 being the last one."""

import gzip
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from kflowd.descriptor import new_file
from kflowd.log import Log

# how much of a file is in memory while it is compressed
_PIECE_BYTES = 1 << 20
_PART = ".part"


def _gzip(source: IO[bytes], target: IO[bytes]) -> None:
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as packed:
        shutil.copyfileobj(source, packed, _PIECE_BYTES)


def _zstd(source: IO[bytes], target: IO[bytes]) -> None:
    import zstandard

    zstandard.ZstdCompressor().copy_stream(source, target)


# what stands behind the number, and what makes the contents
_FORMS: dict[str, tuple[str, Callable[[IO[bytes], IO[bytes]], None]]] = {
    "gzip": (".gz", _gzip),
    "zstd": (".zst", _zstd),
}


class Rotation:
    """Keeps some files of a path that were there before.

    Args:
        path: Of the file that is written.
        keep: How many others there are at most.
        compress: "none", "gzip" or "zstd".
    """

    def __init__(self, path: Path, keep: int, compress: str) -> None:
        self._path = path
        self._keep = keep
        self._form = _FORMS.get(compress)
        self._suffix = self._form[0] if self._form else ""
        self._thread: threading.Thread | None = None

    def rotate(self) -> None:
        """Give the file the number 1, those that have one the next, and remove the last.

        Returns when the names are right; a thread compresses what 1 is now. A file that is still
        being compressed is waited for.

        Raises:
            OSError: A name cannot be given.
        """
        self.join()
        for suffix in {"", self._suffix}:
            with suppress(FileNotFoundError):
                os.unlink(self._named(self._keep, suffix))
        for number in range(self._keep - 1, 0, -1):
            for suffix in {"", self._suffix}:
                with suppress(FileNotFoundError):
                    os.rename(self._named(number, suffix), self._named(number + 1, suffix))
        first = self._named(1, "")
        os.rename(self._path, first)
        if self._form is not None:
            self._thread = threading.Thread(
                target=self._compress, args=(first, self._form[1]), name="compress", daemon=True
            )
            self._thread.start()

    def join(self) -> None:
        """Wait for what is being compressed."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _named(self, number: int, suffix: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}{suffix}")

    def _compress(self, path: Path, pack: Callable[[IO[bytes], IO[bytes]], None]) -> None:
        """Put a compressed file in place of another; that stays as it is if this fails."""
        target = path.with_name(path.name + self._suffix)
        part = target.with_name(target.name + _PART)
        try:
            with suppress(FileNotFoundError):  # of a run that was ended meanwhile
                os.unlink(part)
            with open(path, "rb") as source, open(new_file(part), "wb") as out:
                pack(source, out)
            os.rename(part, target)
            os.unlink(path)
        except Exception as error:  # noqa: BLE001 - the records are there, in more bytes
            Log("output").warning("a file is not compressed", path=str(path), reason=str(error))
            with suppress(OSError):
                os.unlink(part)
