# SPDX-License-Identifier: Apache-2.0
"""Records over a connection, TCP or UNIX: each with a separator behind it."""

import errno
import os
import select
import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

from kflowd.delivery.sinks.framing import NEWLINE, framed, taken

_THERE = {0, errno.EISCONN}
# for a UNIX socket EAGAIN: who listens has others to accept first
_NOT_YET = {errno.EINPROGRESS, errno.EALREADY, errno.EAGAIN, errno.EINTR}
# How long the end of a connection waits for that of its peer.
PARTING_S = 0.2
# what says that nothing can be sent or read now, TLS in its own words
WAITS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# what a peer says is read, so that its end shows; nobody asked for it
_SAID_BYTES = 64 << 10


class StreamSink(ABC):
    """Keeps a connection while there is one, and begins another one when it has ended.

    What was given to the kernel counts as written; a connection that breaks takes what was on its
    way with it. A record of which a part was sent then is sent whole over the next connection.

    Args:
        separator: What stands behind each record.
    """

    REOPENS: ClassVar[bool] = True

    def __init__(self, *, separator: bytes = NEWLINE) -> None:
        self._separator = separator
        self._socket: socket.socket | None = None
        self._address: Any = None
        self._connected = self._greeted = False
        self._sent = 0  # bytes of the first text, over this connection

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        """Send what can be sent without waiting; see `Sink.write`."""
        del offset  # of a connection that may be over
        try:
            channel = self.open()
            if channel is None:
                return 0, 0
            data = framed(texts, self._separator)
            end = self._sent + channel.send(memoryview(data)[self._sent :])
        except WAITS:
            return 0, self._sent
        except OSError:
            self.close()
            raise
        whole, self._sent = taken(texts, self._separator, end)
        return whole, self._sent

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return -1 if self._socket is None else self._socket.fileno()

    def close(self) -> None:
        """End the connection; waits a moment for the peer to have read all."""
        if self._socket is not None:
            if self._greeted:
                self._part(self._socket)
            self._socket.close()
            self._socket = None
        self._sent = 0
        self._connected = self._greeted = False

    @abstractmethod
    def _make(self) -> tuple[socket.socket, Any]:
        """Return a new socket, and the address to connect it to."""

    def open(self) -> socket.socket | None:
        """Return the connection, None as long as it is not there.

        What the peer has said over one that is there is lost.

        Raises:
            OSError: Nobody takes it, or as one of WAITS: it is not greeted yet.
        """
        if self._socket is not None and self._greeted and _has_ended(self._socket):
            self.close()
        if self._socket is None:
            self._socket, self._address = self._make()
            self._socket.settimeout(0)
        if not self._connected:
            error = self._socket.connect_ex(self._address)
            if error not in _THERE | _NOT_YET:
                raise OSError(error, os.strerror(error))
            if error in _THERE:
                self._socket = self._begin(self._socket)
                self._connected = True
        if not self._connected:
            return None
        if not self._greeted:
            self._greet(self._socket)
            self._greeted = True
        return self._socket

    def _begin(self, channel: socket.socket) -> socket.socket:
        """Return what to send over once there is a connection."""
        return channel

    def _greet(self, channel: socket.socket) -> None:  # noqa: B027 - most do nothing
        """Do what is to be done ahead of the first text.

        Raises:
            OSError: It fails, or as one of WAITS: it is not done yet.
        """

    def _part(self, channel: socket.socket) -> None:
        """Tell the peer that this is the end, and read what it says until it has ended, too.

        What came and was not read would make the end a reset, which takes from the peer what it has
        not read yet (RFC 9293, 3.10.4): a session ticket of TLS is enough.
        """
        end = time.monotonic() + PARTING_S
        with suppress(OSError):
            channel.shutdown(socket.SHUT_WR)
            poller = select.poll()
            poller.register(channel, select.POLLIN)
            while (left := end - time.monotonic()) > 0:
                if not poller.poll(left * 1000) or not channel.recv(_SAID_BYTES):
                    return


def _has_ended(channel: socket.socket) -> bool:
    """Say whether the peer has ended a connection: what is sent then is lost."""
    try:
        return not channel.recv(_SAID_BYTES)
    except WAITS:
        return False
    except OSError:
        return True
