# SPDX-License-Identifier: Apache-2.0
"""Messages between programs of Debian that speak DNS, HTTP and SYSLOG, as the records tell them."""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from tests.host import talks
from tests.host.agent import Agent, Record, Result
from tests.host.talked import ends, free_port, options, said
from tests.host.test_servers import need

HOST = talks.HOST
BODY = "hello kflowd\n"
NAME = "kf.example"
NGINX = """\
daemon off; worker_processes 1; error_log {place}/error; pid {place}/pid;
events {{ }}
http {{
  access_log off; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  types {{ text/plain txt; }}
  server {{ listen {host}:{port}; root {place}/root; }}
}}
"""


@contextmanager
def served(port: int, *command: str) -> Iterator[None]:
    """Run a server until the end of the block; it is ready when it answers at a port."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
        try:
            end = time.monotonic() + 20
            while not _answers(port):
                assert it.poll() is None, command
                assert time.monotonic() < end, command
                time.sleep(0.05)
            yield
        finally:
            it.terminate()


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


@contextmanager
def nginx(port: int) -> Iterator[None]:
    """Run nginx with one small file."""
    with tempfile.TemporaryDirectory(prefix="kflowd-nginx-") as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "root").mkdir()
        (place / "root" / "kf.txt").write_text(BODY)
        config = place / "nginx.conf"
        config.write_text(NGINX.format(place=place, host=HOST, port=port))
        with served(port, shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config)):
            yield


@contextmanager
def python(port: int) -> Iterator[None]:
    """Run the server of Python's library."""
    with tempfile.TemporaryDirectory(prefix="kflowd-python-") as name:
        (Path(name) / "kf.txt").write_text(BODY)
        server = ("-m", "http.server", "--bind", HOST, "--directory", name, str(port))
        with served(port, sys.executable, *server):
            yield


def of_client(result: Result, port: int, program: str) -> list[Record]:
    """Return the records of the ends of a program, in order."""
    return [
        each
        for each in result.records
        if each.get("SockRemotePort") == port and each["Proc"] == program
    ]


