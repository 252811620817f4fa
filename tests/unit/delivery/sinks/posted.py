# SPDX-License-Identifier: Apache-2.0
"""A server that is posted to: it answers as a test says, and keeps what it got."""

import gzip
import socket
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from kflowd.settings.urls import Url, parse_url

SECONDS = 20.0


class Posted(NamedTuple):
    """A request.

    Attributes:
        target: Its path and query.
        headers: By name in lower case.
        body: As it came.
        peer: The other end of the connection.
    """

    target: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]

    @property
    def texts(self) -> list[bytes]:
        """The lines of the body."""
        body = gzip.decompress(self.body) if "content-encoding" in self.headers else self.body
        assert body.endswith(b"\n")
        return body.split(b"\n")[:-1]


Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: "Listening"

    def do_POST(self) -> None:
        """Take a request, and answer as the next answer says; without one by 200."""
        answers = self.server.answers
        answer = answers.popleft() if answers else status(200)
        if not getattr(answer, "early", False):
            self.take()
        answer(self)

    def take(self) -> None:
        """Read the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.posted.append(Posted(self.path, headers, body, self.client_address))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def status(number: int, **headers: str) -> Answer:
    """Return an answer with a status."""

    def answer(it: Handler) -> None:
        it.send_response(number)
        for name, value in headers.items():
            it.send_header(name.replace("_", "-"), value)
        it.send_header("Content-Length", "2")
        it.end_headers()
        it.wfile.write(b"{}")

    return answer


def answered(body: bytes) -> Answer:
    """Return a good answer with a body."""

    def answer(it: Handler) -> None:
        it.send_response(200)
        it.send_header("Content-Length", str(len(body)))
        it.end_headers()
        it.wfile.write(body)

    return answer


def raw(data: bytes) -> Answer:
    """Return an answer of these bytes, behind which the connection ends."""

    def answer(it: Handler) -> None:
        it.wfile.write(data)
        it.close_connection = True

    return answer


def early(number: int) -> Answer:
    """Return an answer that comes before the body is read, which it never is."""

    def answer(it: Handler) -> None:
        it.send_response(number)
        it.send_header("Content-Length", "0")
        it.send_header("Connection", "close")
        it.end_headers()
        it.close_connection = True

    answer.early = True  # type: ignore[attr-defined] # of this function alone
    return answer


class Listening(ThreadingHTTPServer):
    """The server, with what it keeps and what it is to say."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.posted: list[Posted] = []
        self.answers: deque[Answer] = deque()
        self.context: ssl.SSLContext | None = None
        super().__init__(("127.0.0.1", port), Handler)

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override] # never of UDP
        """Greet in the thread of the connection."""
        if self.context is None:
            Handler(request, client_address, self)
            return
        with self.context.wrap_socket(request, server_side=True) as channel:
            Handler(channel, client_address, self)

    def handle_error(self, *_: object) -> None:
        """Nothing: who hangs up is what a test is about."""


class Server:
    """Runs in a thread. A context manager.

    Args:
        answers: To the first requests.
        certificate: With its key, of `certify`; None: without TLS.
        port: 0: any.
    """

    def __init__(
        self, answers: Iterable[Answer] = (), certificate: Path | None = None, port: int = 0
    ) -> None:
        self._listening = Listening(port)
        self._listening.answers.extend(answers)
        self._scheme = "http"
        if certificate is not None:
            self._scheme = "https"
            self._listening.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._listening.context.load_cert_chain(certificate)
        self.port: int = self._listening.server_address[1]
        self._thread = threading.Thread(target=self._listening.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.shutdown()
        self._listening.server_close()
        self._thread.join(SECONDS)

    @property
    def posted(self) -> list[Posted]:
        """What came."""
        return self._listening.posted

    @property
    def texts(self) -> list[bytes]:
        """What came, in order."""
        return [text for it in list(self.posted) for text in it.texts]

    def url(self, target: str = "/in", host: str = "127.0.0.1") -> Url:
        """Return where it is."""
        return parse_url(f"{self._scheme}://{host}:{self.port}{target}")


def certify(folder: Path, name: str = "localhost") -> Path:
    """Make a certificate for a name and 127.0.0.1 with its key; return the path of the file."""
    path = folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
         "-keyout", path, "-out", folder / "certificate"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (folder / "certificate").read_bytes())
    return path
