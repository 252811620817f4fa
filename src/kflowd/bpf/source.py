# SPDX-License-Identifier: Apache-2.0
"""The source of records: everything of kflowd that is in the kernel, from load to close."""

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from importlib.resources.abc import Traversable
from typing import NamedTuple, Self

from kflowd.bpf import left_out, rules
from kflowd.bpf.ffi import check, ffi, lib, show_log
from kflowd.bpf.hidden_groups import HiddenGroups
from kflowd.bpf.kernel import hz, preflight
from kflowd.bpf.kernel.btf import Kernel
from kflowd.bpf.kernel.coverage import Coverage, map_memory, rows_of
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.kernel.kconfig import read_config
from kflowd.bpf.kernel.layouts import Layouts
from kflowd.bpf.kernel.memory import memlock
from kflowd.bpf.kernel.probing import probe
from kflowd.bpf.kernel.program_times import ProgramTimes
from kflowd.bpf.kernel_load import Load
from kflowd.bpf.loading import builds
from kflowd.bpf.loading.attached import Attached
from kflowd.bpf.loading.loader import FOLLOWED, Loader
from kflowd.bpf.standby import Copy, with_standby
from kflowd.bpf.stream.clock import Clock
from kflowd.bpf.stream.counters import Counters
from kflowd.bpf.stream.drain import Drain
from kflowd.bpf.stream.exited import Exited
from kflowd.bpf.stream.sweep import NO_ITERATOR, Sweep
from kflowd.bpf.stream.unpreempted import unpreempted
from kflowd.closeable import Closeable
from kflowd.errors import KflowdError
from kflowd.model import ClockStep, KernelLoad
from kflowd.settings import TraceSettings
from kflowd.settings.applications import Port

# Processes before everything, owners of sockets before the sockets.
PROCESSES = "iter__task"
SOCKETS = ("iter__task_file", "iter__tcp")
SNAPSHOTS = (PROCESSES, *SOCKETS)
TCP_REFRESH = "iter__tcp"


class Reading(NamedTuple):
    """What empties the ring, from the first programs on."""

    exited: Exited
    drain: Drain


class Stream(NamedTuple):
    """What gets records out."""

    exited: Exited
    drain: Drain
    sweep: Sweep
    counters: Counters
    load: Load


