# SPDX-License-Identifier: Apache-2.0
import errno
import os
from typing import Any

import pytest

from kflowd.bpf import statistics
from kflowd.bpf.ffi import BpfCallError, ffi
from kflowd.bpf.kernel import program_times
from kflowd.bpf.statistics import Program, over, programs


class Kernel:
    """Plays the glue: programs with runs that grow each time they are listed."""

    def __init__(self, *ids: int, error: int = 0) -> None:
        self.ids = list(ids)
        self.error = error
        self.opened: list[int] = []
        self.runs = 0

    def kf_prog__time(self) -> int:
        if self.error:
            return -self.error
        self.opened.append(os.open(os.devnull, os.O_RDONLY))
        return self.opened[-1]

    def kf_prog__next(self, at: int, stats: Any) -> int:
        found = [it for it in self.ids if it > at]
        if not found:
            return -(self.error or errno.ENOENT)
        self.runs += 1
        stats.id, stats.type, stats.runs, stats.run_ns = found[0], 26, self.runs, 10 * self.runs
        stats.misses, stats.bytes = 3, 99
        ffi.buffer(stats.name)[:5] = b"name\0"
        return 0

    def kf_log__take(self, _text: Any, _size: int) -> int:
        return 0


def play(monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> Kernel:
    monkeypatch.setattr(statistics, "lib", kernel)
    monkeypatch.setattr(program_times, "lib", kernel)
    return kernel


def test_programs_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the kernel says of each; an unknown type is its number."""
    play(monkeypatch, Kernel(7))
    assert programs() == [Program(7, "tracing", "name", 99, 1, 10, 3)]
    play(monkeypatch, Kernel())
    assert programs() == []


def test_runs_are_those_of_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics are on no longer; a program that came meanwhile has its own."""
    kernel = play(monkeypatch, Kernel(7))

    def sleep(seconds: float) -> None:
        assert seconds == 2
        kernel.ids.append(8)

    first, second = over(2, sleep)
    assert (first.runs, first.run_ns, first.misses) == (1, 10, 3)
    assert (second.id, second.runs) == (8, 3)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(kernel.opened[0])


@pytest.mark.parametrize("ids", [(), (7,)])
def test_a_kernel_that_does_not_tell(monkeypatch: pytest.MonkeyPatch, ids: tuple[int, ...]) -> None:
    """It is an error in one line."""
    play(monkeypatch, Kernel(*ids, error=errno.EPERM))
    with pytest.raises(BpfCallError, match="EPERM"):
        over(0)
    with pytest.raises(BpfCallError, match="listing programs: bpf_prog_get_next_id gives EPERM"):
        programs()
