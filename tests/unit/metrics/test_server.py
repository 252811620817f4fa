# SPDX-License-Identifier: Apache-2.0
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from kflowd.errors import MetricsError
from kflowd.metrics import server as module
from kflowd.metrics.server import MetricsServer
from kflowd.settings.servers import Listen


class One:
    """A family with one number."""

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("one", "It.", value=1)


def free(family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1") -> int:
    """Return a port where nobody listens."""
    with socket.create_server((host, 0), family=family) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_metrics_at_an_address(host: str) -> None:
    """In the form that is asked for; the process's memory beside what is counted."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listen = Listen(host, free(family, host if ":" in host else "127.0.0.1"))
    with MetricsServer(listen, One()) as server:
        where = server.address()[0]
        url = f"http://{f'[{where}]' if ':' in where else where}:{listen.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert "\none 1.0\n" in text
        assert "process_resident_memory_bytes " in text
        wanted = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text"})
        with urllib.request.urlopen(wanted, timeout=10) as answer:
            assert answer.read().endswith(b"# EOF\n")
        for wrong in ("/", "/metrics/x"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(url.replace("/metrics", wrong), timeout=10)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=10)


def asked(path: Path) -> bytes:
    """Return the answer at a UNIX socket."""
    connection = http.client.HTTPConnection("kflowd")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(str(path))
    connection.request("GET", "/metrics")
    body = connection.getresponse().read()
    connection.close()
    return body


def test_metrics_at_a_path(tmp_path: Path) -> None:
    """For owner and group; one that a run left behind is in nobody's way."""
    path = tmp_path / "metrics"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with MetricsServer(Listen(path=str(path)), One()):
        assert path.stat().st_mode & 0o777 == 0o660
        assert b"\none 1.0\n" in asked(path)
        with pytest.raises(MetricsError) as caught:
            MetricsServer(Listen(path=str(path)), One())
        assert str(caught.value) == f"metrics: listening at {path}: Address already in use"
        assert b"\none 1.0\n" in asked(path)
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(MetricsError, match="already in use"):
        MetricsServer(Listen(path=str(path)), One())
    assert path.read_text() == "mine"


@pytest.mark.parametrize(("kind", "calls"), [(socket.SOCK_DGRAM, 0), (socket.SOCK_STREAM, 2)])
def test_a_socket_of_others_stays(kind: socket.SocketKind, calls: int, tmp_path: Path) -> None:
    """One of datagrams, and one whose owner has no room for one more caller: nobody waits there."""
    path = tmp_path / "metrics"
    with ExitStack() as stack:
        theirs = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
        theirs.bind(str(path))
        if calls:
            theirs.listen(0)
        for _ in range(calls):
            caller = stack.enter_context(socket.socket(socket.AF_UNIX))
            caller.settimeout(0)
            caller.connect_ex(str(path))
        with pytest.raises(MetricsError, match="Address already in use"):
            MetricsServer(Listen(path=str(path)), One())
        assert path.is_socket()


def test_a_port_that_somebody_has() -> None:
    """One line, ahead of the run."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = Listen("127.0.0.1", other.getsockname()[1])
        with pytest.raises(MetricsError) as caught:
            MetricsServer(listen, One())
    assert str(caught.value) == f"metrics: listening at {listen}: Address already in use"


def test_who_says_nothing_keeps_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those who ask, nor the end of the run; there is one thread whoever comes."""
    monkeypatch.setattr(module._Handler, "timeout", 0.2)
    listen = Listen("127.0.0.1", free())
    with MetricsServer(listen, One()):
        threads = threading.active_count()
        silent = [socket.create_connection((listen.host, listen.port)) for _ in range(5)]
        url = f"http://127.0.0.1:{listen.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"\none 1.0\n" in answer.read()
        assert threading.active_count() == threads
        for each in silent:
            each.close()
        monkeypatch.setattr(module._Handler, "timeout", 60)
        last = socket.create_connection((listen.host, listen.port))
        time.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    last.close()


def test_who_sends_a_letter_now_and_then_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of the whole request, and not of each of its bytes."""
    monkeypatch.setattr(module._Handler, "timeout", 0.5)
    listen = Listen("127.0.0.1", free())
    with MetricsServer(listen, One()):
        with socket.create_connection((listen.host, listen.port)) as slow:
            slow.settimeout(0.1)
            began, ended = time.monotonic(), False
            while not ended and time.monotonic() - began < 10:
                try:
                    slow.sendall(b"x")
                    ended = slow.recv(1) == b""
                except TimeoutError:
                    continue
                except OSError:
                    ended = True
            assert ended
        url = f"http://127.0.0.1:{listen.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"\none 1.0\n" in answer.read()
