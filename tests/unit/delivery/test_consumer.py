# SPDX-License-Identifier: Apache-2.0
import time

import pytest

from kflowd.delivery.consumer import END_NS, LEAST_NS, STALL_NS, Ending

SECOND = 1_000_000_000


class Clock:
    """Plays the clock and the signal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 100 * SECOND
        self.asked_ns: int | None = None
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.now_ns)

    def ending(self, *, patient: bool = False) -> Ending:
        return Ending(lambda: self.asked_ns, patient=patient)


def test_a_signal_bounds_the_end_whatever_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the signal on, also for a sink that takes something, and for a patient end."""
    for patient in (False, True):
        clock = Clock(monkeypatch)
        clock.asked_ns = clock.now_ns
        ending = clock.ending(patient=patient)
        clock.now_ns += END_NS - 1
        assert not ending.over(0)
        clock.now_ns += 1
        assert ending.over(clock.now_ns)


def test_a_late_end_has_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where taking in the rest took long, a sink that is ready gets some time."""
    clock = Clock(monkeypatch)
    clock.asked_ns = clock.now_ns - 2 * END_NS
    ending = clock.ending()
    clock.now_ns += LEAST_NS - 1
    assert not ending.over(0)
    clock.now_ns += 1
    assert ending.over(0)


def test_without_a_signal_progress_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that takes something is waited for; one that stands still is not."""
    clock = Clock(monkeypatch)
    ending = clock.ending()
    clock.now_ns += 10 * STALL_NS
    assert not ending.over(clock.now_ns - STALL_NS + 1)
    assert ending.over(clock.now_ns - STALL_NS)
    assert not clock.ending().over(0)


def test_a_patient_end_waits_until_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all records were promised, a signal is the way out."""
    clock = Clock(monkeypatch)
    ending = clock.ending(patient=True)
    clock.now_ns += 1000 * STALL_NS
    assert not ending.over(0)
    clock.asked_ns = clock.now_ns
    assert not ending.over(0)
    clock.now_ns += END_NS
    assert ending.over(0)
