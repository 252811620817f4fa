# SPDX-License-Identifier: Apache-2.0
"""One request over HTTP/1.1 and its answer, sent and read without waiting."""

import errno
import select
import socket
import ssl
from contextlib import suppress

import h11

PIECE_BYTES = 64 << 10
# Of an answer's body; one that is longer costs the connection.
MOST_BODY_BYTES = 64 << 10
# Pieces that are read at once: a peer that never ends is left to the time that a request has.
_MOST_PIECES = 16


class Talk:
    """What is said over one connection: a request at a time.

    Args:
        channel: The connection, which does not wait.
    """

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self._http = h11.Connection(our_role=h11.CLIENT)

    def begin(self, target: str, headers: list[tuple[str, str]], body: bytes) -> "Request":
        """Return a POST that is yet to be sent."""
        head = h11.Request(method="POST", target=target, headers=headers)
        events = (head, h11.Data(data=body), h11.EndOfMessage())
        pieces = [self._http.send(event) for event in events]
        return Request(self.channel, self._http, b"".join(piece for piece in pieces if piece))


class Request:
    """A request that is under way.

    Args:
        channel: Of the connection.
        http: What was said over it.
        text: All of the request.

    Attributes:
        status: Of the answer, 0 as long as there is none.
        retry_after: What the answer says of when to ask again, "" if nothing.
        body: Of the answer, as much as has come.
        reusable: Another request can follow over the connection.
        events: What `go_on` waits for, of poll.
    """

    def __init__(self, channel: socket.socket, http: h11.Connection, text: bytes) -> None:
        self.status = 0
        self.retry_after = ""
        self.reusable = False
        self.events = select.POLLOUT
        self._channel = channel
        self._http = http
        self._unsent = memoryview(text)
        self._broken: OSError | None = None
        self.body = b""

    def go_on(self) -> bool:
        """Send and read what can be now; say whether the answer is known.

        Raises:
            OSError: The connection has ended without one, or it is none.
        """
        self.events = 0
        self._send()
        try:
            return self._read()
        except h11.RemoteProtocolError:
            error = OSError(errno.EPROTO, "the answer is no HTTP")
        except OSError as found:
            error = found
        # the head of an answer says all
        if not self.status:
            raise error
        return True

    def _send(self) -> None:
        while self._unsent:
            try:
                sent = self._channel.send(self._unsent[:PIECE_BYTES])
            except ssl.SSLWantReadError:
                self.events |= select.POLLIN
                return
            except (BlockingIOError, ssl.SSLWantWriteError):
                self.events |= select.POLLOUT
                return
            except OSError as error:
                # the peer may have said why it does not read
                self._broken, self._unsent = error, memoryview(b"")
                return
            self._unsent = self._unsent[sent:]

    def _read(self) -> bool:
        pieces = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if pieces == _MOST_PIECES:
                    self.events |= select.POLLOUT  # there may be more, in TLS as well: at once
                    return False
                if not self._receive():
                    self.events |= select.POLLIN
                    return False
                pieces += 1
            elif isinstance(event, h11.Response):
                self.status = event.status_code
                found = (value for name, value in event.headers if name == b"retry-after")
                self.retry_after = next(found, b"").decode("ascii", "replace")
            elif isinstance(event, h11.Data):
                self.body += event.data
                if len(self.body) > MOST_BODY_BYTES:
                    return True
            elif isinstance(event, h11.EndOfMessage):
                self.reusable = self._can_be_reused()
                return True
            elif isinstance(event, h11.ConnectionClosed):
                raise self._broken or ConnectionResetError(
                    errno.ECONNRESET, "the connection has ended without an answer"
                )

    def _receive(self) -> bool:
        """Read a piece; say whether there was one, be it the end."""
        try:
            data = self._channel.recv(PIECE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if self._broken is not None:
                raise self._broken from None
            self._acknowledge()
            return False
        self._http.receive_data(data)
        return True

    def _acknowledge(self) -> None:
        """Let the kernel acknowledge at once what was read.

        A server that writes head and body one by one waits for that ahead of the second, and the
        kernel else for 40 ms.
        """
        with suppress(OSError):
            self._channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _can_be_reused(self) -> bool:
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if done and not self._unsent and self._broken is None:
            self._http.start_next_cycle()
            return True
        return False