@pytest.mark.parametrize("server", [nginx, python], ids=lambda it: it.__name__)
def test_http_clients(server: Callable[[int], AbstractContextManager[None]]) -> None:
    """Three files by curl over one connection and one by wget; the server's ends say the same."""
    need("nginx", "curl", "wget")
    port = free_port()
    url = f"http://{HOST}:{port}/kf.txt"
    with server(port), Agent("-m", "socket", *options(port, "http")) as agent:
        subprocess.run(["curl", "-sS", url, url, f"{url}?none"], check=True, capture_output=True)
        subprocess.run(["wget", "-q", "-O", "/dev/null", url], check=True)
        result = agent.finish()
    assert result.exit_code == 0
    keeps = server is nginx  # the other one speaks HTTP/1.0
    by_curl, by_wget = (of_client(result, port, it) for it in ("curl", "wget"))
    assert len(by_curl) == (1 if keeps else 3)
    asked = [it for each in by_curl for it in said(each, "AppTxHttp")]
    answered = [it for each in by_curl for it in said(each, "AppRxHttp")]
    # a record shows four messages
    assert [it["_Url"] for it in asked] == ["/kf.txt"] * 2 + ([] if keeps else ["/kf.txt?none"])
    assert sum(each.get("AppMessages", 2) for each in by_curl) == 6
    for it in asked:
        assert (it["_Method"], it["_Version"], it["Host"]) == ("GET", "HTTP/1.1", f"{HOST}:{port}")
        assert it["User-Agent"].startswith("curl/")
    for it in answered:
        assert (it["_Status"], it["_Body"]) == (200, BODY.rstrip())
        assert it["Content-Length"] == str(len(BODY))
        assert "_Exception" not in it
        assert "_Notes" not in it
    (record,) = by_wget
    (it,) = said(record, "AppTxHttp")
    assert it["User-Agent"].startswith("Wget/")
    # what a client has sent is what its server has received
    servers = {
        each["SockRemotePort"]: each
        for each in result.records
        if each.get("SockLocalPort") == port and each["SockRole"] == "SERVER"
    }
    for each in (*by_curl, *by_wget):
        other = servers.pop(each["SockLocalPort"])
        for ours, theirs in (("AppTxHttp", "AppRxHttp"), ("AppRxHttp", "AppTxHttp")):
            assert said(each, ours) == said(other, theirs)
    assert not servers


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_dig_and_dnsmasq(protocol: str) -> None:
    """A name that there is, with two addresses, and one that there is not."""
    need("dig", "dnsmasq")
    port = free_port()
    command = [
        *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"),
        *("--no-poll", "--no-daemon", "--pid-file=", f"--listen-address={HOST}", f"--port={port}"),
        *("--bind-interfaces", "--local=/example/", "--cache-size=0", "--user=root"),
        *(f"--host-record={NAME},192.0.2.7,2001:db8::7,600", f"--txt-record={NAME},a b"),
    ]
    command[0] = shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"
    given = [] if protocol == "udp" else ["+tcp"]
    with served(port, *command), Agent("-m", "socket", *options(port, "dns", protocol)) as agent:
        for name, kind in ((NAME, "A"), (NAME, "AAAA"), (NAME, "TXT"), (f"no.{NAME}", "A")):
            subprocess.run(
                ["dig", *given, "-p", str(port), f"@{HOST}", name, kind, "+noall"],
                check=True,
                capture_output=True,
            )
        result = agent.finish()
    assert result.exit_code == 0
    wanted = {
        (NAME, "A"): ("NOERROR", [["A", NAME, 600, "IN", "192.0.2.7"]]),
        (NAME, "AAAA"): ("NOERROR", [["AAAA", NAME, 600, "IN", "2001:db8::7"]]),
        (NAME, "TXT"): ("NOERROR", [["TXT", NAME, 0, "IN", '"a b"']]),
        (f"no.{NAME}", "A"): ("NXDOMAIN", []),
    }
    clients = [
        each for each in result.records if each.get("SockRemotePort") == port and "App" in each
    ]
    assert len(clients) == len(wanted)
    for record in clients:
        assert (record["App"], record["SockRole"]) == ("DNS", "CLIENT")
        (question,) = said(record, "AppTxDns")
        ((kind, name),) = question["ResourceRecords"]
        (answer,) = said(record, "AppRxDns")
        code, answers = wanted.pop((name, kind))
        assert answer["TransactionId"] == question["TransactionId"]
        assert (answer["ResponseCode"], answer["ResourceRecords"]) == (code, answers)
        assert answer["AnswerCount"] == len(answers)
        assert "_Exception" not in answer
    assert not wanted


@pytest.mark.parametrize("form", ["--rfc5424=notq", "--rfc3164"])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_logger(protocol: str, form: str) -> None:
    """A line by logger(1), in both forms and over both protocols."""
    need("logger")
    port = free_port()
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind((HOST, port))
        if protocol == "tcp":
            server.listen()
            reading = threading.Thread(target=_read_all, args=(server,))
            reading.start()
        with Agent("-m", "socket", *options(port, "syslog", protocol)) as agent:
            subprocess.run(
                [
                    *("logger", f"--{protocol}", "-n", HOST, "-P", str(port), form),
                    *("-p", "local4.warning", "-t", "kf", "--id=4711", "a line of text"),
                ],
                check=True,
            )
            if protocol == "tcp":
                reading.join()
            else:
                server.recv(1024)
            found = ends(agent.finish(), port)
    (line,) = said(found["CLIENT"], "AppTxSyslog")
    assert {
        key: line[key] for key in ("Facility", "Severity", "Priority", "Appname", "ProcId")
    } == {
        "Facility": "Local4",
        "Severity": "Warning (4)",
        "Priority": 20 * 8 + 4,
        "Appname": "kf",
        "ProcId": "4711",
    }
    assert (line["Version"], line["Message"]) == (int("5424" in form), "a line of text")
    assert "_Exception" not in line


def _read_all(server: socket.socket) -> None:
    peer, _ = server.accept()
    with peer:
        while peer.recv(4096):
            pass
