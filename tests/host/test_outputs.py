# SPDX-License-Identifier: Apache-2.0
"""Several outputs of one run: each has what it is for, and none pays for another."""

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.agent import COMMAND, Agent, Record, file_records, health_records, losses, run

FILES = 211
MANY = 3001
END_SECONDS = 5.0
WRITTEN = "FileEvents.MODIFY > 0"
_LINE = re.compile(r"^  (\S+ \S+): (\d+) written, (\d+) lost \((.*)\)$", re.MULTILINE)


class Collector(threading.Thread):
    """Takes all that comes over one connection at a time, or as datagrams, and keeps it."""

    def __init__(self, server: socket.socket) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.data: list[bytes] = []
        self._leave = False
        self.server.settimeout(0.2)
        self.start()

    def run(self) -> None:
        """Collect until told to leave and nothing comes."""
        connection = self.server if self.server.type == socket.SOCK_DGRAM else None
        while True:
            try:
                if connection is None:
                    connection, _ = self.server.accept()
                    connection.settimeout(0.2)
                piece = connection.recv(1 << 20)
            except TimeoutError:
                if self._leave:
                    break
                continue
            if not piece:
                connection.close()
                connection = None
                continue
            self.data.append(piece)
        if connection is not None:
            connection.close()

    def texts(self) -> list[bytes]:
        """Return what has come, when nothing more does."""
        self._leave = True
        self.join(60)
        self.server.close()
        if self.server.type == socket.SOCK_DGRAM:
            return self.data
        return b"".join(self.data).split(b"\n")[:-1]


