# SPDX-License-Identifier: Apache-2.0
"""Opens regular files alone: nobody waits for who writes to a FIFO, and no device is read."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def opened(path: Path | bytes, *, follow: bool = True) -> BinaryIO:
    """Return a regular file to read.

    Args:
        path: Of the file.
        follow: Whether a symbolic link may lead to it.

    Raises:
        OSError: It is not to be had, or of another type.
    """
    number = os.open(path, _FLAGS if follow else _FLAGS | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "no regular file", os.fsdecode(path))
    return open(number, "rb")
