# SPDX-License-Identifier: Apache-2.0
"""The command that a run is for: started when all is attached, and its end is the run's.

A child is forked while there is one thread, and waits. So the programs that are attached meanwhile
see all that it does: it is told to go on, and runs the command.
"""

import errno
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from kflowd.closeable import Closeable
from kflowd.errors import CommandError

STDOUT, STDERR = 1, 2
NOT_EXECUTABLE, NOT_FOUND = 126, 127  # as of a shell
SHELL = "/bin/sh"
# Python ignores these from its start on; who runs the command does not.
PYTHONS = (signal.SIGPIPE, signal.SIGXFSZ)
TERMINAL = "/dev/tty"
# A terminal sends these to all of its foreground processes.
FROM_TERMINAL = {signal.SIGINT, signal.SIGQUIT}
NUMBER_BYTES = 4
# After a signal the end has five seconds: this is the command's part of them.
GRACE_NS = 1_500_000_000


class Command(Closeable):
    """A child that waits until it is to run a command.

    To be made while the process has one thread. What the command prints goes to standard error:
    standard output is for records.

    Args:
        path: Of the program.
        arguments: Of the command, its name first.
        own_tgid: Called in the child: its number as the kernel's programs know it.

    Attributes:
        tgid: What that is.
    """

    def __init__(
        self, path: str, arguments: Sequence[str], own_tgid: Callable[[], int] = os.getpid
    ) -> None:
        self._path = path
        self._status: int | None = None  # as wait(2) has it
        self._started = False
        # its end interrupts what the main thread waits in, and is kept for us (not SIG_IGN)
        self._before = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        hears, self._go = os.pipe()
        self._came, tells = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(self._go)
            os.close(self._came)
            _be(path, arguments, own_tgid, hears, tells)
        os.close(hears)
        os.close(tells)
        self.tgid = self._read_number()

    def start(self) -> None:
        """Let the child run the command."""
        self._started = True
        with suppress(BrokenPipeError):  # a signal has ended it
            os.write(self._go, b"\0")

    @property
    def ended(self) -> bool:
        """Whether it has: its end is seen, and nobody else gets its number yet."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return self._status is not None or os.waitid(os.P_PID, self._pid, options) is not None

    def pass_on(self, number: int) -> None:
        """Send it a signal that has come, but for one that its terminal sends it, too."""
        if not self.ended and not (number in FROM_TERMINAL and _is_in_foreground()):
            os.kill(self._pid, number)

    def exit_code(self) -> int | None:
        """Return its exit status as a shell counts it, None: it runs on.

        Raises:
            CommandError: It could not be executed.
        """
        if self._status is None and self.ended:
            self._status = os.waitpid(self._pid, 0)[1]
            if number := self._read_number():
                raise self._failed(number)
        if self._status is None:
            return None
        code = os.waitstatus_to_exitcode(self._status)
        return 128 - code if code < 0 else code

    def __str__(self) -> str:
        # a name may hold anything, a line break too
        name = "".join(letter if letter.isprintable() else "?" for letter in self._path)
        return f"{name} ({self._pid})"

    def close(self) -> None:
        """Let it go on by itself if it was started; else it ends."""
        if self._go < 0:
            return
        os.close(self._go)
        self._go = -1
        if not self._started and self._status is None:
            self._status = os.waitpid(self._pid, 0)[1]
        os.close(self._came)
        signal.signal(signal.SIGCHLD, self._before)

    def _read_number(self) -> int:
        return int.from_bytes(os.read(self._came, NUMBER_BYTES), "little")

    def _failed(self, number: int) -> CommandError:
        missing = number in {errno.ENOENT, errno.ENOTDIR}
        code = NOT_FOUND if missing else NOT_EXECUTABLE
        return CommandError(f"running {self._path}: {os.strerror(number)}", code)


class Asked(Protocol):
    """What asks for the end of a run; kflowd.runner.Signals is one."""

    asked_ns: int | None
    number: int


class CommandEnd:
    """Ends a run with its command; a signal that comes is passed on, and the command has a while.

    Args:
        command: Of the run.
        signals: That come.
    """

    def __init__(self, command: Command, signals: Asked) -> None:
        self._command = command
        self._signals = signals
        self._passed = False

    @property
    def stop(self) -> bool:
        """Whether the run is to end."""
        if self._command.ended:
            return True
        asked_ns = self._signals.asked_ns
        if asked_ns is None:
            return False
        if not self._passed:
            self._passed = True
            self._command.pass_on(self._signals.number)
        return time.monotonic_ns() - asked_ns >= GRACE_NS


def find_program(name: str) -> str:
    """Return the path of a program.

    Raises:
        CommandError: There is none, or none that can be executed.
    """
    found = shutil.which(name) if name else None
    if found is not None:
        return found
    if "/" in name:
        if Path(name).is_dir():
            raise CommandError(f"running {name}: it is a directory", NOT_EXECUTABLE)
        there = Path(name).exists()
    else:
        there = bool(name) and shutil.which(name, os.F_OK) is not None
    if there:
        raise CommandError(f"running {name}: it is not executable", NOT_EXECUTABLE)
    raise CommandError(f"running {name!r}: there is no such program", NOT_FOUND)


def _be(
    path: str, arguments: Sequence[str], own_tgid: Callable[[], int], hears: int, tells: int
) -> None:
    """Be the child: wait, then run the command. Does not return."""
    try:
        for number in PYTHONS:
            signal.signal(number, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.write(tells, own_tgid().to_bytes(NUMBER_BYTES, "little"))
        if os.read(hears, 1):
            os.dup2(STDERR, STDOUT)
            _execute(path, arguments)
    except OSError as error:
        os.write(tells, (error.errno or errno.EIO).to_bytes(NUMBER_BYTES, "little"))
    finally:
        os._exit(NOT_FOUND)


def _execute(path: str, arguments: Sequence[str]) -> None:
    try:
        os.execv(path, list(arguments))  # noqa: S606 - it is the user's own command
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    # a script that names no interpreter: as execvp(3) runs it
    os.execv(SHELL, [SHELL, path, *arguments[1:]])  # noqa: S606 - as above


def _is_in_foreground() -> bool:
    """Say whether this process is one of those that its terminal sends signals to."""
    try:
        terminal = os.open(TERMINAL, os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
