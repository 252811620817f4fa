# SPDX-License-Identifier: Apache-2.0
"""Processes that live and end in every way, with what wait4(2) tells of them as the truth."""

import ctypes
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# seconds of processor time that threads burn
BURN, THREADS = 0.15, 3
# What the scheduler may not have counted yet, in seconds; and the part of all that a process can
# use behind its end, to free its memory.
UNCOUNTED, FREEING = 0.15, 0.25
FILES, CHILDREN, CONNECTIONS = 3, 5, 2
# exit(2), which ends a thread alone
EXIT = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
NAMES = (
    *("code", "joined", "cut", "thread_ends_all", "one_by_one", "thread_runs_a_program"),
    *("programs", "aborted", "dumped", "killed", "real_time", "busy"),
)
_libc = ctypes.CDLL(None)


class Lived(NamedTuple):
    """A process that has ended.

    Attributes:
        pid: Its number.
        status: As wait(2) has it.
        usage: Its own, and that of its children.
        wanted: Members of its record.
        alone: It had no children, so that all of the usage is its own.
    """

    pid: int
    status: int
    usage: resource.struct_rusage
    wanted: dict[str, Any]
    alone: bool


def _burn(seconds: float = BURN) -> None:
    begun = time.thread_time()
    while time.thread_time() - begun < seconds:
        pass


def _threads(count: int, body: Callable[[], object]) -> list[threading.Thread]:
    made = [threading.Thread(target=body, daemon=True) for _ in range(count)]
    for each in made:
        each.start()
    return made


def _joined() -> None:
    for each in _threads(THREADS, _burn):
        each.join()
    os._exit(31)


def _cut() -> None:
    """End while threads still run."""
    _threads(THREADS, lambda: _burn(600))
    while time.process_time() < THREADS * BURN:
        time.sleep(0.01)
    os._exit(37)


def _thread_ends_all() -> None:
    """The first thread is gone long before another one ends the process."""

    def last() -> None:
        _burn()
        os._exit(41)

    _threads(1, last)
    _libc.syscall(EXIT, 7)


def _one_by_one() -> None:
    """Each thread ends itself alone, the first one first."""

    def last() -> None:
        time.sleep(0.1)
        _burn()
        _libc.syscall(EXIT, 9)

    _threads(1, last)
    _libc.syscall(EXIT, 7)


def _thread_runs_a_program() -> None:
    _threads(1, lambda: os.execv("/bin/sh", ["sh", "-c", "exit 43"]))
    signal.pause()


def _programs() -> None:
    os.execv("/bin/sh", ["sh", "-c", "exec /bin/sh -c 'exec /bin/sh -c \"exit 47\"'"])


def _aborted() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.abort()


def _dumped(folder: Path) -> None:
    """Leave a core in the folder, if that is where this machine puts it."""
    os.chdir(folder)
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    signal.pause()


def _signalled(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.pause()


def _busy(folder: Path) -> None:
    """Write files, one of them by two names, read one; fork; connect to itself."""
    (folder / "read").read_bytes()
    for number in range(FILES):
        (folder / f"f{number}").write_bytes(b"x" * 11)
    os.link(folder / "f0", folder / "other")
    with (folder / "other").open("ab") as other:
        other.write(b"y")
    for _ in range(CHILDREN):
        if not os.fork():
            os._exit(0)
        os.wait()
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(CONNECTIONS):
            client = socket.create_connection(server.getsockname())
            taken, _ = server.accept()
            client.sendall(b"z" * 13)
            taken.recv(13)
            client.close()
            taken.close()


def run(base: Path) -> dict[str, Lived]:
    """Live each life, one after the other."""
    folder = base / "lives"
    folder.mkdir()
    (folder / "read").write_bytes(b"r")
    real_time = int(signal.SIGRTMIN) + 3
    lives: dict[str, tuple[Callable[[], object], dict[str, Any]]] = {
        "code": (lambda: os._exit(29), {}),
        "joined": (_joined, {}),
        "cut": (_cut, {}),
        "thread_ends_all": (_thread_ends_all, {}),
        "one_by_one": (_one_by_one, {}),
        "thread_runs_a_program": (_thread_runs_a_program, {"EXEC": 1}),
        "programs": (_programs, {"EXEC": 3}),
        "aborted": (_aborted, {}),
        "dumped": (lambda: _dumped(folder), {}),
        "killed": (lambda: _signalled(signal.SIGKILL), {}),
        "real_time": (lambda: _signalled(real_time), {}),
        "busy": (lambda: _busy(folder), {}),
    }
    names: dict[int, str] = {
        signal.SIGKILL: "SIGKILL",
        signal.SIGABRT: "SIGABRT",
        signal.SIGSEGV: "SIGSEGV",
        real_time: "SIGRTMIN+3",
    }
    assert tuple(lives) == NAMES
    done = {}
    for name, (life, events) in lives.items():
        child = os.fork()
        if not child:
            try:
                life()
            finally:
                os._exit(0)
        _, status, usage = os.wait4(child, 0)
        did = (FILES, 2 * CONNECTIONS, CHILDREN) if name == "busy" else (0, 0, 0)
        counts = ("ProcFilesWritten", "ProcConnections", "ProcChildren")
        wanted = {
            "ProcEvents": events | {"FORK": 1, "EXIT": 1},
            **dict(zip(counts, did, strict=True)),
        }
        if os.WIFSIGNALED(status):
            wanted["ProcExitSignal"] = names[os.WTERMSIG(status)]
        else:
            wanted["ProcExitCode"] = os.WEXITSTATUS(status)
        if os.WCOREDUMP(status):
            del wanted["ProcFilesWritten"]  # the kernel writes the core
        done[name] = Lived(child, status, usage, wanted, alone=name != "busy")
    return done
