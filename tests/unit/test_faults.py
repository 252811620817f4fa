# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

from kflowd.faults import Faults


def test_errors_are_counted_and_the_first_is_kept() -> None:
    """By what they cost: a record, or names of one."""
    faults, first = Faults(), KeyError(1)
    assert (faults.records, faults.names, faults.first) == (0, 0, None)

    faults.name(first)
    faults.record(ValueError())
    faults.record(MemoryError())

    assert (faults.records, faults.names) == (2, 1)
    assert faults.first is first


def test_one_value_that_fails_costs_itself() -> None:
    """It is counted, and the others are worked on, in order."""
    faults = Faults()
    done: list[float] = []

    def work(values: Iterator[int]) -> None:
        for value in values:
            done.append(6 / value)  # noqa: PERF401 - what was done before the failure stays

    faults.survive(work, [1, 0, 2, 0, 3])
    assert done == [6, 3, 2]
    assert (faults.records, faults.names, type(faults.first)) == (2, 0, ZeroDivisionError)
