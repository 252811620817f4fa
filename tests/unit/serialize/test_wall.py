# SPDX-License-Identifier: Apache-2.0
from kflowd.model import ClockStep
from kflowd.serialize.wall import WallClock


def a_clock(*steps: tuple[int, int, int], begin: int = 1000, most: int = 100) -> WallClock:
    """Return a clock with steps as (since, difference, uncertain)."""
    clock = WallClock(most)
    clock.begin(begin)
    for since_ns, offset_ns, uncertain_ns in steps:
        clock.add(ClockStep(since_ns + 1, since_ns, offset_ns, uncertain_ns))
    return clock


def test_each_moment_has_the_difference_of_its_time() -> None:
    """Forward and back, in whatever order the steps come."""
    steps = [(10, 5000, 0), (20, -300, 0), (30, 7000, 0)]
    for order in (steps, steps[::-1], [steps[1], steps[2], steps[0]]):
        clock = a_clock(*order)
        assert [clock.at(it) for it in (0, 9, 10, 19, 20, 29, 30, 99)] == [
            *(1000, 1009, 5010, 5019, -280, -271, 7030, 7099),
        ]


def test_without_a_session_there_is_no_wall_clock() -> None:
    """A damaged recording is all that has none."""
    assert WallClock().at(5) == 5


def test_a_session_that_goes_on_changes_nothing() -> None:
    """It repeats the difference of the start."""
    clock = a_clock((10, 5000, 0))
    clock.begin(77)
    assert (clock.at(9), clock.at(10)) == (1009, 5010)


def test_what_is_known_is_no_news() -> None:
    """A comparison within its accuracy leaves what a program told, when and what."""
    clock = a_clock((10, 5000, 0))
    clock.add(ClockStep(40, 40, 5003, 3, compared=1))
    assert (clock.at(39), clock.at(40)) == (5039, 5040)
    clock.add(ClockStep(50, 50, 5004, 3, compared=1))
    assert (clock.at(49), clock.at(50)) == (5049, 5054)


def test_what_a_program_tells_is_always_a_step() -> None:
    """However little the clock was moved."""
    clock = a_clock((10, 5000, 9), (20, 5001, 9))
    assert [clock.at(it) for it in (9, 10, 20)] == [1009, 5010, 5021]


def test_a_more_exact_difference_holds_from_then_on() -> None:
    """A program that knows the moment, and a comparison that knows the difference."""
    clock = a_clock((10, 4000, 1500))
    clock.add(ClockStep(20, 20, 5000, 3, compared=1))
    assert [clock.at(it) for it in (9, 10, 20)] == [1009, 4010, 5020]


def test_a_long_history_forgets_its_beginning() -> None:
    """What is older than all has the oldest difference that is left."""
    clock = a_clock((10, 2000, 0), (20, 3000, 0), (30, 4000, 0), most=2)
    assert [clock.at(it) for it in (5, 15, 25, 35)] == [3005, 3015, 3025, 4035]
