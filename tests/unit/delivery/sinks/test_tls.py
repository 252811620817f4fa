# SPDX-License-Identifier: Apache-2.0
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kflowd.delivery.sinks import TlsSink
from kflowd.settings.servers import Address
from tests.unit.delivery.sinks.servers import send_all


class Secure:
    """A server that shows a certificate and keeps what it gets."""

    def __init__(self, folder: Path, name: str) -> None:
        self.certificate, self.key = folder / "certificate", folder / "key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
             "-keyout", self.key, "-out", self.certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.data = b""
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with context.wrap_socket(plain, server_side=True) as channel:
                    while piece := channel.recv(1 << 16):
                        self.data += piece
            except OSError:
                continue

    def close(self) -> None:
        """End it; may be called twice."""
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self._thread.join(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Secure]:
    made = Secure(tmp_path, "localhost")
    yield made
    made.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_records_over_tls(server: Secure, host: str) -> None:
    """To who shows a certificate for the name or the number, of someone who is trusted."""
    sink = TlsSink(Address(host, server.port), ca=server.certificate)
    texts = [b"1", b"x" * 3_000_000, b"3"]
    for text in texts:
        try:
            send_all(sink, [text])
        except ConnectionRefusedError:  # a name has two addresses
            send_all(sink, [text])
    sink.close()
    server.close()
    assert server.data == b"".join(text + b"\n" for text in texts)


@pytest.mark.parametrize("wrong", ["unknown", "name"])
def test_who_is_not_trusted_gets_nothing(server: Secure, wrong: str, tmp_path: Path) -> None:
    """A certificate of somebody else, or for another name: an error that may pass."""
    folder = tmp_path / "other"
    folder.mkdir()
    address, ca = Address("127.0.0.1", server.port), server.certificate
    if wrong == "name":
        address = Address("127.0.0.2", server.port)
        server.close()
        server.listener = socket.create_server(("127.0.0.2", server.port))
        server._thread = threading.Thread(target=server._serve, daemon=True)
        server._thread.start()
    else:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
             "-keyout", folder / "key", "-out", folder / "ca"],
            check=True, capture_output=True,
        )  # fmt: skip
        ca = folder / "ca"
    sink = TlsSink(address, ca=ca)
    with pytest.raises(ssl.SSLCertVerificationError):
        send_all(sink, [b"secret"])
    assert sink.fileno() == -1
    assert server.data == b""


def test_certificates_that_are_not_there(server: Secure, tmp_path: Path) -> None:
    """They may be later."""
    sink = TlsSink(Address("127.0.0.1", server.port), ca=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        send_all(sink, [b"1"])
    sink._ca = server.certificate
    send_all(sink, [b"1"])
    sink.close()


def test_a_peer_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that speaks no TLS, or stands still."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sink = TlsSink(Address("127.0.0.1", listener.getsockname()[1]))
        for _ in range(3):
            assert sink.write([b"1"], 0) == (0, 0)
            select.select([], [sink.fileno()], [], 1)
        monkeypatch.setattr(time, "monotonic", lambda: sink._until + 1)
        with pytest.raises(TimeoutError):
            sink.write([b"1"], 0)
