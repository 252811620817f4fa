# SPDX-License-Identifier: Apache-2.0
"""The three standard streams."""

import os
import select
import sys
import time
from contextlib import suppress

STANDARD = (0, 1, 2)
STDOUT, STDERR = 1, 2
# How long a message waits for the reader of standard error; the end of a run has some of them.
PATIENCE_S = 0.5


def reserve() -> None:
    """Open what is closed of the standard streams on /dev/null.

    Else the next file or BPF object gets the number, and records are written into it.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is this one: those below are open
            os.open(os.devnull, os.O_RDWR)


def write(number: int, data: bytes, patience_s: float | None = None) -> bool:
    """Write all of it to a descriptor, whether that waits by itself (O_NONBLOCK) or not.

    Args:
        number: Of the descriptor, which is not changed.
        data: What to write.
        patience_s: How long to wait for the reader altogether; None: as long as it takes.

    Returns:
        Whether all is written.

    Raises:
        OSError: As os.write.
    """
    from kflowd.descriptor import Descriptor

    descriptor = Descriptor(number)
    poller = select.poll()
    poller.register(descriptor.fileno(), select.POLLOUT)
    end = None if patience_s is None else time.monotonic() + patience_s
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[descriptor.write(rest) :]
            left = None if end is None else max(0.0, end - time.monotonic()) * 1000
            if rest and not poller.poll(left):
                return False
    finally:
        descriptor.close()
    return True


class Messages:
    """Standard error as a text file that never waits long: what nobody takes is dropped.

    A reader who stands still, of standard output and standard error in one, must not keep the
    program from its end.
    """

    def __init__(self) -> None:
        self._patience_s = PATIENCE_S

    def write(self, text: str) -> None:
        """Write text; letters that the locale lacks are written as escapes."""
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        with suppress(OSError):
            if not write(STDERR, text.encode(encoding, "backslashreplace"), self._patience_s):
                self._patience_s = 0  # once is enough

    def flush(self) -> None:
        """Do nothing: all is written."""
