# SPDX-License-Identifier: Apache-2.0
"""The archive: a new file for its owner alone, or none."""

import gzip
import io
import os
import tarfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import zstandard

from kflowd.closeable import Closeable
from kflowd.descriptor import new_file
from kflowd.errors import KflowdError
from kflowd.support.parts import File

FOLDER = "kflowd-support"
MODE = 0o600
ZSTD = ".zst"


class Archive(Closeable):
    """A file that is made at once and written at the end. A context manager.

    Where nothing was written in it, it is removed.

    Args:
        path: Of a file that is not there yet; a name that ends in `.zst` asks for that.

    Raises:
        KflowdError: It is there, also as a symbolic link, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._whole = False
        try:
            self._number = new_file(path, MODE)
        except FileExistsError:
            raise KflowdError(f"writing {path}: it is there already", "give another name") from None
        except OSError as error:
            raise KflowdError(f"writing {path}: {error.strerror}") from None
        found = os.fstat(self._number)
        self._is = (found.st_dev, found.st_ino)

    def write(self, files: Iterable[File]) -> None:
        """Write all.

        Raises:
            KflowdError: The file does not take it.
        """
        rest = packed(files, zstd=self._path.name.endswith(ZSTD))
        try:
            while rest:
                rest = rest[os.write(self._number, rest) :]
            os.fsync(self._number)
        except OSError as error:
            raise KflowdError(f"writing {self._path}: {error.strerror}") from None
        self._whole = True

    def close(self) -> None:
        """Close the file; remove it where nothing was written. May be called twice."""
        if self._number < 0:
            return
        os.close(self._number)
        self._number = -1
        if not self._whole:
            with suppress(OSError):
                found = self._path.lstat()
                # what has its name by now may be another's
                if (found.st_dev, found.st_ino) == self._is:
                    self._path.unlink()


def packed(files: Iterable[File], *, zstd: bool) -> bytes:
    """Return files as a compressed archive, which unpacks into a folder of its own."""
    out = io.BytesIO()
    now = time.time()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            info = tarfile.TarInfo(f"{FOLDER}/{file.name}")
            info.size, info.mode, info.mtime = len(file.data), MODE, int(now)
            archive.addfile(info, io.BytesIO(file.data))
    data = out.getvalue()
    return zstandard.compress(data) if zstd else gzip.compress(data, mtime=int(now))
