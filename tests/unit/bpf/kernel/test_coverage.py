# SPDX-License-Identifier: Apache-2.0
"""From choices to the table."""

from kflowd.bpf.candidates import Candidate, Hook, Target
from kflowd.bpf.kernel.choice import Choice, Reason
from kflowd.bpf.kernel.coverage import MapMemory, map_memory, row_of

FULL = Candidate("fentry", "file_fentry", ("fentry__x",))
GAPPED = Candidate("tracepoint", "file_tracepoint", ("tp__sys_exit",), gap="no io_uring")
HOOK = Hook("file.open", "file opened", "file", (FULL, GAPPED))
REFUSED = Reason("fentry is refused", "a kernel with fentry")


def test_a_class_that_is_served_is_covered() -> None:
    """All programs, no gap: covered, and nothing to change."""
    row = row_of(Choice(HOOK, FULL, ("fentry__x",), (Target("fentry", "x"),)))
    assert (row.status, row.attach_mode, row.hook, row.why) == ("covered", "fentry", "fentry x", "")


def test_a_gap_makes_it_partial() -> None:
    """The gap is the reason, and what the better attach modes lack is what would have to change."""
    choice = Choice(
        HOOK, GAPPED, ("tp__sys_exit",), (Target("tp", "sys_exit"),), (), (REFUSED, REFUSED)
    )
    row = row_of(choice)
    assert (row.status, row.why) == ("partial", "no io_uring")
    assert row.change == "a kernel with fentry"


def test_a_missing_optional_program_makes_it_partial() -> None:
    """What is missing is said."""
    row = row_of(Choice(HOOK, FULL, ("fentry__x",), (), (Reason("no y", "get y"),)))
    assert (row.status, row.why, row.change) == ("partial", "no y", "get y")


def test_what_nothing_serves_is_not_covered() -> None:
    """Each reason is said once."""
    row = row_of(Choice(HOOK, None, passed=(REFUSED, Reason("no kprobes", "get kprobes"))))
    assert row.status == "not covered"
    assert row.why == "fentry is refused; no kprobes"
    assert row.change == "a kernel with fentry or get kprobes"


def test_maps_are_sorted_by_size() -> None:
    """The largest comes first."""
    assert map_memory({"a": 1, "b": 2}, {"a": 10, "b": 20}) == (
        MapMemory("b", 2, 20),
        MapMemory("a", 1, 10),
    )
