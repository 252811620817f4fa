# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

import pytest

from kflowd.laps import STAGES, Laps


def test_all_time_is_that_of_a_stage() -> None:
    """What passes until a lap belongs to the stage that the lap names."""
    times = iter((100, 130, 135, 235))
    laps = Laps(lambda: next(times))
    laps("drain")
    laps("decode")
    laps("drain")
    assert laps.seconds() == dict.fromkeys(STAGES, 0.0) | {
        "drain": pytest.approx(130e-9),
        "decode": pytest.approx(5e-9),
    }


def clock(*steps: int) -> Iterator[int]:
    """Yield times that are so far apart."""
    now = 0
    yield now
    for step in steps:
        yield (now := now + step)


def test_what_was_not_looked_at_is_shared_as_the_samples_are() -> None:
    """If a quarter of samples is the filter's, so is a quarter of the rest."""
    times = clock(10, 30, 100)
    laps = Laps(lambda: next(times))
    laps("sampled filter")
    laps("sampled serialize")
    laps("mixed")
    seconds = laps.seconds()
    assert seconds["filter"] == pytest.approx(35e-9)
    assert seconds["serialize"] == pytest.approx(105e-9)
    assert set(seconds) == set(STAGES)


def test_without_a_sample_it_is_the_serializer() -> None:
    """Nothing is divided by nothing."""
    times = clock(100)
    laps = Laps(lambda: next(times))
    laps("mixed")
    assert laps.seconds()["serialize"] == pytest.approx(100e-9)
