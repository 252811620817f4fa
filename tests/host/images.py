# SPDX-License-Identifier: Apache-2.0
"""Workloads in which one process runs several programs, or a child begins within another."""

import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.host.workloads import Facts

CHAIN, BYTES, LINES = 23, 3, 5
CLONE_PARENT, SIGCHLD = 0x8000, 17
CLONE = {"x86_64": 56, "aarch64": 220}
SH = "/bin/sh"
BASH = str(Path(shutil.which("bash") or "/bin/bash").resolve())
DD = str(Path(shutil.which("dd") or "/bin/dd").resolve())
ECHO = str(Path(shutil.which("echo") or "/bin/echo").resolve())
TRUE = str(Path(shutil.which("true") or "/bin/true").resolve())
COPY = (DD, "bs=1", f"count={BYTES}", "status=none")
# writes a line to descriptor 7 and begins anew with a smaller number, until that is 1
STEP = 'echo x >&7; test $1 -gt 1 && exec /bin/sh -c "$0" "$0" $(($1 - 1)); true'
BORN = """
import ctypes, os, sys
if ctypes.CDLL(None).syscall(int(sys.argv[2]), int(sys.argv[3]), 0, 0, 0, 0) == 0:
    os.close(os.open(sys.argv[1], os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os._exit(0)
"""


class Did(NamedTuple):
    """What one program did to a file; its last argument is compared if it is not empty."""

    program: str
    events: dict[str, int]
    argument: str = ""


class Images(NamedTuple):
    """A workload, and what its programs did, by file.

    Attributes:
        work: Runs in a process of its own.
        files: What exactly was done, in any order.
        unseen: Events that the tracepoint mode may not see.
    """

    work: Callable[[str], Facts]
    files: dict[str, tuple[Did, ...]]
    unseen: tuple[str, ...] = ()


PYTHON = str(Path(sys.executable).resolve())
OPENED = {"CREATE": 1, "OPEN": 1}
MADE = Did(PYTHON, OPENED)
COPIED = Did(DD, {"MODIFY": BYTES, "CLOSE_WRITE": 1}, COPY[-1])
READ = Did(DD, {"ACCESS": BYTES, "CLOSE_NOWRITE": 1}, COPY[-1])


def _make(path: str, number: int) -> None:
    """Open a new file under a number that a program inherits; nothing else has it."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    os.dup2(descriptor, number)
    os.close(descriptor)


def _take(path: str, number: int) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.dup2(descriptor, number)
    os.close(descriptor)


def by_shell(folder: str) -> Facts:
    """`program > file` in a shell that goes on, and whose child opens the file."""
    os.spawnv(os.P_WAIT, BASH, ["bash", "-c", f"{ECHO} text > {folder}/out; true"])
    return {}


def by_exec_of_shell(folder: str) -> Facts:
    """`exec program > file` in a shell."""
    os.spawnv(os.P_WAIT, SH, ["sh", "-c", f"exec {ECHO} text > {folder}/out"])
    return {}


def by_exec(folder: str) -> Facts:
    """Open both ends, then run a program that copies."""
    _take(f"{folder}/in", 0)
    _make(f"{folder}/out", 1)
    os.execv(DD, COPY)


def by_thread(folder: str) -> Facts:
    """The same, and exec is called by a thread that is not the first."""
    _take(f"{folder}/in", 0)
    _make(f"{folder}/out", 1)
    thread = threading.Thread(target=os.execv, args=(DD, COPY))
    thread.start()
    thread.join()
    return {}


def by_spawn(folder: str) -> Facts:
    """The same by posix_spawn, which opens in a child that shares our memory."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    actions: list[Any] = [
        (os.POSIX_SPAWN_OPEN, 0, f"{folder}/in", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, f"{folder}/out", flags, 0o644),
    ]
    os.waitpid(os.posix_spawn(DD, COPY, os.environ, file_actions=actions), 0)
    return {}


def by_chain(folder: str) -> Facts:
    """One process runs program after program, and each writes."""
    _make(f"{folder}/out", 7)
    os.execv(SH, ("sh", "-c", STEP, STEP, str(CHAIN)))


def closed_on_exec(folder: str) -> Facts:
    """A descriptor that exec closes."""
    descriptor = os.open(f"{folder}/out", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.write(descriptor, b"x")
    os.execv(ECHO, ("echo",))


def closed_by_next(folder: str) -> Facts:
    """A descriptor that the next program closes, and that is all it does."""
    _make(f"{folder}/out", 7)
    os.execv(TRUE, ("true", "7"))


def not_executed(folder: str) -> Facts:
    """An exec that fails, and then a write."""
    try:
        os.execv(f"{folder}/none", ("none",))
    except OSError:
        os.close(os.open(f"{folder}/out", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    return {}


def by_born(folder: str) -> Facts:
    """A child with CLONE_PARENT: it runs its creator's program, and is the child of a shell."""
    number = str(CLONE[os.uname().machine])
    code = [PYTHON, "-I", "-S", "-c", BORN, f"{folder}/out", number, str(CLONE_PARENT | SIGCHLD)]
    os.spawnv(os.P_WAIT, SH, ["sh", "-c", '"$@"; wait; sleep 0.5', "sh", *code])
    return {}


SHELL = str(Path(SH).resolve())
WORKLOADS = {
    "shell": Images(
        by_shell,
        {"out": (Did(BASH, OPENED), Did(ECHO, {"MODIFY": 1, "CLOSE_WRITE": 1}, "text"))},
    ),
    "exec-of-shell": Images(
        by_exec_of_shell,
        {"out": (Did(SHELL, OPENED), Did(ECHO, {"MODIFY": 1, "CLOSE_WRITE": 1}, "text"))},
    ),
    **{
        name: Images(work, {"in": (Did(PYTHON, {"OPEN": 1}), READ), "out": (MADE, COPIED)})
        for name, work in {"exec": by_exec, "thread": by_thread, "spawn": by_spawn}.items()
    },
    "chain": Images(
        by_chain,
        {
            "out": (
                MADE,
                *(Did(SHELL, {"MODIFY": 1}, str(n)) for n in range(CHAIN, 1, -1)),
                Did(SHELL, {"MODIFY": 1, "CLOSE_WRITE": 1}, "1"),
            )
        },
    ),
    "closed-on-exec": Images(
        closed_on_exec,
        {"out": (Did(PYTHON, OPENED | {"MODIFY": 1, "CLOSE_WRITE": 1}),)},
        unseen=("CLOSE_WRITE",),
    ),
    "closed-by-next": Images(closed_by_next, {"out": (MADE, Did(TRUE, {"CLOSE_WRITE": 1}, "7"))}),
    "not-executed": Images(
        not_executed,
        {
            "none": (Did(PYTHON, {"OPEN_EXEC": 1, "ACCESS": 1, "CLOSE_NOWRITE": 1}),),
            "out": (Did(PYTHON, OPENED | {"CLOSE_WRITE": 1}),),
        },
        unseen=("OPEN_EXEC", "ACCESS", "CLOSE_NOWRITE"),
    ),
    "born": Images(
        by_born, {"out": (Did(PYTHON, OPENED | {"CLOSE_WRITE": 1}, str(CLONE_PARENT | SIGCHLD)),)}
    ),
}


def prepare(folder: Path) -> None:
    """Make the folder of a workload and what lies in it."""
    folder.mkdir()
    (folder / "in").write_bytes(b"i" * 64)
    (folder / "none").write_text("no program\n")
    (folder / "none").chmod(0o755)
