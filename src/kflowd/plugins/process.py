# SPDX-License-Identifier: Apache-2.0
"""The process of a plugin as the agent has it: started, written to and read without waiting."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

import kflowd
from kflowd.closeable import Closeable
from kflowd.plugins.places import Place
from kflowd.plugins.wire import LENGTH_BYTES, MAX_ANSWER, Frames

# The interpreter's own places, without that of the caller's directory, and ours.
BOOT = (
    "import sys; sys.path += [it for it in sys.argv[1].split(':') if it not in sys.path]; "
    "from kflowd.plugins.worker import main; main(sys.argv[2:])"
)
PLACES = (kflowd, msgspec)
RECEIVED = 1 << 16
LAST_WAIT_S = 1.0
STAT_START = 19  # of the fields behind the name in /proc/PID/stat: clock ticks from boot


class Process(Closeable):
    """A process that loads a plugin and answers.

    Args:
        place: Of the plugin.
        memory: Bytes of address space that it may take.

    Attributes:
        pid: Its number.
    """

    def __init__(self, place: Place, memory: int) -> None:
        ours, theirs = socket.socketpair()
        life, self._life = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [
                    *(sys.executable, "-I", "-c", BOOT, ":".join(_directories())),
                    *map(str, (theirs.fileno(), life, memory, place.name, place.path or "")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), life),
                cwd="/",
                env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
                start_new_session=True,
            )
        except OSError:
            ours.close()
            os.close(self._life)
            raise
        finally:
            theirs.close()
            os.close(life)
        os.set_blocking(ours.fileno(), False)
        self._socket = ours
        self._frames = Frames(MAX_ANSWER + LENGTH_BYTES)
        self._unsent = bytearray()
        self.pid = self._process.pid

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    @property
    def unsent(self) -> int:
        """Bytes that it has not taken yet."""
        return len(self._unsent)

    @property
    def identity(self) -> tuple[int, int] | None:
        """Number and beginning in clock ticks, None if it is gone."""
        with suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
            return self.pid, int(text.rpartition(")")[2].split()[STAT_START])
        return None

    def send(self, data: bytes = b"") -> None:
        """Write what it takes now, and keep the rest.

        Raises:
            OSError: It is gone.
        """
        self._unsent += data
        with suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]

    def receive(self) -> Iterator[bytes]:
        """Yield the frames that have come.

        Raises:
            OSError: It is gone.
            WireError: What came is no frame.
        """
        with suppress(BlockingIOError):
            data = self._socket.recv(RECEIVED)
            if not data:
                raise ConnectionError("it has ended")
            self._frames.add(data)
        while (body := self._frames.next()) is not None:
            yield body

    def close(self) -> None:
        """Kill it, with all that it has started, and wait for its end."""
        if self._life < 0:
            return
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        self._socket.close()
        os.close(self._life)
        self._life = -1
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LAST_WAIT_S)

    def ended(self) -> str:
        """Return how it ended: "killed by SIGSEGV", "ended with 1"; waits a moment for it."""
        try:
            code = self._process.wait(LAST_WAIT_S)
        except subprocess.TimeoutExpired:
            return "closed its end"
        if code >= 0:
            return f"ended with {code}"
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"


def _directories() -> list[str]:
    found = [Path(it.__file__).parent.parent for it in PLACES if it.__file__]
    return list(dict.fromkeys(map(str, found)))
