# SPDX-License-Identifier: Apache-2.0
"""Records on standard output, each followed by a line that holds the ASCII record separator.

Forms for people have lines, and maybe a line above them.
"""

import errno
import os
from collections.abc import Sequence
from typing import ClassVar

from kflowd.delivery.sinks.base import SinkGoneError
from kflowd.delivery.sinks.framing import RECORD, framed, taken
from kflowd.descriptor import Descriptor

# closed pipe; closed peer of a socket; closed from the start
GONE = {errno.EPIPE, errno.ECONNRESET, errno.EBADF}


class StdoutSink:
    """Writes to a file descriptor, unbuffered: what `write` took is out.

    Args:
        number: Of the descriptor; standard output.
        separator: What stands behind each record.
        head: What stands ahead of the first.
    """

    REOPENS: ClassVar[bool] = False

    def __init__(self, number: int = 1, *, separator: bytes = RECORD, head: bytes = b"") -> None:
        self._separator = separator
        self._head = head
        self._descriptor = Descriptor(number)
        # a terminal that was closed; of a disk it is an error that may pass
        self._gone = GONE | {errno.EIO} if os.isatty(number) else GONE

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        """Write what can be written without waiting; see `Sink.write`."""
        data = framed(texts, self._separator)
        if self._head:
            data, offset = self._head + data, 0
        try:
            end = offset + self._descriptor.write(memoryview(data)[offset:])
        except OSError as error:
            if error.errno in self._gone:
                raise SinkGoneError from None
            raise
        if end == len(data):
            self._head = b""
            return len(texts), 0
        ours = min(end, len(self._head))
        self._head = self._head[ours:]
        return taken(texts, self._separator, end - ours)

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._descriptor.fileno()

    def close(self) -> None:
        """Free what was opened beside the descriptor, which stays open."""
        self._descriptor.close()
