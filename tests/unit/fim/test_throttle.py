# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.fim.throttle import Throttle, pressure


def test_pressure_is_the_larger_share(tmp_path: Path) -> None:
    """Of CPU and I/O; a kernel without it has none."""
    assert pressure(tmp_path) == 0
    (tmp_path / "cpu").write_text("some avg10=1.50 avg60=0.00 avg300=0.00 total=1\n")
    (tmp_path / "io").write_text("some avg10=12.25 avg60=0.00\nfull avg10=99.00 avg60=0.00\n")
    assert pressure(tmp_path) == 12.25


@pytest.mark.parametrize(
    ("share", "rests"), [(0.0, []), (12.0, [0.25]), (45.0, [1.0]), (99.0, [2.0])]
)
def test_it_rests_while_others_wait(share: float, rests: list[float]) -> None:
    """A part of what it has worked, and never without end."""
    now = [0.0]
    slept: list[float] = []
    throttle = Throttle(lambda: share, lambda: now[0], slept.append)
    throttle()
    now[0] = 0.1
    throttle()
    assert slept == []
    now[0] = 1.0
    throttle()
    assert slept == rests
