# SPDX-License-Identifier: Apache-2.0
"""Records as UDP datagrams."""

import socket
from typing import Any

from kflowd.delivery.sinks.datagram import DatagramSink
from kflowd.settings.servers import Address, Server


class UdpSink(DatagramSink):
    """Sends to one server, from one port for as long as the server can be reached.

    Nobody says whether a datagram arrives. That nobody listens is known where an ICMP message says
    so: with what is sent next, of which the first is then lost.

    Args:
        server: Where to; a name is looked up when a socket is made.
    """

    def __init__(self, server: Server | Address) -> None:
        super().__init__()
        self._server = server

    def _make(self) -> tuple[socket.socket, Any]:
        host, port = self._server
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICSERV)
        family, kind, _, _, where = found[0]
        return socket.socket(family, kind), where
