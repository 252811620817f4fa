# SPDX-License-Identifier: Apache-2.0
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from kflowd.top.history import BACK_SECONDS, SECONDS, History, rate


@given(
    steps=st.lists(st.integers(-SECONDS + 1, 3 * SECONDS), max_size=30),
    later=st.integers(0, 2 * SECONDS),
)
def test_counts_are_those_of_their_seconds(steps: list[int], later: int) -> None:
    """Also of records that come late, after gaps, and some time after the last one."""
    history, counts, newest = History(1000), Counter[int](), 1000
    for step in steps:
        history.add(newest + step)
        counts[newest + step] += 1
        newest = max(newest, newest + step)
    now = newest + later
    assert history.last(now) == tuple(counts[now - SECONDS + 1 + each] for each in range(SECONDS))


def test_what_is_too_old_is_left_out() -> None:
    """It is not taken for another second."""
    history = History(100)
    history.add(100 - SECONDS)
    assert sum(history.last(100)) == 0


def test_a_clock_that_is_set_back_is_followed() -> None:
    """By more than records come late."""
    history = History(1000)
    history.add(1000)
    history.add(1000 - BACK_SECONDS - 1)
    assert history.last(1000 - BACK_SECONDS - 1) == (0,) * (SECONDS - 1) + (1,)


def test_a_rate_is_that_of_the_last_seconds() -> None:
    """What was before is not in it."""
    assert rate((100,) * 15 + (1, 2, 3, 4, 5)) == 3.0
