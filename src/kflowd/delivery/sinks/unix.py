# SPDX-License-Identifier: Apache-2.0
"""Records over a UNIX socket: a stream, or a datagram each."""

import errno
import socket
from pathlib import Path
from typing import Any, ClassVar

from kflowd.delivery.sinks.datagram import DatagramSink
from kflowd.delivery.sinks.framing import NEWLINE
from kflowd.delivery.sinks.stream import StreamSink


class UnixSink(StreamSink):
    """Sends to who listens at a path.

    Args:
        path: Of the socket.
        separator: What stands behind each record.
    """

    def __init__(self, path: Path, *, separator: bytes = NEWLINE) -> None:
        super().__init__(separator=separator)
        self._path = path

    def _make(self) -> tuple[socket.socket, Any]:
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), str(self._path)


class UnixDatagramSink(DatagramSink):
    """Sends to who has bound a datagram socket to a path.

    Args:
        path: Of the socket.
    """

    # a receiver that has ended does not come back by this socket: another one has the path then
    SAME_WAY: ClassVar[frozenset[int]] = frozenset((errno.EMSGSIZE, errno.ENOBUFS, errno.ENOMEM))

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def _make(self) -> tuple[socket.socket, Any]:
        return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), str(self._path)
