# SPDX-License-Identifier: Apache-2.0
"""A descriptor that others share, written without waiting and without a change for the others.

O_NONBLOCK belongs to the open file description: to set it on a terminal or a pipe sets it for the
shell and for everybody else who has it. So pipes, FIFOs and terminals are opened once more, sockets
are asked for each call. Regular files and devices such as /dev/null never wait for a reader.
"""

import fcntl
import os
import select
import socket
import stat
from contextlib import suppress
from pathlib import Path

OWN_DESCRIPTORS = "/proc/self/fd"
# Where opening once more is refused (another user's pipe): poll says that this much can be written.
# A pipe has a free page then.
PIPE_BYTES = select.PIPE_BUF
# A terminal has less than this in its buffer then; how much more it takes it does not say.
TERMINAL_BYTES = 256


class Descriptor:
    """Writes to a descriptor; may be made of a closed one, which the first write finds.

    Args:
        number: Of the descriptor. It is neither changed nor closed.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._own: int | None = None
        self._socket: socket.socket | None = None
        self._most: int | None = None
        with suppress(OSError):
            self._prepare(os.fstat(number).st_mode)

    def _prepare(self, mode: int) -> None:
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(self._number))
        elif stat.S_ISFIFO(mode) or os.isatty(self._number):
            flags = fcntl.fcntl(self._number, fcntl.F_GETFL)
            if flags & os.O_ACCMODE == os.O_RDONLY:
                return  # to open it for writing would make it what it is not
            self._most = PIPE_BYTES if stat.S_ISFIFO(mode) else TERMINAL_BYTES
            wanted = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
            self._own = os.open(f"{OWN_DESCRIPTORS}/{self._number}", wanted)

    def write(self, data: memoryview) -> int:
        """Return how many bytes were written; 0 if that would have to wait.

        Raises:
            OSError: Other than those that mean to wait.
        """
        try:
            if self._socket is not None:
                return self._socket.send(data, socket.MSG_DONTWAIT)
            if self._own is not None:
                return os.write(self._own, data)
            if self._most is not None:
                if not self._is_writable():
                    return 0
                data = data[: self._most]
            return os.write(self._number, data)
        except BlockingIOError:  # the descriptor has O_NONBLOCK: ours, or as others set it
            return 0

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._number if self._own is None else self._own

    def close(self) -> None:
        """Free what was opened beside the descriptor."""
        if self._own is not None:
            os.close(self._own)
            self._own = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _is_writable(self) -> bool:
        poller = select.poll()
        poller.register(self._number, select.POLLOUT)
        return bool(poller.poll(0))


def new_file(path: Path, mode: int = 0o600) -> int:
    """Return the descriptor of a file that was not there, for its owner alone unless said.

    Raises:
        OSError: It is there, or cannot be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, mode)
