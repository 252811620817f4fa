# SPDX-License-Identifier: Apache-2.0
"""The kernel side's counters, as a record of the contract."""

from collections.abc import Iterable

from kflowd.bpf.ffi import check, ffi, lib


def missed_runs(program_fds: Iterable[int]) -> int:
    """Return how often the kernel skipped a program because it was running already."""
    total = 0
    count = ffi.new("__u64 *")
    for fd in program_fds:
        check(lib.kf_prog__misses(fd, count), "bpf_obj_get_info_by_fd", "counting missed runs")
        total += int(count[0])
    return total


def counters_record(
    map_fd: int, copied: Iterable[int], others: Iterable[int], now_ns: int
) -> bytes:
    """Return a struct kf_counters_record with the counters summed over CPUs.

    Args:
        map_fd: kf_counters.
        copied: The first copies of the programs that have copies.
        others: All other programs; what the kernel skips of them nobody takes over.
        now_ns: CLOCK_BOOTTIME.
    """
    record = ffi.new("struct kf_counters_record *")
    record.hdr.kind = lib.KF_KIND_COUNTERS
    record.hdr.version = lib.KF_VERSION
    record.hdr.size = ffi.sizeof("struct kf_counters_record")
    record.hdr.ts_ns = now_ns
    skipped = missed_runs(copied)
    taken_over = ffi.new("__u64 *")
    result = lib.kf_counters__sum(map_fd, record.counters, taken_over)
    check(result, "kf_counters__sum", "reading counters")
    # A second copy that is attached alone for a moment takes over what was not skipped.
    record.missed = missed_runs(others) + max(0, skipped - int(taken_over[0]))
    return bytes(ffi.buffer(record))
