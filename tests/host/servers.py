# SPDX-License-Identifier: Apache-2.0
"""Real servers under strace, which says what each program image moved over each connection.

A server has a mount namespace with a /run, users and configuration of its own: what runs on the
machine is not touched. It ends with its `with` block, and so do all processes that it has started.
"""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from kflowd.closeable import Closeable
from tests.host.peers import SECONDS, until

# reads and writes, as strace shows them with the inode of a socket
_MOVED = re.compile(r"^(\w+)\(\d+<socket:\[(\d+)\]>.* = (\d+)$")
_TAKEN = re.compile(r"^accept4?\(.* = \d+<socket:\[(\d+)\]>$")
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_BEGUN = re.compile(r"^v?(?:fork|clone3?)\(.* = (\d+)$")
_RUN = re.compile(r'^execve\("([^"]+)".* = 0$')
_SENDS = {"write", "writev", "sendto", "sendmsg"}
_RECEIVES = {"read", "readv", "recvfrom", "recvmsg"}
_CALLS = ",".join((*_SENDS, *_RECEIVES, "accept,accept4,execve,clone,clone3,fork,vfork"))
# another way to move bytes would be missing in the sums
_OTHERS = "sendmmsg,recvmmsg,sendfile,splice,io_uring_setup"


class Image(NamedTuple):
    """A program of a process: the same one again is another."""

    program: str
    pid: int
    execs: int


class Connection(NamedTuple):
    """What strace saw of one.

    Attributes:
        owner: Who accepted it.
        moved: Bytes sent and received, of who moved any.
    """

    owner: Image
    moved: dict[Image, tuple[int, int]]


class Server(Closeable):
    """A server that is traced.

    Args:
        folder: Where the output of strace goes; everybody may read it.
        command: What runs in the foreground.
        port: Where it listens, on 127.0.0.1.
        end: The signal that ends it.
        user: Who runs it.
        prepare: Lines of shell: what is done before, as root, in the namespace.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        port: int,
        *,
        end: int = signal.SIGTERM,
        user: str = "root",
        prepare: str = "",
    ) -> None:
        self._traces = folder / "traces"
        self._command = command
        self._port = port
        self._end = end
        self._user = user
        self._prepare = prepare
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self._traces.mkdir()
        trace = ["strace", "-D", "-ff", "-y", "-s", "0", "-e", f"trace={_CALLS},{_OTHERS}"]
        trace += ["-u", self._user] if self._user != "root" else []
        whole = [*trace, "-o", str(self._traces / "of"), *self._command]
        script = f'set -e\nmount -t tmpfs tmpfs /run\n{self._prepare}\nexec "$@"'
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", *whole],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            until(lambda: self._listens() or self.process.poll() is not None, "it does not listen")
            assert self.process.poll() is None, f"{self._command} ended"
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End the server, wait for what it has started, and let nothing stay."""
        self.process.send_signal(self._end)
        try:
            self.process.wait(SECONDS)
            until(lambda: not list(filter(_goes_on, self._traces.iterdir())), "it goes on")
        finally:
            for pid in map(_pid_of, filter(_goes_on, self._traces.iterdir())):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        assert not self._listens()

    def _listens(self) -> bool:
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        fields = [line.split() for line in lines]
        return any(
            it[3] == "0A" and int(it[1].rpartition(":")[2], 16) == self._port for it in fields
        )

    def connections(self, clients: Sequence[int] = ()) -> dict[int, Connection]:
        """Return what was accepted by TCP, by the port of the client, when all has ended.

        Args:
            clients: Their ports in the order of connections, if the server does not ask for them.
        """
        seen = _Trace(self._traces)
        seen.follow(self.process.pid, "")
        asked = [port for port, _, _ in seen.accepted]
        ports = clients or asked
        assert len(ports) == len(asked)
        return {
            port: Connection(owner, seen.moved.get(inode, {}))
            for port, (_, owner, inode) in zip(ports, seen.accepted, strict=True)
            if port
        }


class _Trace:
    """What is read from the files of strace, one for each process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.accepted: list[tuple[int, Image, int]] = []
        self.moved: dict[int, dict[Image, tuple[int, int]]] = {}

    def follow(self, pid: int, program: str) -> None:
        """Read what a process did, which begins with a program, and what its children did."""
        image = Image(program, pid, 0)
        for line in (self._folder / f"of.{pid}").read_text().splitlines():
            assert "CLONE_THREAD" not in line
            assert line.partition("(")[0] not in _OTHERS.split(",")
            if found := _RUN.match(line):
                image = Image(Path(found[1]).resolve().name, pid, image.execs + 1)
            elif found := _BEGUN.match(line):
                self.follow(int(found[1]), image.program)
            elif found := _TAKEN.match(line):
                port = _PORT.search(line)  # none: UNIX, or not asked for
                self.accepted.append((int(port[1]) if port else 0, image, int(found[1])))
            elif (found := _MOVED.match(line)) and "MSG_PEEK" not in line:
                self._add(image, found[1], int(found[2]), int(found[3]))

    def _add(self, image: Image, call: str, inode: int, size: int) -> None:
        if not size or call not in _SENDS | _RECEIVES:
            return
        images = self.moved.setdefault(inode, {})
        sent, received = images.get(image, (0, 0))
        both = (sent + size, received) if call in _SENDS else (sent, received + size)
        images[image] = both


def _goes_on(trace: Path) -> bool:
    """Say whether strace has not seen the end of a process."""
    return "+++ " not in trace.read_text()[-200:]


def _pid_of(trace: Path) -> int:
    return int(trace.name.rpartition(".")[2])
