# SPDX-License-Identifier: Apache-2.0
"""How the kernel side of a run does: its programs, its memory, and what waits for user space."""

from typing import NamedTuple


class ProgramUse(NamedTuple):
    """What the kernel counts of a program (struct bpf_prog_info).

    Attributes:
        misses: Runs that it skipped because the CPU was in that program; 0 where it does not count.
        runs: Runs while the kernel counted them, 0 unless that is wanted.
        run_ns: What these took.
    """

    misses: int
    runs: int
    run_ns: int


class Waited(NamedTuple):
    """What waited for the drain.

    Attributes:
        lag_ns: From the making of a record to the moment that the drain handed it out: the longest
            of the last seconds.
        ring_bytes: Most that was in the ring in that time, when it was emptied.
        backlog_bytes: Out of the ring and not handed out yet, by the newest batch.
    """

    lag_ns: int = 0
    ring_bytes: int = 0
    backlog_bytes: int = 0


class KernelLoad(NamedTuple):
    """All of it, at one moment.

    Attributes:
        programs: By what distinguishes them: "file/kf_open", and "(standby)" behind second copies.
        map_bytes: Memory by map.
        program_bytes: Memory of all programs.
        ring_size: Bytes that the ring has.
        waited: What waited for the drain.
    """

    programs: dict[str, ProgramUse]
    map_bytes: dict[str, int]
    program_bytes: int
    ring_size: int
    waited: Waited
