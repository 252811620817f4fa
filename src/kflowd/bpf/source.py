# SPDX-License-Identifier: Apache-2.0
"""The source of records: everything of kflowd that is in the kernel, from load to close."""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from kflowd.bpf import hz, preflight
from kflowd.bpf.config import SourceConfig
from kflowd.bpf.counters import counters_record, taken_over
from kflowd.bpf.coverage import Coverage, map_memory, rows_of
from kflowd.bpf.drain import Drain
from kflowd.bpf.features import Feature, probe
from kflowd.bpf.ffi import check, lib, show_log
from kflowd.bpf.kernel import Kernel
from kflowd.bpf.load import OBJECTS, Loader
from kflowd.bpf.loaded import Loaded
from kflowd.bpf.memory import memlock
from kflowd.bpf.settings import read_config
from kflowd.bpf.unpreempted import unpreempted
from kflowd.errors import KflowdError

# Owners of sockets before the sockets, processes before everything.
SNAPSHOTS = ("iter__task", "iter__task_file", "iter__tcp")
TCP_REFRESH = "iter__tcp"


class Source:
    """Hooks, ring and maps. A context manager that opens on entry.

    Args:
        config: What to observe.
        folder: Where the BPF objects are.

    Attributes:
        coverage: What is observed and what is not; complete after `open`, and after a failed
            `open` as far as it came.
    """

    def __init__(self, config: SourceConfig, folder: Path = OBJECTS) -> None:
        self._config = config
        self._folder = folder
        self._loaded: Loaded | None = None
        self._drain: Drain | None = None
        self._taken_before = 0
        self._blinding = False  # our own calls on maps may hide events from kprobes
        self.coverage = Coverage()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Check, load and attach. From here on the kernel fills ring and maps.

        Raises:
            PrivilegeError: not root, a capability or memory is missing.
            FeatureError: the kernel cannot do what is needed.
            ContractError: the BPF objects do not fit this program or are not there.
            BpfError: another failure.
        """
        show_log(1 if self._config.verbose else 0)
        try:
            preflight.check_all(self._config.subsystems)
            with Kernel() as kernel:
                self._load(kernel)
        except BaseException:
            self.close()
            raise

    def _load(self, kernel: Kernel) -> None:
        features = probe(kernel)
        self.coverage = Coverage(features=tuple(features.values()))
        loader = Loader(self._config, kernel, features, self._folder)
        try:
            self._loaded = loader.load()
        finally:
            rows = rows_of(loader.choices)
            self.coverage = Coverage(rows=rows, features=tuple(features.values()))
        self._taken_before = taken_over(self._loaded.maps["kf_counters"])
        by_kprobe = any(row.attach_mode == "kprobe" for row in rows)
        self._blinding = by_kprobe and not features["run_through"].ok
        refresh = self._loaded.link_of(TCP_REFRESH)
        self._drain = Drain(
            self._loaded.maps,
            self._config.idle_ns,
            self._config.active_ns,
            refresh.fd if refresh is not None else -1,
        )
        self.coverage = self._measure(features)

    def _measure(self, features: Mapping[str, Feature]) -> Coverage:
        loaded = self._opened()
        sizes = {name: memlock(fd) for name, fd in loaded.maps.items()}
        return Coverage(
            rows=self.coverage.rows,
            features=tuple(features.values()),
            maps=map_memory(loaded.entries, sizes),
            map_bytes=sum(sizes.values()),
            program_bytes=sum(memlock(fd) for fd in loaded.program_fds()),
        )

    def close(self) -> None:
        """Detach and free everything. May be called twice."""
        if self._drain is not None:
            self._drain.close()
            self._drain = None
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def snapshot(self) -> None:
        """Put the processes and sockets that were there before into the ring and the maps."""
        loaded = self._opened()
        for program in SNAPSHOTS:
            link = loaded.link_of(program)
            if link is not None:
                check(lib.kf_iter__run(link.fd), "bpf_iter_create", f"running {program}")

    def drain(self, timeout_ms: int) -> bytes:
        """Return a batch of records, b"" after the timeout or on a signal.

        Record i + 1 begins at the next multiple of 8 after record i.
        """
        return self._reading().drain(timeout_ms)

    def sweep(self, now_ns: int, exited: Iterable[tuple[int, int]] = ()) -> bytes:
        """Return what is due in the maps as records, and a tick; to be called each second.

        Args:
            now_ns: CLOCK_BOOTTIME.
            exited: (tgid, start_ns) of processes that are gone. Those whose exit record went
                through `drain` are known here already.
        """
        with unpreempted(wanted=self._blinding):
            return self._reading().sweep(now_ns, exited, final=False)

    def final_sweep(self, now_ns: int | None = None) -> bytes:
        """Return everything that is left in the maps, and a tick."""
        now = boottime_ns() if now_ns is None else now_ns
        return self._reading().sweep(now, final=True)

    def stop(self) -> None:
        """Detach all hooks and keep ring, maps and iterators: what follows is the rest."""
        self._opened().detach(kept=SNAPSHOTS)

    def counters(self) -> bytes:
        """Return a struct kf_counters_record."""
        loaded = self._opened()
        fds = loaded.program_fds_by_copies()
        now = boottime_ns()
        with unpreempted(wanted=self._blinding):
            return counters_record(loaded.maps["kf_counters"], *fds, now, self._taken_before)

    @property
    def bad_records(self) -> int:
        """Records of an impossible size that were skipped."""
        return self._reading().bad_records

    def hz(self) -> int:
        """Return the kernel's HZ, 0 when it is unknown. After `snapshot`, it is known mostly."""
        configured = hz.from_config(read_config())
        process = self._opened().object_named("process")
        if configured or process is None:
            return configured
        jiffies = process.read_variable(".bss", "kf_jiffies") or 0
        at_ns = process.read_variable(".bss", "kf_jiffies_ns") or 0
        return hz.from_jiffies(jiffies, at_ns) if jiffies and at_ns else 0

    def _opened(self) -> Loaded:
        if self._loaded is None:
            raise KflowdError("reading from the kernel: the source is not open")
        return self._loaded

    def _reading(self) -> Drain:
        if self._drain is None:
            raise KflowdError("reading from the kernel: the source is not open")
        return self._drain


def own_tgid() -> int:
    """Return this process's id as the kernel's programs see it: in the initial pid namespace.

    In a container os.getpid() is another, and may be that of a process of the host.
    """
    found = int(lib.kf_probe__own_tgid())
    return found if found > 0 else os.getpid()


def boottime_ns() -> int:
    """Return CLOCK_BOOTTIME, the clock of all records."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
