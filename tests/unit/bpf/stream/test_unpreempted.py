# SPDX-License-Identifier: Apache-2.0
"""The block runs whatever the kernel says to the policy, and the policy comes back."""

import os

import pytest

from kflowd.bpf.stream.unpreempted import unpreempted


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Note policies and priorities in place of setting them."""
    found: list[tuple[int, int]] = []

    def note(_: int, policy: int, parameters: os.sched_param) -> None:
        found.append((policy, parameters.sched_priority))

    monkeypatch.setattr(os, "sched_setscheduler", note)
    return found


def test_the_policy_comes_back(asked: list[tuple[int, int]]) -> None:
    """Inside it is real-time at the lowest priority, behind it what it was."""
    before = (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
    with unpreempted(wanted=True):
        assert asked == [(os.SCHED_FIFO, 1)]
    assert asked == [(os.SCHED_FIFO, 1), before]


def test_an_error_brings_the_policy_back(asked: list[tuple[int, int]]) -> None:
    """However the block ends."""
    with pytest.raises(ValueError, match="inside"), unpreempted(wanted=True):
        raise ValueError("inside")
    assert len(asked) == 2


def test_nothing_happens_where_it_is_not_wanted(asked: list[tuple[int, int]]) -> None:
    """The policy stays."""
    with unpreempted(wanted=False):
        pass
    assert asked == []


def test_a_refusal_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may not be allowed to."""
    refused = []

    def refuse(*_: object) -> None:
        refused.append(True)
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with unpreempted(wanted=True):
        assert refused
