# SPDX-License-Identifier: Apache-2.0
"""The kernel side's counters, as a record of the contract."""

from collections.abc import Iterable
from typing import Any

from kflowd.bpf import standby
from kflowd.bpf.ffi import check, ffi, lib
from kflowd.model import ProgramUse


class Counters:
    """Reads the counters of all programs.

    Args:
        counters: File descriptor of kf_counters.
        primaries: Programs that have a standby.
        others: All other programs.

    Attributes:
        processes_lost: Records of processes that were lost, when `record` was called last.
        uses: What the kernel counted of each program until then, by file descriptor.
    """

    def __init__(self, counters: int, primaries: Iterable[int], others: Iterable[int]) -> None:
        self.processes_lost = 0
        self.uses: dict[int, ProgramUse] = {}
        self._counters = counters
        self._primaries = tuple(primaries)
        self._others = tuple(others)
        # made while standbys were attached and their primaries not yet: nothing was skipped
        self._early_runs = self.standby_runs()

    def standby_runs(self) -> int:
        """Return how many runs standbys have made in place of primaries, since they were loaded."""
        return self._sum(ffi.new("__u64[]", lib.KF_CNT_MAX))

    def record(
        self, now_ns: int, *, given_up: int = 0, hidden: int = 0, sockets_hidden: int = 0
    ) -> bytes:
        """Return a struct kf_counters_record with the counters summed over CPUs.

        Args:
            now_ns: CLOCK_BOOTTIME.
            given_up: Operations that sweeps have given up; they count as those of the programs.
            hidden: Events of files in what sweeps took and rules hide; the same.
            sockets_hidden: Sockets that sweeps met and rules hide; the same.
        """
        record = ffi.new("struct kf_counters_record *")
        record.hdr.kind = lib.KF_KIND_COUNTERS
        record.hdr.version = lib.KF_VERSION
        record.hdr.size = ffi.sizeof("struct kf_counters_record")
        record.hdr.ts_ns = now_ns
        skipped = self._skipped_runs(self._primaries)
        runs = self._sum(record.counters) - self._early_runs
        record.counters[lib.KF_CNT_FILE_LOST_PENDING] += given_up
        record.counters[lib.KF_CNT_FILE_HIDDEN] += hidden
        record.counters[lib.KF_CNT_SOCK_HIDDEN] += sockets_hidden
        self.processes_lost = int(record.counters[lib.KF_CNT_PROC_LOST_RING])
        record.missed = standby.missed(skipped, runs, self._skipped_runs(self._others))
        return bytes(ffi.buffer(record))

    def _sum(self, counters: Any) -> int:  # noqa: ANN401 - cffi has no types
        runs = ffi.new("__u64 *")
        result = lib.kf_counters__sum(self._counters, counters, runs)
        check(result, "kf_counters__sum", "reading counters")
        return int(runs[0])

    def _skipped_runs(self, programs: Iterable[int]) -> int:
        """Return how often the kernel skipped a program because it was running already."""
        use = ffi.new("struct kf_prog_use *")
        total = 0
        for fd in programs:
            check(lib.kf_prog__use(fd, use), "bpf_obj_get_info_by_fd", "counting skipped runs")
            self.uses[fd] = ProgramUse(int(use.misses), int(use.runs), int(use.run_ns))
            total += int(use.misses)
        return total
