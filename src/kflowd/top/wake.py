# SPDX-License-Identifier: Apache-2.0
"""Signals, as something that can be polled."""

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Self

from kflowd.closeable import Closeable

# a closed terminal sends SIGHUP
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
ALWAYS = {signal.SIGINT, signal.SIGTERM}
MOST_BYTES = 4096


class Wake(Closeable):
    """Signals of the end and of a new size, from entry to the end of the block.

    Attributes:
        asked: How often the end was asked for.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._before = {}  # type: ignore[var-annotated] # handlers of the signal module
        self._reader = self._writer = self._writer_before = -1

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._writer_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in ENDS:
            # who starts a program with it ignored means it: nohup
            if number in ALWAYS or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)
        self._before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, _ignore)
        return self

    def fileno(self) -> int:
        """Return what can be read when a signal has come."""
        return self._reader

    def clear(self) -> None:
        """Forget which came."""
        with suppress(BlockingIOError):
            os.read(self._reader, MOST_BYTES)

    def close(self) -> None:
        """Let signals do what they did before."""
        if self._reader < 0:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._writer_before)
        os.close(self._reader)
        os.close(self._writer)
        self._reader = self._writer = -1

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the byte in the pipe wakes the loop, which looks at the size."""
