# SPDX-License-Identifier: Apache-2.0
"""Directories with plugins that the agent takes, and servers that talk for them."""

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.host.agent import ROOT

HOST = "127.0.0.1"
EXAMPLES = ROOT / "docs" / "plugins"
FAULTY = ROOT / "tests" / "data" / "plugins" / "faulty.py"
PROGRAMS = FAULTY.with_name("programs.py")


@contextmanager
def folder(*sources: Path) -> Iterator[Path]:
    """Yield a directory of root's with copies of plugins: /tmp is everybody's."""
    with tempfile.TemporaryDirectory(prefix="kflowd-test-", dir="/run") as name:
        place = Path(name)
        place.chmod(0o755)
        for source in sources:
            shutil.copy(source, place / source.name)
            (place / source.name).chmod(0o644)
        yield place


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Listen, say the same to all who say something; yield the port."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    if client.recv(4096):
                        client.sendall(answer)
                    while client.recv(4096):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def say(port: int, text: bytes) -> int:
    """Say something, take an answer, and hang up; return the port that it came from."""
    with socket.create_connection((HOST, port)) as client:
        client.sendall(text)
        assert client.recv(4096)
        number: int = client.getsockname()[1]
        return number


def workers() -> set[int]:
    """Return the processes of plugins on this host."""
    found = set()
    for place in Path("/proc").iterdir():
        try:
            if b"kflowd.plugins.worker" in (place / "cmdline").read_bytes():
                found.add(int(place.name))
        except (OSError, ValueError):
            continue
    return found
