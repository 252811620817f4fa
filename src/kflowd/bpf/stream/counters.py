# SPDX-License-Identifier: Apache-2.0
"""The kernel side's counters, as a record of the contract."""

from collections.abc import Iterable
from typing import Any

from kflowd.bpf.ffi import check, ffi, lib


def missed_runs(program_fds: Iterable[int]) -> int:
    """Return how often the kernel skipped a program because it was running already."""
    total = 0
    count = ffi.new("__u64 *")
    for fd in program_fds:
        check(lib.kf_prog__misses(fd, count), "bpf_obj_get_info_by_fd", "counting missed runs")
        total += int(count[0])
    return total


def taken_over(map_fd: int) -> int:
    """Return how many runs copies have made in place of others.

    Args:
        map_fd: kf_counters.
    """
    return _counters(map_fd, ffi.new("__u64[]", lib.KF_CNT_MAX))


def counters_record(
    map_fd: int, copied: Iterable[int], others: Iterable[int], now_ns: int, taken_before: int = 0
) -> bytes:
    """Return a struct kf_counters_record with the counters summed over CPUs.

    Args:
        map_fd: kf_counters.
        copied: The first copies of the programs that have copies.
        others: All other programs; what the kernel skips of them nobody takes over.
        now_ns: CLOCK_BOOTTIME.
        taken_before: What second copies took over while they were attached alone.
    """
    record = ffi.new("struct kf_counters_record *")
    record.hdr.kind = lib.KF_KIND_COUNTERS
    record.hdr.version = lib.KF_VERSION
    record.hdr.size = ffi.sizeof("struct kf_counters_record")
    record.hdr.ts_ns = now_ns
    skipped = missed_runs(copied)
    taken = _counters(map_fd, record.counters) - taken_before
    # Read later than the runs that were skipped, what was taken over can be a little more.
    record.missed = missed_runs(others) + max(0, skipped - taken)
    return bytes(ffi.buffer(record))


def _counters(map_fd: int, counters: Any) -> int:  # noqa: ANN401 - cffi has no types
    taken = ffi.new("__u64 *")
    result = lib.kf_counters__sum(map_fd, counters, taken)
    check(result, "kf_counters__sum", "reading counters")
    return int(taken[0])
