# SPDX-License-Identifier: Apache-2.0
"""Records over TLS."""

import errno
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path

from kflowd.delivery.sinks.framing import NEWLINE
from kflowd.delivery.sinks.tcp import TcpSink
from kflowd.settings.servers import Address

# How long a peer may take to show its certificate.
GREETING_S = 20.0


class TlsSink(TcpSink):
    """Sends to one host that shows a certificate for its name, of someone who is trusted.

    Args:
        address: Where to.
        separator: What stands behind each record.
        ca: Certificates of who is trusted; None: those of the system.
    """

    def __init__(
        self, address: Address, *, separator: bytes = NEWLINE, ca: Path | None = None
    ) -> None:
        super().__init__(address, separator=separator)
        self._ca = ca
        self._until = 0.0

    def _begin(self, channel: socket.socket) -> socket.socket:
        # read for each connection: certificates are replaced while kflowd runs
        self._until = time.monotonic() + GREETING_S
        context = ssl.create_default_context(cafile=None if self._ca is None else str(self._ca))
        return context.wrap_socket(
            channel, server_hostname=self._host.host, do_handshake_on_connect=False
        )

    def _greet(self, channel: socket.socket) -> None:
        if time.monotonic() > self._until:
            raise TimeoutError(errno.ETIMEDOUT, "the peer does not answer in TLS")
        if isinstance(channel, ssl.SSLSocket):
            channel.do_handshake()

    def _part(self, channel: socket.socket) -> None:
        if isinstance(channel, ssl.SSLSocket):
            # the end is told ahead of it all: what is missing without is not cut off by others
            with suppress(OSError):
                channel.unwrap()
        super()._part(channel)
