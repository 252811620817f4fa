# SPDX-License-Identifier: Apache-2.0
"""The block runs whatever the kernel says to the policy, and the policy comes back."""

import os

import pytest

from kflowd.bpf.stream.unpreempted import unpreempted


def test_the_policy_comes_back() -> None:
    """Inside it is real-time where that is allowed, behind it what it was."""
    before = os.sched_getscheduler(0)
    with unpreempted(wanted=True):
        assert os.sched_getscheduler(0) in (os.SCHED_FIFO, before)
    assert os.sched_getscheduler(0) == before


def test_nothing_happens_where_it_is_not_wanted() -> None:
    """The policy stays."""
    before = os.sched_getscheduler(0)
    with unpreempted(wanted=False):
        assert os.sched_getscheduler(0) == before


def test_a_refusal_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may not be allowed to."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with unpreempted(wanted=True):
        pass
