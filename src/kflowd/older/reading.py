# SPDX-License-Identifier: Apache-2.0
"""Reads the arguments of all processes from proc, in threads that may hang and delay nobody.

/proc/PID/cmdline takes the lock of the process's memory and may have to read it from swap.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from kflowd.contract import constants
from kflowd.downstream.finding import status_of

# For one reading of all; some 20,000 processes.
PATIENCE_S = 1.0
# A process that takes so long is left to its thread, and another one goes on.
STEP_S = 0.05
MOST_THREADS = 8
# Of a process table that others have filled; each is some 300 bytes, 2 KiB at most.
MOST_PROCESSES = 32768


class Found(NamedTuple):
    """What proc says of a process.

    Attributes:
        ticks: When it began, clock ticks since boot.
        exe: Path of its executable, as bytes that may be any.
        args: Its arguments, a NUL behind each, one byte more than KF_ARGS_MAX at most.
    """

    ticks: int
    exe: bytes
    args: bytes


def read_one(pid: int) -> Found | None:
    """Return what proc says of a process; None: it is gone, or has no executable."""
    status = status_of(pid)
    if status is None:
        return None
    try:
        exe = os.readlink(b"/proc/%d/exe" % pid)
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            args = file.read(constants()["KF_ARGS_MAX"] + 1)
    except OSError:
        return None
    return Found(status.process.ticks, exe, args) if args else None


def read_all(
    read: Callable[[int], Found | None] = read_one, patience_s: float = PATIENCE_S
) -> dict[int, Found]:
    """Return what was read of all processes in time, by number."""
    found: dict[int, Found] = {}
    pids = deque(int(name) for name in os.listdir("/proc") if name.isdecimal())
    end = time.monotonic() + patience_s

    def work() -> None:
        while pids and len(found) < MOST_PROCESSES and time.monotonic() < end:
            try:
                pid = pids.popleft()
            except IndexError:  # another thread took the last one
                return
            if (it := read(pid)) is not None:
                found[pid] = it

    for _ in range(MOST_THREADS):
        worker = threading.Thread(target=work, name="older", daemon=True)
        worker.start()
        before = -1
        while worker.is_alive() and len(pids) != before and time.monotonic() < end:
            before = len(pids)
            worker.join(STEP_S)
        if not worker.is_alive() or not pids or time.monotonic() >= end:
            break
    return dict(found)


def confirmed(first: Mapping[int, Found], second: Mapping[int, Found]) -> dict[int, Found]:
    """Return what was the same at both times: so it was between them."""
    return {pid: it for pid, it in first.items() if second.get(pid) == it}
