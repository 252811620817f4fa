# SPDX-License-Identifier: Apache-2.0
"""Where records come from: a file or a stream, or an agent that runs as our child."""

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from kflowd.closeable import Closeable
from kflowd.errors import KflowdError, UsageError

STDIN = 0
CHUNK_BYTES = 1 << 18
# the end of what an agent says, its summary
MOST_SAID = 16384
# How long an agent may take to end; it has five seconds itself.
END_S = 7.0


class Source(Protocol):
    """What the loop reads."""

    title: str
    live: bool
    stays: bool
    ended: bool

    def descriptors(self) -> Sequence[int]:
        """Return what to poll."""

    def read(self, number: int, /) -> bytes:
        """Return bytes of records from a descriptor that is ready."""

    def stop(self) -> None:
        """Ask it to end; what it has left is read until it has ended."""


class File(Closeable):
    """Records of a file, or of a stream that goes on.

    Args:
        path: "-" is standard input.

    Attributes:
        live: They come as they happen: from a pipe, a FIFO, a socket.
        stays: There is something to look at when it has ended.
        ended: All is read.

    Raises:
        KflowdError: It cannot be read.
    """

    stays = True

    def __init__(self, path: str) -> None:
        self.ended = False
        self.title = path if path != "-" else "standard input"
        if path == "-" and os.isatty(STDIN):
            raise UsageError("reading -: standard input is a terminal")
        try:
            self._number = os.dup(STDIN) if path == "-" else os.open(path, os.O_RDONLY)
            mode = os.fstat(self._number).st_mode
        except OSError as error:
            raise KflowdError(f"reading {path}: {error.strerror}") from None
        if stat.S_ISDIR(mode):
            os.close(self._number)
            raise KflowdError(f"reading {path}: it is a directory")
        self.live = not stat.S_ISREG(mode)

    def descriptors(self) -> Sequence[int]:
        """Return that of the file until all is read."""
        return () if self.ended else (self._number,)

    def read(self, number: int) -> bytes:
        """Return the next bytes.

        Raises:
            KflowdError: The file cannot be read further.
        """
        try:
            data = os.read(number, CHUNK_BYTES)
        except BlockingIOError:  # standard input as others have set it
            return b""
        except OSError as error:
            raise KflowdError(f"reading {self.title}: {error.strerror}") from None
        self.ended = not data
        return data

    def stop(self) -> None:
        """Read no further."""
        self.ended = True

    def close(self) -> None:
        """Close the file."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1


class Agent(Closeable):
    """An agent of this program as a child. A context manager that ends it.

    It has a session of its own: keys of the terminal are not for it, and we end it.

    Args:
        arguments: Options of its run.
        command: What runs it.

    Attributes:
        ended: It has written all.
    """

    title = "live"
    live = True
    stays = False

    def __init__(self, arguments: Sequence[str], command: Sequence[str] | None = None) -> None:
        # -P: no module of the working directory is taken for ours
        command = command or (sys.executable, "-P", "-m", "kflowd")
        self.ended = False
        self._said = b""
        self._process = subprocess.Popen(  # noqa: S603 - it is this program
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdout is not None  # noqa: S101 - for mypy: they are pipes
        assert self._process.stderr is not None  # noqa: S101 - as above
        self._pipes = [self._process.stdout, self._process.stderr]
        self._records = self._process.stdout.fileno()

    def descriptors(self) -> Sequence[int]:
        """Return those of standard output and standard error until they are closed."""
        return [pipe.fileno() for pipe in self._pipes]

    def read(self, number: int) -> bytes:
        """Return bytes of records; what it says is kept."""
        data = os.read(number, CHUNK_BYTES)
        if not data:
            for pipe in [it for it in self._pipes if it.fileno() == number]:
                self._pipes.remove(pipe)
                pipe.close()
            self.ended = not self._pipes
        if number == self._records:
            return data
        self._said = (self._said + data)[-MOST_SAID:]
        return b""

    def said(self) -> list[str]:
        """Return the lines of its standard error, the last ones if there are many."""
        return self._said.decode("utf-8", "replace").splitlines()

    def stop(self) -> None:
        """Send it SIGTERM: it writes what is left, and ends."""
        self._process.terminate()

    def exit_code(self) -> int:
        """Wait for its end and return its exit code, as a shell counts it."""
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return 128 - code if code < 0 else code

    def close(self) -> None:
        """End it and wait for that."""
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.close()
        self._pipes = []
        if self._process.returncode is None:
            self.stop()
            self.exit_code()
