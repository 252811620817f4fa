# SPDX-License-Identifier: Apache-2.0
"""Servers of Debian, whose connections are used by others than who accepted them.

What each program moved is what strace says of the same run.
"""

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.agent import Agent, Record, Result
from tests.host.servers import Connection, Server

HOST = "127.0.0.1"
BYTES = 100_003
USER, SSHD_USER = "kf-user", "sshd"
KINDS = {"ed25519": "host", "ecdsa": "client"}


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder that everybody can reach, also who is not root."""
    with tempfile.TemporaryDirectory(prefix="kflowd-servers-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def need(*programs: str) -> None:
    """Skip where a server is not installed; `make test` installs it, and fails where it is not."""
    for program in programs:
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            pytest.skip(f"needs {program}")


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind((HOST, 0))
        port: int = reserved.getsockname()[1]
        return port


def of_server(result: Result, port: int, client: int) -> Record:
    """Return the one record of the server's end of a connection."""
    found = [
        each
        for each in result.records
        if (each.get("SockLocalPort"), each.get("SockRemotePort")) == (port, client)
    ]
    assert len(found) == 1, found
    return found[0]


def check(result: Result, port: int, connections: dict[int, Connection]) -> None:
    """Each connection has the users that strace has seen, with exactly their bytes."""
    assert result.exit_code == 0
    for client, (owner, moved) in connections.items():
        record = of_server(result, port, client)
        assert record["SockRole"] == "SERVER"
        assert (record["Proc"], record["ProcPID"]) == (owner.program, owner.pid)
        sums = tuple(map(sum, zip(*moved.values(), strict=True)))
        assert sums == (record["SockTxBytes"], record["SockRxBytes"])
        wanted = sorted((image.program, image.pid, *sizes) for image, sizes in moved.items())
        entries = record.get("SockUsers", [])
        found = [
            (each["Proc"], each["ProcPID"], each["TxBytes"], each["RxBytes"]) for each in entries
        ]
        assert sorted(found) == ([] if set(moved) <= {owner} else wanted)
        # the client is one program, and has its own end alone
        (mine,) = (
            each
            for each in result.records
            if (each.get("SockLocalPort"), each.get("SockRemotePort")) == (client, port)
        )
        assert "SockUsers" not in mine


def echo(client: socket.socket, size: int) -> None:
    """Send so many bytes, say that they are all, and receive as many."""
    client.sendall(b"i" * size)
    client.shutdown(socket.SHUT_WR)
    while size:
        piece = len(client.recv(1 << 16))
        assert 0 < piece <= size
        size -= piece
    assert client.recv(1) == b""


def test_inetd(place: Path) -> None:
    """What inetd accepts is used by the program that it starts, and by nobody else."""
    need("inetd", "strace", "unshare")
    port = free_port()
    cat = place / "kf-cat"
    shutil.copy(shutil.which("cat") or "/bin/cat", cat)
    configuration = place / "inetd.conf"
    configuration.write_text(f"{HOST}:{port} stream tcp nowait root {cat} kf-cat\n")
    clients: list[int] = []
    with Agent("-m", "socket") as agent:
        with Server(place, ["inetd", "-i", str(configuration)], port) as server:
            for size in (41, BYTES):
                with socket.create_connection((HOST, port)) as client:
                    clients.append(client.getsockname()[1])
                    client.sendall(b"i" * size)
                    client.shutdown(socket.SHUT_WR)
                    assert sum(map(len, iter(lambda: client.recv(1 << 16), b""))) == size
        result = agent.stop()

    connections = server.connections(clients)
    assert [list(each.moved.values()) for each in connections.values()] == [
        [(41, 41)],
        [(BYTES, BYTES)],
    ]
    assert {image.program for each in connections.values() for image in each.moved} == {"kf-cat"}
    check(result, port, connections)


def ssh_files(place: Path, port: int) -> Path:
    """Make keys, users and a configuration for sshd; return the configuration."""
    for kind, name in KINDS.items():
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(place / name)]
        subprocess.run(command, check=True)
    # root's own shell may run what root has configured
    (place / "passwd").write_text(
        "root:x:0:0::/:/bin/sh\n"
        f"{SSHD_USER}:x:64998:65534::/run/sshd:/usr/sbin/nologin\n"
        f"{USER}:x:64999:65534::/:/bin/sh\n"
    )
    (place / "shadow").write_text("".join(f"{it}:*:19000::::::\n" for it in ("root", USER)))
    (place / "shadow").chmod(0o600)
    configuration = place / "sshd_config"
    configuration.write_text(
        f"ListenAddress {HOST}\nPort {port}\nHostKey {place}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {place}/client.pub\nStrictModes no\nPermitRootLogin yes\n"
    )
    return configuration


