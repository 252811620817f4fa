# SPDX-License-Identifier: Apache-2.0
"""Records as datagrams: one for each, its text and nothing else."""

import errno
import socket
from collections.abc import Sequence

from kflowd.delivery.sinks.base import RefusedError
from kflowd.settings.servers import Server

# What says nothing of the way: another socket would meet it, too.
_SAME_WAY = {errno.EMSGSIZE, errno.ECONNREFUSED, errno.ENOBUFS, errno.ENOMEM}


class UdpSink:
    """Sends to one server, from one port for as long as the server can be reached.

    Nobody says whether a datagram arrives. That nobody listens is known where an ICMP message says
    so: with what is sent next, of which the first is then lost.

    Args:
        server: Where to.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket: socket.socket | None = None

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        """Send what can be sent without waiting; see `Sink.write`."""
        del offset  # a datagram is sent whole
        channel = self._connected()
        for number, text in enumerate(texts):
            try:
                channel.send(text)
            except BlockingIOError:
                return number, 0
            except OSError as error:
                if error.errno not in _SAME_WAY:
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

    def _connected(self) -> socket.socket:
        """Return the socket; made when it is needed, as there may be no way yet.

        Raises:
            OSError: There is no way, or no such protocol.
        """
        if self._socket is None:
            address, port = self._server
            flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=flags)
            family, kind, _, _, where = found[0]
            channel = socket.socket(family, kind | socket.SOCK_NONBLOCK)
            try:
                channel.connect(where)
            except OSError:
                channel.close()
                raise
            self._socket = channel
        return self._socket
