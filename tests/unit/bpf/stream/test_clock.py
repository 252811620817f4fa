# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.stream.clock import Sample, boot_offsets, differ, exact

SECOND = 1_000_000_000
# as of /proc/self/timens_offsets, first of 5.6 and then of 5.7 on
OLD = "1           5         7\n7      -86400 999999999\n"
NEW = "monotonic           5         7\nboottime       -86400 999999999\n"


@pytest.mark.parametrize("text", [OLD, NEW])
def test_the_offset_of_the_clock_is_found(text: str) -> None:
    """Seconds have the sign, nanoseconds have none."""
    assert boot_offsets(text) == [-86400 * SECOND + 999_999_999]


@pytest.mark.parametrize("text", ["", "boottime\n", "monotonic 1 2\n"])
def test_what_is_not_there_is_no_offset(text: str) -> None:
    """Kernels without time namespaces have no such file."""
    assert boot_offsets(text) == []


@pytest.mark.parametrize(
    ("measured", "found"),
    [(3_000, 0), (-9_999, 0), (5 * SECOND + 900, 5 * SECOND), (7 * SECOND + 3, 7 * SECOND + 3)],
)
def test_a_measured_difference_becomes_an_exact_one(measured: int, found: int) -> None:
    """It is none, or that of the namespace of our children, or as it was measured."""
    assert exact(measured, 10_000, "boottime 5 0\n") == found


@pytest.mark.parametrize(
    ("apart", "found"), [(0, False), (8, False), (-8, False), (9, True), (-9, True)]
)
def test_samples_differ_beyond_what_both_may_be_wrong(apart: int, found: bool) -> None:
    """What is less is the reading itself."""
    assert differ(Sample(1, 100, 5), Sample(2, 100 + apart, 3)) is found


def test_a_sample_has_a_difference_that_stays() -> None:
    """Two of one process, with nobody who sets the clock."""
    first, second = ffi.new("struct kf_clock_sample *"), ffi.new("struct kf_clock_sample *")
    lib.kf_clock__sample(first)
    lib.kf_clock__sample(second)
    assert first.boot_ns <= second.boot_ns
    apart = abs(first.offset_ns - second.offset_ns)
    assert apart <= first.uncertain_ns + second.uncertain_ns
