# SPDX-License-Identifier: Apache-2.0
"""Which programs are loaded twice, and in which order they come and go."""

import pytest

from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.standby import (
    Copy,
    Part,
    Standbys,
    attach_order,
    detach_order,
    missed,
    with_standby,
)

PREEMPTED = {"nonpreemptible": Feature("nonpreemptible", "x", ok=False)}
NOT_PREEMPTED = {"nonpreemptible": Feature("nonpreemptible", "x", ok=True)}
PROGRAMS = {"a": ["fexit__f", "iter__task", "tp__t"], "b": ["tp__u"]}
TWICE = [
    Part("a", ("fexit__f", "iter__task", "tp__t")),
    Part("a", ("fexit__f", "tp__t"), standby=True),
    Part("b", ("tp__u",)),
]


def how(_object: str, program: str) -> str:
    """Say how a program attaches, by its name."""
    return program.partition("__")[0]


def standbys(features: dict[str, Feature]) -> Standbys:
    """Return what is known once both objects were looked at: the second has no claims."""
    made = Standbys(features)
    made.add("a", ("kf_ring", "kf_claims"))
    made.add("b", ("kf_ring",))
    return made


def test_programs_that_run_once_a_cpu_are_loaded_twice() -> None:
    """Where the kernel is preempted, of objects with claims; iterators are never skipped."""
    assert standbys(PREEMPTED).parts(PROGRAMS, how) == TWICE


def test_elsewhere_they_would_only_cost() -> None:
    """A kernel that is not preempted has each program once, and small maps."""
    once = standbys(NOT_PREEMPTED)
    assert [part.standby for part in once.parts(PROGRAMS, how)] == [False, False]
    assert once.map_entries() == {"kf_claims": 1, "kf_texts": 1}
    assert standbys(PREEMPTED).map_entries() == {}


def test_an_object_without_such_programs_is_loaded_once() -> None:
    """An object is not opened a second time for nothing."""
    assert standbys(PREEMPTED).parts({"a": ["iter__task"]}, how) == [Part("a", ("iter__task",))]


@pytest.mark.parametrize("second", [False, True])
def test_constants_tell_a_program_what_it_is(second: bool) -> None:
    """Both copies know that there are two, each which it is."""
    part = Part("a", (), standby=second)
    assert standbys(PREEMPTED).constants(part) == {
        "kf_has_standby": 1,
        "kf_is_standby": int(second),
    }
    assert standbys(NOT_PREEMPTED).constants(part)["kf_has_standby"] == 0


def test_a_standby_runs_after_its_primary() -> None:
    """Trampolines run the newest first, tracepoints the oldest."""
    assert attach_order(TWICE, how) == [
        Copy("a", "fexit__f", standby=True),
        Copy("a", "fexit__f"),
        Copy("a", "iter__task"),
        Copy("a", "tp__t"),
        Copy("a", "tp__t", standby=True),
        Copy("b", "tp__u"),
    ]


def test_standbys_go_first() -> None:
    """Left alone, one would report and count what nobody skipped."""
    order = [it.standby for it in detach_order(attach_order(TWICE, how))]
    assert order == [True, True, False, False, False, False]


def test_primaries_are_told_from_programs_without_a_standby() -> None:
    """Each program once, whatever copies it has."""
    primaries, others = with_standby(attach_order(TWICE, how))
    assert [it.program for it in primaries] == ["fexit__f", "tp__t"]
    assert [it.program for it in others] == ["iter__task", "tp__u"]


def test_standby_runs_do_not_hide_what_others_missed() -> None:
    """What standbys made is set against skipped primaries alone."""
    assert missed(skipped=7, standby_runs=5, skipped_without=3) == 5
    assert missed(skipped=7, standby_runs=8, skipped_without=3) == 3
