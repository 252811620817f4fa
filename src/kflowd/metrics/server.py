# SPDX-License-Identifier: Apache-2.0
"""Answers GET /metrics over HTTP, at an address or at a UNIX socket."""

import errno
import io
import os
import socket
import stat
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from kflowd.closeable import Closeable
from kflowd.errors import MetricsError
from kflowd.settings.servers import Listen

# One request at a time, each of whoever asks for as long at most: nobody can make threads here.
TIMEOUT_S = 2.0
LEAVE_S = 0.2
MODE = 0o660


class MetricsServer(Closeable):
    """A server with a thread of its own, which runs. A context manager.

    Args:
        listen: Where.
        families: What there is, beside the memory and processor time of the process.

    Raises:
        MetricsError: It cannot listen there.
    """

    def __init__(self, listen: Listen, families: Collector) -> None:
        registry = CollectorRegistry()
        registry.register(families)
        ProcessCollector(registry=registry)
        self._path = Path(listen.path) if listen.path else None
        handler = type("Handler", (_Handler,), {"registry": registry})
        try:
            self._server = _server(listen, handler)
        except OSError as error:
            raise MetricsError(f"metrics: listening at {listen}: {error.strerror}") from None
        self._thread = threading.Thread(target=self._serve, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        # not waited for: it may be with a client that is slow
        threading.Thread(target=self._server.shutdown, daemon=True).start()
        self._thread.join(LEAVE_S)
        self._server.server_close()
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def address(self) -> Any:  # noqa: ANN401 - of the family
        """Return where it listens, with the port that the system chose for 0."""
        return self._server.server_address

    def _serve(self) -> None:
        with suppress(OSError, ValueError):  # closed at the end of the run
            self._server.serve_forever(poll_interval=LEAVE_S / 2)


class _Request(io.RawIOBase):
    """What a client sends, for so long in all: one that sends a letter now and then is cut off."""

    def __init__(self, channel: socket.socket, seconds: float) -> None:
        self._channel = channel
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read some; TimeoutError: its time is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._channel.settimeout(left)
        return self._channel.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    timeout = TIMEOUT_S  # for the answer: sendall counts all of it
    server_version = "kflowd"
    sys_version = ""

    def setup(self) -> None:
        """Give the request its time."""
        super().setup()
        self.rfile = io.BufferedReader(_Request(self.connection, self.timeout))

    def do_GET(self) -> None:
        """Answer."""
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, "there is /metrics alone")
            return
        encode, kind = choose_encoder(self.headers.get("Accept", ""))
        body = encode(self.registry)
        self.connection.settimeout(self.timeout)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the library
        """Say nothing: who asks is not our matter."""


class _Server(HTTPServer):
    allow_reuse_address = True

    def server_bind(self) -> None:
        # without the look-up of a name that HTTPServer makes
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - of the library
        """Say nothing: a client that went away, or is slow."""


def _server(listen: Listen, handler: type[BaseHTTPRequestHandler]) -> HTTPServer:
    if listen.path:
        return _at_path(listen.path, handler)
    found = socket.getaddrinfo(
        listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, _, _, _, where = found[0]
    made = type("Server", (_Server,), {"address_family": family})
    server: HTTPServer = made(where, handler)
    return server


def _at_path(path: str, handler: type[BaseHTTPRequestHandler]) -> HTTPServer:
    # one that a run left behind; of all others bind says that they are there
    with suppress(OSError):
        if stat.S_ISSOCK(os.lstat(path).st_mode) and _is_left(path):
            os.unlink(path)
    made = type("Server", (_Server,), {"address_family": socket.AF_UNIX})
    old = os.umask(0o777 & ~MODE)
    try:
        server: HTTPServer = made(path, handler)
    finally:
        os.umask(old)
    return server


def _is_left(path: str) -> bool:
    """Say whether nobody has this socket; one of datagrams, or with many callers, has somebody."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(0)
        return channel.connect_ex(path) == errno.ECONNREFUSED
