# SPDX-License-Identifier: Apache-2.0
from kflowd.bpf.stream.waited import WINDOW_NS, Peak, Waits
from kflowd.model import Waited

START = 100 * WINDOW_NS


def test_a_peak_is_seen_for_a_window_at_least() -> None:
    """And forgotten before two are over, whether numbers come or not."""
    peak = Peak()
    peak.note(7, START + 1)
    peak.note(3, START + 2)
    assert peak.most(START + WINDOW_NS - 1) == 7
    peak.note(2, START + WINDOW_NS + 2)
    assert peak.most(START + 2 * WINDOW_NS) == 7
    peak.note(1, START + 2 * WINDOW_NS + 3)
    assert peak.most(START + 2 * WINDOW_NS + 4) == 2
    assert peak.most(START + 9 * WINDOW_NS) == 0


def test_what_waited() -> None:
    """The longest lag and the fullest ring; the backlog as it is. An empty batch has no lag."""
    waits = Waits()
    waits.note(START - 500, 4096, 300, START)
    waits.note(START + 10, 100, 200, START + 90)
    waits.note(0, 0, 0, START + 200)
    assert waits.waited(START + 300) == Waited(500, 4096, 0)


def test_a_record_from_the_future_has_waited_for_nothing() -> None:
    """The clocks of two CPUs need not agree to the nanosecond."""
    waits = Waits()
    waits.note(START + 1, 0, 0, START)
    assert waits.waited(START).lag_ns == 0
