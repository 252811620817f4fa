# SPDX-License-Identifier: Apache-2.0
"""Hellos of TLS between Python and curl, as the records of both ends tell them."""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.host.agent import Agent, Record, Result, run
from tests.host.talked import ends, free_port, options, said
from tests.host.test_servers import need

HOST = "127.0.0.1"
NAME = "kf.example"
LARGE = 3_000_000  # bytes of an answer that nobody reads here
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % LARGE
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate and its key."""
    need("openssl", "curl")
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "certificate", folder / "key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
         "-out", paths[0], "-keyout", paths[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths


@contextmanager
def served(
    port: int, keys: tuple[Path, Path], version: ssl.TLSVersion, curve: str = ""
) -> Iterator[None]:
    """Answer one connection: some bytes, then many."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*keys)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["http/1.1"])
    if curve:
        context.set_ecdh_curve(curve)

    def serve() -> None:
        with suppress(OSError):
            plain, _ = listener.accept()
            plain.settimeout(20)
            with plain, context.wrap_socket(plain, server_side=True) as channel:
                channel.recv(4096)
                channel.sendall(ANSWER + b"x" * LARGE)

    with socket.create_server((HOST, port)) as listener:
        listener.settimeout(60)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            thread.join(20)


def ask(port: int, keys: tuple[Path, Path]) -> None:
    """Say hello in segments of one byte."""
    context = ssl.create_default_context(cafile=keys[0])
    context.set_alpn_protocols(["h2", "http/1.1"])
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    channel = context.wrap_bio(down, up, server_hostname=NAME)
    with socket.create_connection((HOST, port), timeout=20) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with pytest.raises(ssl.SSLWantReadError):
            channel.do_handshake()
        for byte in up.read():
            plain.sendall(bytes((byte,)))
        while True:
            try:
                channel.do_handshake()
                break
            except ssl.SSLWantReadError:
                if up.pending:
                    plain.sendall(up.read())
                down.write(plain.recv(65536))
        channel.write(b"GET / HTTP/1.1\r\n\r\n")
        plain.sendall(up.read())
        while plain.recv(65536):
            pass


def curl(port: int, keys: tuple[Path, Path], *given: str) -> int:
    """Ask with curl, and return its exit code."""
    where = ("--resolve", f"{NAME}:{port}:{HOST}", "--cacert", str(keys[0]))
    command = ["curl", "-sS", "-o", "/dev/null", *where, *given, f"https://{NAME}:{port}/"]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def hellos(result: Result, port: int) -> tuple[list[Record], list[Record], str]:
    """Return what client and server say, which is the same at both ends, and the fingerprint."""
    found = ends(result, port)
    assert {record["App"] for record in found.values()} == {"TLS"}
    asked = said(found["CLIENT"], "AppTxTls")
    answered = said(found["CLIENT"], "AppRxTls")
    assert said(found["SERVER"], "AppRxTls") == asked
    assert said(found["SERVER"], "AppTxTls") == answered
    for record in found.values():
        assert "AppMessages" not in record
    prints = {it.pop("Ja4") for it in asked}
    assert len(prints) == 1
    return asked, answered, prints.pop()


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        (V12, {"Version": "TLS 1.2", "Alpn": ["http/1.1"]}),
        (V13, {"Version": "TLS 1.3"}),
    ],
)
def test_python(keys: tuple[Path, Path], version: ssl.TLSVersion, answer: Record) -> None:
    """A hello byte by byte; of all that follows nothing is a message."""
    port = free_port()
    with served(port, keys, version), Agent("-m", "socket", *options(port, "tls")) as agent:
        ask(port, keys)
        result = agent.finish()
    asked, answered, _ = hellos(result, port)
    assert asked == [{"Version": "TLS 1.3", "Sni": NAME, "Alpn": ["h2", "http/1.1"]}]
    assert answered == [answer]


def test_curl_is_asked_for_another_hello(keys: tuple[Path, Path]) -> None:
    """By a server that has a group alone that curl offers, and has no share of."""
    port = free_port()
    with (
        served(port, keys, V13, "secp384r1"),
        Agent("-m", "socket", *options(port, "tls")) as agent,
    ):
        assert curl(port, keys) == 0
        result = agent.finish()
    found = ends(result, port)
    asked = said(found["CLIENT"], "AppTxTls")
    assert [(it["Version"], it["Sni"]) for it in asked] == [("TLS 1.3", NAME)] * 2
    assert all("http/1.1" in it["Alpn"] for it in asked)
    assert said(found["CLIENT"], "AppRxTls") == [
        {"Version": "TLS 1.3", "Retry": True},
        {"Version": "TLS 1.3"},
    ]


def test_curl_is_refused(keys: tuple[Path, Path]) -> None:
    """What it offers is too old: an alert is the server's message."""
    port = free_port()
    with served(port, keys, V13), Agent("-m", "socket", *options(port, "tls")) as agent:
        assert curl(port, keys, "--tls-max", "1.2") == 35
        result = agent.finish()
    asked, answered, _ = hellos(result, port)
    assert [it["Version"] for it in asked] == ["TLS 1.2"]
    assert answered == [{"Alert": "protocol_version"}]


def test_a_port_that_has_no_tls(keys: tuple[Path, Path]) -> None:
    """HTTP to a server of TLS is told once, and what that answers."""
    port = free_port()
    with served(port, keys, V12), Agent("-m", "socket", *options(port, "tls")) as agent:
        with socket.create_connection((HOST, port), timeout=20) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: kf.example\r\n\r\n")
            with suppress(OSError):
                while plain.recv(4096):
                    pass
        result = agent.finish()
    found = ends(result, port)
    for record, key in ((found["CLIENT"], "AppTxTls"), (found["SERVER"], "AppRxTls")):
        assert said(record, key) == [{"_Exception": "TLS Message Decoder", "_Notes": ["MALFORMED"]}]


def test_it_is_off_by_default(keys: tuple[Path, Path]) -> None:
    """No port is read that was not asked for; the forms and a replay know those that were."""
    port = free_port()
    with served(port, keys, V13), Agent("-m", "socket") as agent:
        assert curl(port, keys) == 0
        result = agent.finish()
    assert result.exit_code == 0
    assert not any(
        name.startswith("App")
        for record in result.records
        if port in (record.get("SockLocalPort"), record.get("SockRemotePort"))
        for name in record
    )


def test_a_replay_says_the_same(keys: tuple[Path, Path], tmp_path: Path) -> None:
    """As JSON, and in short."""
    port, recording = free_port(), tmp_path / "run.kflowd"
    given = (*options(port, "tls"), "--record", str(recording))
    with served(port, keys, V13), Agent("-m", "socket", *given) as agent:
        assert curl(port, keys) == 0
        result = agent.finish()
    again = run("replay", "-o", "json-min", "--separator", "newline", str(recording))
    records = [json.loads(line) for line in again.stdout.splitlines() if line]
    of_run = [record for record in result.records if "App" in record]
    assert len(of_run) == 2
    assert [record for record in records if "App" in record] == of_run
    compact = run("replay", "-o", "compact", str(recording)).stdout
    assert f'app=TLS said="TLS 1.3 {NAME}"' in compact
