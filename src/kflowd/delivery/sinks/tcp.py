# SPDX-License-Identifier: Apache-2.0
"""Records over TCP."""

import socket
from contextlib import suppress
from typing import Any

from kflowd.delivery.sinks.framing import NEWLINE
from kflowd.delivery.sinks.stream import StreamSink
from kflowd.settings.servers import Address

# A peer that acknowledges nothing for so long is given up, and so is an attempt to connect.
TIMEOUT_MS = 20_000


class TcpSink(StreamSink):
    """Sends to one host, whose name is looked up for each connection.

    Args:
        address: Where to.
        separator: What stands behind each record.
    """

    def __init__(self, address: Address, *, separator: bytes = NEWLINE) -> None:
        super().__init__(separator=separator)
        self._host = address
        self._tries = 0

    def _make(self) -> tuple[socket.socket, Any]:
        host, port = self._host
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICSERV)
        # the next address with each try, as the first may be one that nobody can reach from here
        family, kind, _, _, where = found[self._tries % len(found)]
        self._tries += 1
        channel = socket.socket(family, kind)
        # not in every sandbox that has TCP
        with suppress(OSError):
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TIMEOUT_MS)
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return channel, where
