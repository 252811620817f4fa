# SPDX-License-Identifier: Apache-2.0
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
