# SPDX-License-Identifier: Apache-2.0
"""How the programs in the kernel have run: those of kflowd, and those of others beside them."""

import errno
import time
from collections.abc import Callable
from typing import NamedTuple

from kflowd.bpf.ffi import check, ffi, lib, text_of
from kflowd.bpf.kernel.program_times import ProgramTimes

# More than any host has; ids only grow, so the walk ends by itself.
MOST_PROGRAMS = 10_000
# linux/bpf.h, enum bpf_prog_type; what is not here keeps its number
TYPES = {
    1: "socket_filter",
    2: "kprobe",
    3: "sched_cls",
    4: "sched_act",
    5: "tracepoint",
    6: "xdp",
    7: "perf_event",
    8: "cgroup_skb",
    9: "cgroup_sock",
    13: "sock_ops",
    15: "cgroup_device",
    17: "raw_tracepoint",
    18: "cgroup_sock_addr",
    26: "tracing",
    27: "struct_ops",
    28: "ext",
    29: "lsm",
    31: "syscall",
}


class Program(NamedTuple):
    """A program in the kernel.

    Attributes:
        id: As bpftool shows it.
        type: As bpftool names it, a number for what is unknown here.
        name: The first 15 letters of it.
        bytes: Of its machine code.
        runs: While statistics were on.
        run_ns: The time that these took.
        misses: Runs that the kernel skipped since it was loaded.
    """

    id: int
    type: str
    name: str
    bytes: int
    runs: int
    run_ns: int
    misses: int


def programs() -> list[Program]:
    """Return all programs, by id.

    Raises:
        BpfCallError: The kernel does not tell.
    """
    found: list[Program] = []
    stats, at = ffi.new("struct kf_prog_stats *"), 0
    while len(found) < MOST_PROGRAMS:
        result = int(lib.kf_prog__next(at, stats))
        if result == -errno.ENOENT:
            break
        check(result, "bpf_prog_get_next_id", "listing programs")
        at = int(stats.id)
        found.append(
            Program(
                at,
                TYPES.get(int(stats.type), str(int(stats.type))),
                text_of(stats.name),
                int(stats.bytes),
                int(stats.runs),
                int(stats.run_ns),
                int(stats.misses),
            )
        )
    return found


def over(seconds: float, sleep: Callable[[float], None] = time.sleep) -> list[Program]:
    """Return all programs that there are after a while, with the runs of that while alone.

    Raises:
        BpfCallError: The kernel does not count, or does not tell.
    """
    with ProgramTimes():
        before = {it.id: it for it in programs()}
        sleep(seconds)
        return [_since(before.get(it.id), it) for it in programs()]


def _since(before: Program | None, now: Program) -> Program:
    if before is None:
        return now
    return now._replace(runs=now.runs - before.runs, run_ns=now.run_ns - before.run_ns)
