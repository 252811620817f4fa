# SPDX-License-Identifier: Apache-2.0
"""The clock of all records, CLOCK_BOOTTIME of the kernel, and the wall clock beside it."""

import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from kflowd.bpf.ffi import check, ffi, lib
from kflowd.closeable import Closeable
from kflowd.constants import SECOND_NS
from kflowd.model import ClockStep

OFFSETS = Path("/proc/self/timens_offsets")


class Sample(NamedTuple):
    """Both clocks at a moment.

    Attributes:
        boot_ns: CLOCK_BOOTTIME of the kernel.
        offset_ns: CLOCK_REALTIME minus that.
        uncertain_ns: By how much the difference may be wrong.
    """

    boot_ns: int
    offset_ns: int
    uncertain_ns: int


class Clock(Closeable):
    """Reads both clocks, and finds out when the wall clock was set.

    Nothing of the kernel side is needed for it; programs tell the same, and when exactly. A thread
    is woken by each step; what it finds is told by `steps`, and so is what the call itself sees.

    Attributes:
        ahead_ns: How far CLOCK_BOOTTIME of this process is ahead of the kernel's: programs know
            no time namespace.
        first_offset_ns: CLOCK_REALTIME minus CLOCK_BOOTTIME of the kernel, when this was made.

    Raises:
        BpfError: The kernel refuses a program that reads its clock, or a timer.
    """

    def __init__(self) -> None:
        self.ahead_ns = find_ahead()
        self._found: deque[Sample] = deque()
        self._watch = check(lib.kf_clock__watch(), "timerfd_create", "watching the wall clock")
        self._stop, self._stopper = os.pipe2(os.O_CLOEXEC)
        self._known = self._sample()
        self.first_offset_ns = self._known.offset_ns
        self._thread = threading.Thread(target=self._wait, name="clock", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. May be called twice."""
        if self._stopper >= 0:
            os.close(self._stopper)
            self._stopper = -1
            self._thread.join()
            os.close(self._stop)
            os.close(self._watch)

    def now_ns(self) -> int:
        """Return CLOCK_BOOTTIME of the kernel."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self.ahead_ns

    def steps(self) -> list[ClockStep]:
        """Return the steps that were found since the last call."""
        samples = []
        while self._found:
            samples.append(self._found.popleft())
        steps = []
        for sample in (*samples, self._sample()):
            if differ(self._known, sample):
                self._known = sample
                at_ns, offset_ns, uncertain_ns = sample
                steps.append(ClockStep(at_ns, at_ns, offset_ns, uncertain_ns, compared=1))
        return steps

    def _sample(self) -> Sample:
        sample = ffi.new("struct kf_clock_sample *")
        lib.kf_clock__sample(sample)
        return self._taken(sample)

    def _taken(self, sample: Any) -> Sample:  # noqa: ANN401 - cffi has no types
        boot_ns = int(sample.boot_ns) - self.ahead_ns
        return Sample(boot_ns, int(sample.offset_ns) + self.ahead_ns, int(sample.uncertain_ns))

    def _wait(self) -> None:
        sample = ffi.new("struct kf_clock_sample *")
        while lib.kf_clock__wait(self._watch, self._stop, sample) > 0:
            self._found.append(self._taken(sample))


def differ(known: Sample, sample: Sample) -> bool:
    """Say whether the wall clock was set between two samples, as far as they can tell."""
    apart = abs(sample.offset_ns - known.offset_ns)
    return apart > sample.uncertain_ns + known.uncertain_ns


def find_ahead() -> int:
    """Return how far CLOCK_BOOTTIME of this process is ahead of that of the kernel, ns."""
    ahead, uncertain = ffi.new("__s64 *"), ffi.new("__u64 *")
    result = lib.kf_clock__ahead(ahead, uncertain)
    check(result, "bpf_prog_test_run", "reading the kernel's clock")
    try:
        text = OFFSETS.read_text()
    except OSError:
        text = ""
    return exact(int(ahead[0]), int(uncertain[0]), text)


def exact(measured_ns: int, uncertain_ns: int, offsets: str) -> int:
    """Return what a measured difference of clocks is exactly.

    Args:
        measured_ns: The difference.
        uncertain_ns: How long the measurement took.
        offsets: Text of /proc/self/timens_offsets. It is that of our children, and before 6.3 a
            program that unshare(1) starts without a fork is in another namespace than they.
    """
    for known in (0, *boot_offsets(offsets)):
        if abs(known - measured_ns) <= uncertain_ns:
            return known
    return measured_ns


def boot_offsets(text: str) -> list[int]:
    """Return the offset of CLOCK_BOOTTIME out of timens_offsets, ns; nothing if it is not there."""
    lines = (line.split() for line in text.splitlines())
    # the first kernels with time namespaces have numbers in place of names
    return [
        int(line[1]) * SECOND_NS + int(line[2])
        for line in lines
        if len(line) == 3 and line[0] in ("boottime", "7")
    ]
