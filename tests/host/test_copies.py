# SPDX-License-Identifier: Apache-2.0
"""Copies of tracing programs, for kernels that are preempted: one event, one record.

This kernel need not skip a program: the test takes a copy away.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest

from kflowd.bpf.config import SourceConfig
from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.kernel.btf import Kernel
from kflowd.bpf.kernel.probing import probe
from kflowd.bpf.loading.attached import Loaded
from kflowd.bpf.loading.loader import Loader
from kflowd.bpf.loading.parameters import COPIES
from kflowd.bpf.stream.counters import counters_record, taken_over
from kflowd.bpf.stream.drain import Drain
from kflowd.bpf.stream.exited import Exited
from tests.host.test_source import split

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

PROGRAM = "tp__sched_process_exec"
STARTS = 7


class Copies(NamedTuple):
    """What is loaded, and the ring's drain."""

    loaded: Loaded
    drain: Drain

    def detach(self, *copies: int) -> None:
        """Take copies of the program away, as if the kernel skipped them."""
        for where in list(self.loaded.links):
            if where.program == PROGRAM and where.copy in copies:
                self.loaded.links.pop(where).close()

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

    def taken_over(self) -> int:
        """Return how many runs copies have made."""
        return taken_over(self.loaded.maps["kf_counters"])


@pytest.fixture
def copies() -> Iterator[Copies]:
    """Load the programs of processes as on a kernel that is preempted."""
    with Kernel() as kernel:
        features = probe(kernel)
        preempted = msgspec.structs.replace(features["run_through"], ok=False)
        config = SourceConfig(subsystems=frozenset())
        loader = Loader(config, kernel, features | {"run_through": preempted})
        loaded = loader.load()
    with loaded, Exited() as exited, Drain(loaded.maps["kf_ring"], exited) as drain:
        yield Copies(loaded, drain)


@pytest.mark.parametrize("gone", [None, 0, 1], ids=("none", "first", "second"))
def test_one_copy_handles_an_event(gone: int | None, copies: Copies) -> None:
    """Whatever copy is skipped, the event is handled, and by one of them only."""
    if gone is not None:
        copies.detach(gone)
    before = copies.taken_over()
    found = copies.reported()
    assert set(found.values()) == {1}, found
    assert (copies.taken_over() - before >= STARTS) == (gone == 0)


def test_without_copies_nothing_is_reported(copies: Copies) -> None:
    """It is the copies that report, and nothing else."""
    copies.detach(*range(COPIES))
    assert set(copies.reported().values()) == {0}


def test_what_was_taken_over_does_not_hide_what_was_missed(copies: Copies) -> None:
    """Programs without copies are counted apart."""
    copies.detach(0)
    copies.reported()
    assert copies.taken_over() >= STARTS
    copied, others = copies.loaded.program_fds_by_copies()
    assert len(copied) == 2  # fork and exit
    assert len(others) == 1  # the iterator, which is never skipped
    maps = copies.loaded.maps
    record = ffi.from_buffer(
        "struct kf_counters_record *", counters_record(maps["kf_counters"], copied, others, 0)
    )
    assert record.missed == 0
