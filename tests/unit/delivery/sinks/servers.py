# SPDX-License-Identifier: Apache-2.0
"""Servers that sinks write to, and how an output writes to a sink."""

import select
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from kflowd.delivery.sinks import Sink

SECONDS = 10


class Lines:
    """A server with one connection at a time. A context manager.

    Args:
        listener: Listens.

    Attributes:
        port: Of the listener.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._listener.settimeout(SECONDS)
        self._connection: socket.socket | None = None
        name = listener.getsockname()
        self.port = name[1] if isinstance(name, tuple) else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hang_up()
        self._listener.close()

    def read(self, size: int) -> bytes:
        """Return so many bytes of the connection, which is accepted first if there is none."""
        connection, data = self._accepted(), b""
        while len(data) < size and (piece := connection.recv(size - len(data))):
            data += piece
        return data

    def some(self) -> bytes:
        """Return what there is of the connection now."""
        connection = self._accepted()
        if not select.select([connection], [], [], 0)[0]:
            return b""
        return connection.recv(1 << 16)

    def _accepted(self) -> socket.socket:
        if self._connection is None:
            self._connection, _ = self._listener.accept()
            self._connection.settimeout(SECONDS)
        return self._connection

    def hang_up(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def send_all(sink: Sink, texts: Sequence[bytes]) -> None:
    """Write as an output does, until all is out."""
    offset = 0
    while texts:
        whole, offset = sink.write(texts, offset)
        texts = texts[whole:]
        if texts and not whole:
            select.select([], [sink.fileno()], [], SECONDS)
