# SPDX-License-Identifier: Apache-2.0
"""A run in the background: its parent waits until it is ready, and a file has its number.

The fork comes ahead of all threads. Until the child is ready its standard error is the parent's, so
that why it fails is read where it was started, and the parent ends with its exit code.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from kflowd.closeable import Closeable
from kflowd.descriptor import new_file
from kflowd.errors import KflowdError

STDIN, STDOUT, STDERR = 0, 1, 2
MODE = 0o644
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
MOST_BYTES = 32


class Child:
    """The run in the background.

    Args:
        tells: Descriptor of the pipe to the parent.
    """

    def __init__(self, tells: int) -> None:
        self._tells = tells

    def ready(self) -> None:
        """Let the parent end with 0; nobody reads standard error from now on."""
        _to_null(STDERR)
        with suppress(OSError):  # the parent was killed
            os.write(self._tells, b"\0")
        os.close(self._tells)


def detach() -> Child | int:
    """Go on in a child with a session of its own; to be called while there is one thread.

    Returns:
        In the child what it is to tell; in the parent, when the child is ready or has ended, the
        exit code.
    """
    hears, tells = os.pipe()
    pid = os.fork()
    if pid:
        os.close(tells)
        return _wait(pid, hears)
    os.close(hears)
    os.setsid()
    _to_null(STDIN, STDOUT)
    return Child(tells)


def _wait(pid: int, hears: int) -> int:
    try:
        if os.read(hears, 1):
            return 0
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except KeyboardInterrupt:
        # the terminal does not reach it
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(hears)
    return 128 - code if code < 0 else code


def _to_null(*numbers: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in numbers:
        os.dup2(null, number)
    os.close(null)


class PidFile(Closeable):
    """A file with the number of this process, until it ends.

    Args:
        path: Of the file. One that a process which is no more has left is replaced.

    Raises:
        KflowdError: It cannot be made, it is of a process that runs, or it is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        try:
            self._replace()
            number = new_file(path, MODE)
        except OSError as error:
            raise KflowdError(f"writing {path}: {error.strerror}") from None
        found = os.fstat(number)
        self._is = (found.st_dev, found.st_ino)
        try:
            os.fchmod(number, MODE)  # whatever the umask is
            os.write(number, b"%d\n" % os.getpid())
        except OSError as error:
            self.close()
            raise KflowdError(f"writing {path}: {error.strerror}") from None
        finally:
            os.close(number)

    def _replace(self) -> None:
        """Remove a file that is left over."""
        try:
            number = os.open(self._path, READ)
        except FileNotFoundError:
            return
        try:
            text = os.read(number, MOST_BYTES)
        finally:
            os.close(number)
        digits = text.strip()
        if not digits.isdigit() or not 0 < int(digits) < 1 << 31:
            raise KflowdError(f"writing {self._path}: it is there, and no file of a process")
        if _runs(int(digits)):
            raise KflowdError(f"writing {self._path}: process {int(digits)}, whose it is, runs")
        self._path.unlink()

    def close(self) -> None:
        """Remove the file, if it is still this one."""
        with suppress(OSError):
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) == self._is:
                self._path.unlink()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
