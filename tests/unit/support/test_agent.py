# SPDX-License-Identifier: Apache-2.0
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kflowd.errors import KflowdError
from kflowd.settings.servers import Listen
from kflowd.support import agent
from kflowd.support.agent import metrics_of

GOOD = b'HTTP/1.0 200 OK\r\n\r\nkflowd_build_info{version="1"} 1.0\n'


class Server:
    """Answers one request with some bytes."""

    def __init__(self, answer: bytes, family: int, address: Any) -> None:
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind(address)
        self.socket.listen()
        self.answer = answer
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        client, _ = self.socket.accept()
        with client:
            client.recv(4096)
            if self.answer:
                client.sendall(self.answer)
            else:
                time.sleep(1)

    def close(self) -> None:
        self.thread.join(5)
        self.socket.close()


@pytest.fixture(params=["inet", "unix"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(kind: str, tmp_path: Path, answer: bytes) -> str:
    """Return what is told of a server that gives this answer."""
    if kind == "unix":
        listen = Listen(path=str(tmp_path / "socket"))
        server = Server(answer, socket.AF_UNIX, listen.path)
    else:
        server = Server(answer, socket.AF_INET, ("127.0.0.1", 0))
        listen = Listen("0.0.0.0", server.socket.getsockname()[1])
    try:
        return metrics_of(listen)
    finally:
        server.close()


def test_an_agent_answers(kind: str, tmp_path: Path) -> None:
    """At an address, also that of all, or at a socket."""
    assert ask(kind, tmp_path, GOOD).startswith("kflowd_build_info")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.0 404 Not Found\r\n\r\n", "it is no kflowd .HTTP 404.$"),
        (b"HTTP/1.0 200 OK\r\n\r\nother_metric 1\n", "it is no kflowd .HTTP 200.$"),
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP: BadStatusLine$"),
        (b"", "timed out$"),
    ],
)
def test_what_is_no_agent_is_a_line(
    kind: str, tmp_path: Path, answer: bytes, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is."""
    monkeypatch.setattr(agent, "TIMEOUT_S", 0.3)
    with pytest.raises(KflowdError, match=cause):
        ask(kind, tmp_path, answer)


def test_nobody_is_a_line(tmp_path: Path) -> None:
    """With the place."""
    path = tmp_path / "socket"
    with pytest.raises(KflowdError, match=f"^asking {path}: No such file or directory$"):
        metrics_of(Listen(path=str(path)))
