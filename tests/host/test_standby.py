# SPDX-License-Identifier: Apache-2.0
"""Standbys of tracing programs, for kernels that are preempted: one event, one record.

This kernel need not skip a program: the test takes a copy away.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest

from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.kernel.btf import Kernel
from kflowd.bpf.kernel.probing import probe
from kflowd.bpf.loading.attached import Attached
from kflowd.bpf.loading.loader import Loader
from kflowd.bpf.standby import with_standby
from kflowd.bpf.stream.counters import Counters
from kflowd.bpf.stream.drain import Drain
from kflowd.bpf.stream.exited import Exited
from kflowd.settings import TraceSettings
from tests.host.test_source import split

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

PROGRAM = "tp__sched_process_exec"
STARTS = 7


class Copies(NamedTuple):
    """What is loaded, the ring's drain, and the counters."""

    attached: Attached
    drain: Drain
    counters: Counters

    def detach(self, *, standby: bool) -> None:
        """Take a copy of the program away, as if the kernel skipped it."""
        for it in list(self.attached.links):
            if it.program == PROGRAM and it.standby == standby:
                self.attached.links.pop(it).close()

    def reported(self) -> Counter[int]:
        """Start a program a few times. Return how often each start is in the ring, by pid."""
        pids = {os.posix_spawn("/bin/true", ["true"], {}) for _ in range(STARTS)}
        for pid in pids:
            os.waitpid(pid, 0)
        found: Counter[int] = Counter(dict.fromkeys(pids, 0))
        while batch := self.drain.drain(100):
            found.update(
                record.proc.tgid
                for record in split(batch)
                if record.hdr.kind == lib.KF_KIND_PROC
                and record.source == lib.KF_PROC_EXEC
                and record.proc.tgid in pids
            )
        return found


@pytest.fixture
def copies() -> Iterator[Copies]:
    """Load the programs of processes as on a kernel that is preempted."""
    with Kernel() as kernel:
        features = probe(kernel)
        preempted = msgspec.structs.replace(features["nonpreemptible"], ok=False)
        config = TraceSettings(monitor=frozenset())
        attached = Loader(config, kernel, features | {"nonpreemptible": preempted}).load()
    with attached, Exited() as exited, Drain(attached.maps["kf_ring"], exited) as drain:
        fds = [[attached.program_fd(it) for it in each] for each in with_standby(attached.links)]
        yield Copies(attached, drain, Counters(attached.maps["kf_counters"], *fds))


@pytest.mark.parametrize("skipped", [None, "primary", "standby"])
def test_one_copy_handles_an_event(skipped: str | None, copies: Copies) -> None:
    """Whatever copy is skipped, the event is handled, and by one of them only."""
    if skipped:
        copies.detach(standby=skipped == "standby")
    before = copies.counters.standby_runs()
    found = copies.reported()
    assert set(found.values()) == {1}, found
    assert (copies.counters.standby_runs() - before >= STARTS) == (skipped == "primary")


def test_without_both_copies_nothing_is_reported(copies: Copies) -> None:
    """It is the copies that report, and nothing else."""
    copies.detach(standby=False)
    copies.detach(standby=True)
    assert set(copies.reported().values()) == {0}


def test_programs_without_a_standby_are_counted_apart(copies: Copies) -> None:
    """Runs of standbys that nobody skipped are no negative number of missed ones."""
    primaries, others = with_standby(copies.attached.links)
    assert len(primaries) == 3  # exec, fork and exit
    assert len(others) == 1  # the iterator, which is never skipped
    copies.detach(standby=False)
    copies.reported()
    assert copies.counters.standby_runs() >= STARTS
    record = ffi.from_buffer("struct kf_counters_record *", copies.counters.record(0))
    assert record.missed == 0
