# SPDX-License-Identifier: Apache-2.0
"""Kernel memory as fdinfo has it."""

import errno
import resource

import pytest

from kflowd.bpf.kernel import memory
from kflowd.bpf.kernel.memory import memlock, parse_memlock


def test_memlock_is_read() -> None:
    """The figure is in bytes."""
    assert parse_memlock("pos:\t0\nmap_type:\t27\nmemlock:\t8433992\nmap_id:\t7\n") == 8433992


def test_an_unknown_figure_is_zero() -> None:
    """A descriptor that is none, or says nothing, stops nobody."""
    assert parse_memlock("pos:\t0\n") == 0
    assert memlock(-1) == 0


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("answer", [0, -errno.EPERM])
def test_locked_memory_is_found_by_trying(
    monkeypatch: pytest.MonkeyPatch, limited: bool, answer: int
) -> None:
    """With nothing allowed; where the limit is lifted nothing is tried. It is put back."""
    limits = {resource.RLIMIT_MEMLOCK: (8, 9) if limited else (resource.RLIM_INFINITY,) * 2}
    before = dict(limits)
    tried: list[tuple[int, int]] = []

    class Lib:
        def kf_probe__map(self) -> int:
            tried.append(limits[resource.RLIMIT_MEMLOCK])
            return answer

    monkeypatch.setattr(memory, "lib", Lib())
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    assert memory.is_locked_memory() is (limited and answer != 0)
    assert tried == ([(0, 9)] if limited else [])
    assert limits == before
