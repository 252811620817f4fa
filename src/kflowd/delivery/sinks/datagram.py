# SPDX-License-Identifier: Apache-2.0
"""Records as datagrams: one for each, its text and nothing else."""

import errno
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from kflowd.delivery.sinks.base import RefusedError


class DatagramSink(ABC):
    """Sends from one socket for as long as the receiver can be reached by it.

    Attributes:
        SAME_WAY: Errors that another socket would meet, too.
    """

    REOPENS: ClassVar[bool] = True
    SAME_WAY: ClassVar[frozenset[int]] = frozenset(
        (errno.EMSGSIZE, errno.ECONNREFUSED, errno.ENOBUFS, errno.ENOMEM)
    )

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        """Send what can be sent without waiting; see `Sink.write`."""
        del offset  # a datagram is sent whole
        channel = self._connected()
        for number, text in enumerate(texts):
            try:
                self._send(channel, text)
            except BlockingIOError:
                return number, 0
            except OSError as error:
                if error.errno not in self.SAME_WAY:
                    self.close()  # the way there may be another one later
                forever = error.errno == errno.EMSGSIZE
                raise RefusedError(number, error, forever=forever) from None
        return len(texts), 0

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._connected().fileno()

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, channel: socket.socket, text: bytes) -> None:
        """Send one text without waiting."""
        channel.send(text)

    @abstractmethod
    def _make(self) -> tuple[socket.socket, Any]:
        """Return a new socket, and the address to connect it to.

        Raises:
            OSError: There is no such address, or no such protocol.
        """

    def _connected(self) -> socket.socket:
        """Return the socket; made when it is needed, as there may be no way yet."""
        if self._socket is None:
            channel, address = self._make()
            channel.settimeout(0)
            try:
                channel.connect(address)
            except OSError:
                channel.close()
                raise
            self._socket = channel
        return self._socket