@pytest.mark.parametrize("user", ["root", USER])
def test_sshd(user: str, place: Path) -> None:
    """What sshd accepts is used by a child, by the one without privileges, and by the session."""
    need("sshd", "ssh", "strace", "unshare")
    port = free_port()
    configuration = ssh_files(place, port)
    prepare = "\n".join(
        [
            "mkdir /run/sshd",
            *(f"mount --bind {place}/{it} /etc/{it}" for it in ("passwd", "shadow")),
        ]
    )
    sshd = shutil.which("sshd", path="/usr/sbin:/sbin") or "/usr/sbin/sshd"
    command = ["ssh", "-F", "none", "-i", str(place / "client"), "-p", str(port), "-T"]
    for option in ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes"):
        command += ["-o", option]
    with Agent("-m", "socket") as agent:
        with Server(
            place, [sshd, "-D", "-e", "-f", str(configuration)], port, prepare=prepare
        ) as server:
            done = subprocess.run(
                [*command, "-o", "IdentitiesOnly=yes", f"{user}@{HOST}", "cat"],
                input=b"s" * BYTES,
                stdout=subprocess.PIPE,
                timeout=60,
                check=True,
            )
        result = agent.stop()

    assert len(done.stdout) == BYTES
    ((client, connection),) = server.connections().items()
    # who accepted sends nothing; its child sends the banner; then comes the one without privileges.
    # Root's session is the first child's, another user's has a third process
    assert connection.owner not in connection.moved
    pids = {image.pid for image in connection.moved}
    assert len(pids) == (2 if user == "root" else 3)
    assert max(sent for sent, _ in connection.moved.values()) > BYTES
    check(result, port, {client: connection})


def test_postgres(place: Path) -> None:
    """What the postmaster accepts is used by a backend; over a UNIX socket that is the owner."""
    need("psql", "strace", "unshare")
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    if not programs:
        pytest.skip("needs postgres")
    folder, port, data = Path(programs[-1]).parent, free_port(), place / "data"
    place.chmod(0o777)
    setup = [str(folder / "initdb"), "-D", str(data), "-A", "trust", "--no-sync", "-U", "postgres"]
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    subprocess.run([*as_postgres, *setup], check=True, stdout=subprocess.DEVNULL, cwd="/")
    (data / "postgresql.conf").write_text(
        f"port = {port}\nlisten_addresses = '{HOST}'\nunix_socket_directories = '{place}'\n"
        "fsync = off\n"
    )
    query = ["psql", "-X", "-p", str(port), "-U", "postgres", "-d", "postgres", "-Atc"]
    query.append(f"select repeat('p', {BYTES})")
    with Agent("-m", "socket") as agent:
        with Server(
            place, [programs[-1], "-D", str(data)], port, end=signal.SIGINT, user="postgres"
        ) as server:
            for where in (HOST, str(place)):
                _ask(query, where)
        result = agent.stop()

    connections = server.connections()
    answered = [it for it in connections.values() if any(tx > BYTES for tx, _ in it.moved.values())]
    assert len(answered) == 1
    for connection in connections.values():
        (backend,) = connection.moved
        assert backend.program == "postgres"
        assert backend.pid != connection.owner.pid == server.process.pid
    check(result, port, connections)
    address = str(place / f".s.PGSQL.{port}")
    served = [
        each
        for each in result.records
        if each.get("SockAddress") == address and each.get("SockTxBytes", 0) > BYTES
    ]
    assert [(each["Proc"], each["SockRole"]) for each in served] == [("postgres", "SERVER")]
    assert served[0]["ProcPID"] != server.process.pid
    assert all("SockUsers" not in each for each in result.records if "SockAddress" in each)


def _ask(query: list[str], where: str) -> None:
    """Ask until the database has started: it listens before that."""
    for _ in range(100):
        done = subprocess.run(
            [*query, "-h", where], stdout=subprocess.PIPE, check=False, timeout=60, cwd="/"
        )
        if done.returncode == 0:
            assert len(done.stdout) == BYTES + 1
            return
    raise AssertionError("the database did not start")
