# SPDX-License-Identifier: Apache-2.0
"""Records to the systemd journal: an entry in its native protocol is a datagram."""

import errno
import fcntl
import os
import socket
from pathlib import Path

from kflowd.delivery.sinks.unix import UnixDatagramSink

SOCKET = Path("/run/systemd/journal/socket")
# what a socket does not send at once
_TOO_LARGE = {errno.EMSGSIZE, errno.ENOBUFS}
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


class JournalSink(UnixDatagramSink):
    """Sends to journald. What is too large for a datagram goes in memory that nobody can change.

    Args:
        path: Of its socket; None: where the host has it.
    """

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path or SOCKET)

    def _send(self, channel: socket.socket, text: bytes) -> None:
        try:
            channel.send(text)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            _send_sealed(channel, text)


def _send_sealed(channel: socket.socket, text: bytes) -> None:
    """Send the descriptor of a sealed memfd, and no bytes, as the protocol has it."""
    number = os.memfd_create("kflowd-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(number, rest) :]
        fcntl.fcntl(number, fcntl.F_ADD_SEALS, _SEALS)
        socket.send_fds(channel, [b""], [number])
    finally:
        os.close(number)
