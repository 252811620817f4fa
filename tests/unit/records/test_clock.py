# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.model import ClockStep
from kflowd.records import Decoder
from kflowd.records.clock import encode_step
from tests.unit.make import record


def test_a_step_has_its_moment_and_the_difference() -> None:
    """Each member has a value of its own; the wall clock may be behind."""
    raw = record(
        "CLOCK", hdr__ts_ns=9, since_ns=7, realtime_offset_ns=-5, uncertain_ns=3, compared=1
    )
    assert Decoder().decode(raw) == [ClockStep(9, 7, -5, 3, 1)]


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**32 - 1),
)
def test_what_is_written_is_read(ts_ns: int, since_ns: int, offset_ns: int, by_ns: int) -> None:
    """A step of user space is a record as one of the kernel, and may stand before others."""
    step = ClockStep(ts_ns, since_ns, offset_ns, by_ns, by_ns % 2)
    assert Decoder().decode(encode_step(step) * 2) == [step, step]