def messages(collector: Collector) -> Iterator[bytes]:
    """Yield the texts of messages of syslog, taken apart as RFC 6587 and RFC 5424 say."""
    collector.texts()
    stream = b"".join(collector.data)
    while stream:
        size, _, rest = stream.partition(b" ")
        message, stream = rest[: int(size)], rest[int(size) :]
        head, _, text = message.partition(b" - ")
        record = json.loads(text)
        assert head.startswith(b"<30>1 20")
        assert head.split()[2:4] == [record["InfoHostName"].encode(), b"kflowd"]
        assert head.split()[5] == record["InfoMonitor"].encode()
        yield text


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system that is full soon."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", path], check=True)
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def listener(path: Path, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(str(path))
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


def closed_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port: int = nobody.getsockname()[1]
    return port


def settings(path: Path, *tables: dict[str, object]) -> str:
    """Write a file of settings with these outputs; return its path."""
    lines = []
    for table in tables:
        lines.append("[[output]]")
        lines += [f"{key} = {written(value)}" for key, value in table.items()]
    path.write_text("\n".join(lines))
    return str(path)


def written(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {written(it)}" for key, it in value.items()) + " }"
    return json.dumps(value if isinstance(value, int | list) else str(value))


def work(folder: Path, count: int, name: str = "file") -> None:
    for number in range(count):
        (folder / f"{name}{number}").write_bytes(b"x")


def names(records: list[Record], folder: Path) -> set[str]:
    return {each["File"] for each in file_records(records, folder)}


def test_each_output_has_what_it_is_for(folder: Path, tmp_path: Path) -> None:
    """The same records in each form, those of some kinds alone where that is asked for."""
    tcp = Collector(socket.create_server(("127.0.0.1", 0)))
    stream = Collector(listener(tmp_path / "stream", socket.SOCK_STREAM))
    datagram = Collector(listener(tmp_path / "datagram", socket.SOCK_DGRAM))
    syslog = Collector(socket.create_server(("127.0.0.1", 0)))
    port = tcp.server.getsockname()[1]
    address = f"127.0.0.1:{syslog.server.getsockname()[1]}"
    config = settings(
        tmp_path / "kflowd.toml",
        {"sink": "file", "path": tmp_path / "all"},
        {"sink": "file", "path": tmp_path / "health", "records": ["health"], "format": "json"},
        {"sink": "file", "path": tmp_path / "people", "format": "compact"},
        {"sink": "file", "path": tmp_path / "some", "where": f'File == "file7" and {WRITTEN}'},
        {"sink": "tcp", "address": f"localhost:{port}"},
        {"sink": "unix", "path": tmp_path / "stream"},
        {"sink": "unixgram", "path": tmp_path / "datagram"},
        {"sink": "syslog", "address": address, "transport": "tcp"},
    )
    with Agent("-m", "file", "-C", config) as agent:
        work(folder, FILES)
        result = agent.finish()

    assert result.exit_code == 0, result.stderr
    everything = result.stdout.split(b"\n\x1e\n")[:-1]
    assert names(result.records, folder) == {f"file{n}" for n in range(FILES)}
    assert (tmp_path / "all").read_bytes().split(b"\n")[:-1] == everything
    assert tcp.texts() == everything
    assert stream.texts() == everything
    assert datagram.texts() == everything
    assert list(messages(syslog)) == everything
    assert len((tmp_path / "people").read_bytes().splitlines()) == len(everything)
    some = [json.loads(line) for line in (tmp_path / "some").read_bytes().splitlines()]
    assert [it["File"] for it in some] == ["file7"]
    told = (tmp_path / "health").read_text()
    assert told.count("HealthFileEvents") == len(health_records(result.records))
    assert "FilePath" not in told
    assert not losses(result.records)


def test_an_output_that_fails_costs_the_others_nothing(
    folder: Path, tmp_path: Path, small: Path
) -> None:
    """A full disk, nobody there, a reader that stands still, one that goes away, a bad name."""
    good = Collector(socket.create_server(("127.0.0.1", 0)))
    still = socket.create_server(("127.0.0.1", 0))
    still.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    closed = closed_port()
    gone = listener(tmp_path / "gone", socket.SOCK_STREAM)
    queue = {"bytes": "64KiB"}
    config = settings(
        tmp_path / "kflowd.toml",
        {"sink": "file", "path": small / "full", "queue": queue},
        {"sink": "tcp", "address": f"127.0.0.1:{closed}", "queue": queue},
        {"sink": "tcp", "address": f"127.0.0.1:{still.getsockname()[1]}", "queue": queue},
        {"sink": "tcp", "address": "no-such-host.invalid:9", "queue": queue},
        {"sink": "unix", "path": tmp_path / "gone", "queue": queue},
        {"sink": "unixgram", "path": tmp_path / "not there", "queue": {"age": 1}},
        {"sink": "file", "path": tmp_path / "all"},
        {"sink": "tcp", "address": f"127.0.0.1:{good.server.getsockname()[1]}"},
    )
    with Agent("-m", "file", "-C", config) as agent:
        work(folder, 1, "first")
        connection, _ = gone.accept()
        connection.recv(1000)
        connection.close()
        gone.close()
        work(folder, MANY)
        agent.settle()
        began = time.monotonic()
        result = agent.stop()
        ended = time.monotonic() - began

    assert ended < END_SECONDS
    assert result.exit_code == 1
    everything = result.stdout.split(b"\n\x1e\n")[:-1]
    assert names(result.records, folder) == {"first0"} | {f"file{n}" for n in range(MANY)}
    assert (tmp_path / "all").read_bytes().split(b"\n")[:-1] == everything
    assert good.texts() == everything
    lines = {name: (int(out), int(lost)) for name, out, lost, _ in _LINE.findall(result.stderr)}
    # "not there" has a space
    assert len(lines) == 5, result.stderr
    assert {out + lost for out, lost in lines.values()} == {len(everything)}
    full = (small / "full").read_bytes()
    assert full.count(b"\n") == lines[f"file {small}/full"][0] > 0
    rest = iter(everything)
    assert all(each in rest for each in full.splitlines())
    assert lines[f"tcp 127.0.0.1:{closed}"][0] == 0
    assert lines["tcp no-such-host.invalid:9"][0] == 0
    still.close()


@pytest.mark.parametrize("how", ["signal", "hang-up", "itself"])
def test_a_file_that_was_renamed_is_begun_anew(folder: Path, tmp_path: Path, how: str) -> None:
    """At once when asked by a signal, by itself within seconds; no record is in neither file."""
    path, old = tmp_path / "records", tmp_path / "records.old"
    config = settings(tmp_path / "kflowd.toml", {"sink": "file", "path": path})
    # without a terminal, as a service is
    with Agent("-m", "file", "-C", config, command=["setsid", *COMMAND]) as agent:
        work(folder, 101, "a")
        time.sleep(3)
        path.rename(old)
        if how != "itself":
            number = signal.SIGUSR1 if how == "signal" else signal.SIGHUP
            agent.process.send_signal(number)
        time.sleep(2)
        work(folder, 103, "b")
        agent.settle()
        result = agent.stop()

    assert result.exit_code == 0, result.stderr
    texts = (old.read_bytes() + path.read_bytes()).split(b"\n")[:-1]
    assert texts == result.stdout.split(b"\n\x1e\n")[:-1]
    assert names([json.loads(it) for it in path.read_bytes().splitlines()], folder)
    assert path.stat().st_mode & 0o777 == 0o600


def test_files_of_a_size(folder: Path, tmp_path: Path) -> None:
    """All that there are have all records, the newest in the file without a number."""
    path = tmp_path / "records"
    rotate = {"size": "64KiB", "keep": 1000, "compress": "gzip"}
    config = settings(tmp_path / "kflowd.toml", {"sink": "file", "path": path, "rotate": rotate})
    # what others do beside it would push the first files out
    with Agent("-m", "file", "-C", config, "--include", f"path={folder}") as agent:
        work(folder, MANY)
        result = agent.finish()

    assert result.exit_code == 0, result.stderr
    numbered = sorted(
        (it for it in tmp_path.iterdir() if it.name.startswith("records.")),
        key=lambda it: -int(it.name.split(".")[1]),
    )
    assert len(numbered) > 20
    contents = [
        gzip.decompress(it.read_bytes()) if it.suffix == ".gz" else it.read_bytes()
        for it in numbered
    ]
    assert all(len(it) <= 64 << 10 for it in contents)
    texts = (b"".join(contents) + path.read_bytes()).split(b"\n")[:-1]
    assert texts == result.stdout.split(b"\n\x1e\n")[:-1]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Before anything is loaded; a link is none of ours."""
    path = tmp_path / "records"
    os.symlink(tmp_path / "other", path)
    config = settings(tmp_path / "kflowd.toml", {"sink": "file", "path": path})
    done = run("-m", "file", "-C", config, "--duration", "1")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"kflowd: writing records to file {path}: Too many levels of symbolic links"
    )
    assert not (tmp_path / "other").exists()