class Source(Closeable):
    """Hooks, ring and maps. A context manager that opens on entry.

    Args:
        config: What to observe.
        folder: Where the BPF objects are.
        self_tgid: Process that is not observed; 0: none.
        followed: Process whose files, and those of its descendants, are observed alone; 0: of all.
        verbose: Show libbpf's warnings on stderr.
        user_ids: Numbers of the users that rules of the configuration name.
        ports: Whose payload is captured.
        program_times: Have the kernel count runs of programs and their time, as long as it is open.

    Attributes:
        coverage: What is observed and what is not; complete after `open`, and after a failed
            `open` as far as it came.
        clock: The kernel's clock and the wall clock, None before `open`.
        refused: What the kernel said of each program that it refused.
        start_ns: When `open` was called, CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        config: TraceSettings,
        folder: Traversable = builds.OBJECTS,
        *,
        self_tgid: int = 0,
        followed: int = 0,
        verbose: bool = False,
        user_ids: Mapping[str, int] | None = None,
        ports: Iterable[Port] = (),
        program_times: bool = False,
    ) -> None:
        self._config = config
        self._program_times = program_times
        self._user_ids = user_ids or {}
        self._ports = tuple(ports)
        self._folder = folder
        self._self_tgid = self_tgid
        self._followed = followed
        self._verbose = verbose
        self._held = ExitStack()
        self._begun = self._held.enter_context(ExitStack())  # of one try to attach
        self._ring: Reading | None = None
        self._attached: Attached | None = None
        self._stream: Stream | None = None
        self._layouts = Layouts(None)
        self._hidden_groups = HiddenGroups({})
        self._processes_lost = 0  # when processes were listed last
        self._blinding = False  # our own calls on maps may hide events from kprobes
        self.coverage = Coverage()
        self.refused: Mapping[str, str] = {}
        self.clock: Clock | None = None
        self.start_ns = 0

    def __enter__(self) -> Self:
        self.open()
        return self

    def open(self) -> None:
        """Check, load and attach. From here on the kernel fills ring and maps.

        Raises:
            PrivilegeError: not root, a capability or memory is missing.
            FeatureError: the kernel cannot do what is needed.
            ContractError: the BPF objects do not fit this program or are not there.
            BpfError: another failure.
        """
        show_log(1 if self._verbose else 0)
        try:
            preflight.check_all(self._config.observed)
            if self._program_times:
                self._held.enter_context(ProgramTimes())
            # ahead of the hooks: each step of the clock is told by them or found by comparing
            self.clock = self._held.enter_context(Clock())
            self.start_ns = self.clock.now_ns()
            with Kernel() as kernel:
                self._load(kernel)
        except BaseException:
            self.close()
            raise

    def _load(self, kernel: Kernel) -> None:
        features = probe(kernel)
        self.coverage = Coverage(features=tuple(features.values()))
        decided = rules.decided(self._config, self._user_ids, features).values
        loader = Loader(
            self._config,
            kernel,
            features,
            self._folder,
            self_tgid=self._self_tgid,
            following=bool(self._followed),
            attached=self._list_first,
            rules=decided,
            ports=self._ports,
        )
        try:
            self._attached = self._held.enter_context(loader.load())
        finally:
            self.refused = loader.last_words
            rows = rows_of(loader.choices)
            self.coverage = Coverage(rows=rows, features=tuple(features.values()))
        if self._followed and FOLLOWED in self._attached.maps:
            self._follow(self._attached.maps[FOLLOWED])
        by_kprobe = any(row.attach_mode == "kprobe" for row in rows)
        self._blinding = by_kprobe and not features["nonpreemptible"].ok
        self._hidden_groups = HiddenGroups(self._attached.maps, blinding=self._blinding)
        self._layouts = Layouts(self._attached.maps.get("kf_layouts"))
        self._layouts.refresh()
        self._stream = self._streaming(self._attached, rules.of_sockets(decided))
        self.coverage = self._measure(features)

    def _follow(self, fd: int) -> None:
        """Follow a process that waits: it makes no child before this."""
        key, whenever = ffi.new("__u32 *", self._followed), ffi.new("__u64 *", 0)
        result = lib.bpf_map_update_elem(fd, key, whenever, 0)
        check(result, "bpf_map_update_elem", "following the command")

    def _list_first(self, attached: Attached, it: Copy) -> None:
        """List the processes behind the programs that tell of them, and ahead of all others.

        So no record is read before the process that it names is known. A refused program begins
        all anew, with another ring.
        """
        if it.program != PROCESSES or it.standby:
            return
        self._begun.close()
        self._ring = self._read(attached)
        self._ring.drain.iterate(attached.links[it].fd, PROCESSES)

    def _read(self, attached: Attached) -> Reading:
        exited = self._begun.enter_context(Exited())
        return Reading(exited, self._begun.enter_context(Drain(attached.maps["kf_ring"], exited)))

    def _streaming(self, attached: Attached, filter_: bytes) -> Stream:
        refresh = attached.link_of(TCP_REFRESH)
        primaries, others = (
            [attached.program_fd(it) for it in copies] for copies in with_standby(attached.links)
        )
        counters = Counters(attached.maps["kf_counters"], primaries, others)
        exited, drain = self._ring or self._read(attached)
        sweep = Sweep(
            attached.maps,
            exited,
            self._config.idle_ns,
            self._config.active_ns,
            tcp_iterator=refresh.fd if refresh is not None else NO_ITERATOR,
            salt=attached.salt,
            filter_=filter_,
        )
        programs = {it: attached.program_fd(it) for it in attached.links}
        load = Load(programs, attached.maps, attached.entries["kf_ring"])
        return Stream(exited, drain, self._held.enter_context(sweep), counters, load)

    def _measure(self, features: Mapping[str, Feature]) -> Coverage:
        attached = self._opened()
        sizes = {name: memlock(fd) for name, fd in attached.maps.items()}
        return Coverage(
            rows=self.coverage.rows,
            features=tuple(features.values()),
            maps=map_memory(attached.entries, sizes),
            map_bytes=sum(sizes.values()),
            program_bytes=sum(memlock(fd) for fd in attached.program_fds()),
        )

    def close(self) -> None:
        """Detach and free everything. May be called twice."""
        self._hidden_groups.close()
        self._stream = None
        self._ring = None
        self._attached = None
        self._held.close()

    def leave_out(self, processes: Iterable[tuple[int, int]]) -> None:
        """Observe these as little as ourselves, from now on and in place of those before.

        May be called by any thread.

        Args:
            processes: (tgid, clock ticks from boot to its start); 16 at most.

        Raises:
            BpfCallError: The kernel refuses.
        """
        ahead_ns = self._ticking().ahead_ns
        data = left_out.packed(processes, os.sysconf("SC_CLK_TCK"), ahead_ns)
        fd, key = self._opened().maps[left_out.MAP], ffi.new("__u32 *", 0)
        with unpreempted(wanted=self._blinding):
            result = lib.bpf_map_update_elem(fd, key, ffi.from_buffer(data), 0)
        check(result, "bpf_map_update_elem", "leaving out who reads the output")

    def hide_group(self, group: int) -> None:
        """Pass by the files of a control group of cgroup2; see HiddenGroups.hide."""
        self._hidden_groups.hide(group)

    def snapshot(self) -> None:
        """Put the sockets that were there before into the maps; the processes are known."""
        for program in SOCKETS:
            self._iterate(program)

    def _iterate(self, program: str) -> None:
        link = self._opened().link_of(program)
        if link is not None:
            self._reading().drain.iterate(link.fd, program)

    def drain(self, timeout_ms: int) -> bytes:
        """Return a batch of records, b"" after the timeout or on a signal.

        Record i + 1 begins at the next multiple of 8 after record i.
        """
        stream = self._reading()
        batch = stream.drain.drain(timeout_ms)
        stream.load.waits.note(*stream.drain.filled(), now_ns=self._ticking().now_ns())
        return batch

    def sweep(self, now_ns: int) -> bytes:
        """Return what is due in the maps as records, and a tick; to be called each second.

        While older records wait to be drained it returns b"", and they follow by `drain`.

        Args:
            now_ns: CLOCK_BOOTTIME as this process sees it.
        """
        now_ns -= self._ticking().ahead_ns
        self._layouts.refresh()
        stream = self._reading()
        stream.drain.fill()
        self._list_again()
        with unpreempted(wanted=self._blinding):
            swept = stream.sweep.run(now_ns, final=False)
        return stream.drain.behind(swept)

    def _list_again(self) -> None:
        """List the processes once more if records of some were lost."""
        process = self._opened().object_named("process")
        lost = self._reading().counters.processes_lost
        if process is not None:
            lost += process.read_variable(".bss", "kf_snapshot_lost") or 0
        if lost > self._processes_lost:
            self._processes_lost = lost
            self._iterate(PROCESSES)

    def retime(self, idle_ns: int, active_ns: int) -> None:
        """Take other times than those of the configuration, from the next sweep on."""
        self._reading().sweep.retime(idle_ns, active_ns)

    def show_log(self, *, verbose: bool) -> None:
        """Show libbpf's warnings on stderr, or not."""
        show_log(1 if verbose else 0)

    def final_sweep(self) -> bytes:
        """Return everything that is left in the maps, and a tick."""
        return self._reading().sweep.run(self._ticking().now_ns(), final=True)

    def stop(self) -> None:
        """Detach all hooks and keep ring, maps and iterators: what follows is the rest."""
        self._opened().detach(kept=SNAPSHOTS)

    def counters(self) -> bytes:
        """Return a struct kf_counters_record."""
        stream = self._reading()
        now = self._ticking().now_ns()
        with unpreempted(wanted=self._blinding):
            return stream.counters.record(
                now,
                given_up=stream.sweep.given_up,
                hidden=stream.sweep.hidden,
                sockets_hidden=stream.sweep.sockets_hidden,
            )

    def load(self) -> KernelLoad:
        """Return how the kernel side does: of programs what `counters` has seen last."""
        stream = self._reading()
        return stream.load.now(stream.counters.uses, self._ticking().now_ns())

    @property
    def ends_lost(self) -> int:
        """Ends of processes and sockets that had no room until a sweep."""
        return self._reading().exited.lost

    @property
    def bad_records(self) -> int:
        """Records of an impossible size that were skipped."""
        return self._reading().drain.bad_records

    def clock_steps(self) -> list[ClockStep]:
        """Return the steps of the wall clock that comparing has found since the last call."""
        return self._ticking().steps()

    def now_ns(self) -> int:
        """Return CLOCK_BOOTTIME of the kernel."""
        return self._ticking().now_ns()

    @property
    def realtime_offset_ns(self) -> int:
        """CLOCK_REALTIME minus CLOCK_BOOTTIME, when `open` was called."""
        return self._ticking().first_offset_ns

    def hz(self) -> int:
        """Return the kernel's HZ, 0 when it is unknown. After `snapshot`, it is known mostly."""
        configured = hz.from_config(read_config())
        process = self._opened().object_named("process")
        if configured or process is None:
            return configured
        jiffies = process.read_variable(".bss", "kf_jiffies") or 0
        at_ns = process.read_variable(".bss", "kf_jiffies_ns") or 0
        return hz.from_jiffies(jiffies, at_ns) if jiffies and at_ns else 0

    def _opened(self) -> Attached:
        if self._attached is None:
            raise KflowdError("reading from the kernel: the source is not open")
        return self._attached

    def _ticking(self) -> Clock:
        if self.clock is None:
            raise KflowdError("reading the kernel's clock: the source is not open")
        return self.clock

    def _reading(self) -> Stream:
        if self._stream is None:
            raise KflowdError("reading from the kernel: the source is not open")
        return self._stream


def own_tgid() -> int:
    """Return this process's id as the kernel's programs see it: in the initial pid namespace.

    In a container os.getpid() is another, and may be that of a process of the host.
    """
    found = int(lib.kf_probe__own_tgid())
    return found if found > 0 else os.getpid()


def boottime_ns() -> int:
    """Return CLOCK_BOOTTIME as this process sees it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
