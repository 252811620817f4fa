# SPDX-License-Identifier: Apache-2.0
"""Records on standard output, each followed by a line that holds the ASCII record separator."""

import errno
import os
from collections.abc import Iterable

from kflowd.errors import SinkError

SEPARATOR = b"\n\x1e\n"


class StdoutSink:
    """Writes to a file descriptor, unbuffered: a batch is out when `write` returns.

    Args:
        descriptor: Where to; standard output.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor

    def write(self, texts: Iterable[bytes]) -> bool:
        """Write a batch of records.

        Returns:
            False if the reader is gone (a closed pipe).

        Raises:
            SinkError: If the records cannot be written for another reason, such as a full disk.
        """
        pending = memoryview(b"".join(piece for text in texts for piece in (text, SEPARATOR)))
        try:
            while pending:
                pending = pending[os.write(self._descriptor, pending) :]
        except BrokenPipeError:
            return False
        except OSError as error:
            if error.errno == errno.EBADF:  # standard output was closed from the start
                return False
            raise SinkError(f"writing records to stdout: {error.strerror}") from error
        return True
