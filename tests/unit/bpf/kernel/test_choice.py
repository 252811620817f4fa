# SPDX-License-Identifier: Apache-2.0
"""What serves a class: with kernels that are made up."""

import pytest

from kflowd.bpf.candidates import ANY_ATTACH_MODE, SUBSTITUTES, Candidate, Hook
from kflowd.bpf.kernel.choice import Checker, Choice, ProgramId, Reason, choose
from kflowd.bpf.kernel.features import Feature

WAYS = ("fentry", "kprobe", "tp_btf", "cgroup", "cast", "probe_read")


class FakeKernel:
    """A kernel that lacks some names."""

    def __init__(self, *absent: str, unsized: str = "") -> None:
        self.absent = absent
        self.unsized = unsized

    def has_function(self, function: str) -> bool:
        """Say whether the function is not among the absent."""
        return function not in self.absent

    def is_sized(self, function: str) -> bool:
        """Say whether it is another than the one with an argument without a size."""
        return function != self.unsized

    def has_symbol(self, function: str) -> bool:
        """Say the same as for functions."""
        return function not in self.absent

    def has_tracepoint(self, name: str) -> bool:
        """Say the same as for functions."""
        return name not in self.absent

    def arguments(self, function: str) -> int | None:
        """Return a number for what is there."""
        return None if function in self.absent else 4


def a_hook(key: str) -> Hook:
    """Return a class in all three attach modes; on fentry with an optional program."""
    return Hook(
        f"file.{key}",
        key,
        "file",
        (
            Candidate("fentry", "fe", (f"fentry__{key}",), (f"fentry__{key}_more",)),
            Candidate("kprobe", "kp", (f"kprobe__{key}",)),
            Candidate("tracepoint", "tr", ("tp__sys_exit",), gap="a gap", exclusive=True),
        ),
    )


HOOKS = (a_hook("open"), a_hook("close"))
BUILT = {
    "fe": {f"fentry__{it}{more}": f"fentry/{it}{more}" for it in ("open", "close")
           for more in ("", "_more")},
    "kp": {f"kprobe__{it}": f"kprobe/{it}" for it in ("open", "close")},
    "tr": {"tp__sys_exit": "tp_btf/sys_exit"},
}  # fmt: skip


def a_checker(
    *absent: str,
    without: tuple[str, ...] = (),
    refused: tuple[ProgramId, ...] = (),
    reading: str = "",
    unsized: str = "",
) -> Checker:
    """Return a checker over a kernel without some names and features."""
    features = {
        name: Feature(name, name, ok=name not in without, why=f"no {name}", change=f"get {name}")
        for name in WAYS
    }
    refusals = {it: Reason(f"refused {it.program}", "") for it in refused}
    reads = {"fe": reading, "kp": "probe_read", "tr": ""}
    return Checker(features, FakeKernel(*absent, unsized=unsized), BUILT, refusals, reads)


def attach_modes(choices: list[Choice]) -> list[str | None]:
    """Return the attach mode of each choice."""
    return [it.candidate.attach_mode if it.candidate else None for it in choices]


def test_the_best_attach_mode_is_taken() -> None:
    """With everything there, fentry serves all, optional programs included."""
    choices = choose(HOOKS, a_checker())
    assert attach_modes(choices) == ["fentry", "fentry"]
    assert choices[0].programs == ("fentry__open", "fentry__open_more")
    assert choices[0].passed == ()


def test_a_missing_function_costs_only_its_class() -> None:
    """The other classes stay in the better attach mode."""
    refused = (ProgramId("fe", "fentry__close"),)
    choices = choose(HOOKS, a_checker(refused=refused))
    assert attach_modes(choices) == ["fentry", "kprobe"]
    assert choices[1].passed == (Reason("refused fentry__close", ""),)


def test_an_object_needs_what_its_reads_need() -> None:
    """Where the kernel lacks it, the next object serves; one without such reads needs nothing."""
    assert attach_modes(choose(HOOKS, a_checker(reading="cast"))) == ["fentry", "fentry"]
    assert attach_modes(choose(HOOKS, a_checker(without=("cast",)))) == ["fentry", "fentry"]
    choices = choose(HOOKS, a_checker(without=("cast",), reading="cast"))
    assert attach_modes(choices) == ["kprobe", "kprobe"]
    assert choices[0].passed == (Reason("no cast", "get cast"),)
    locked = a_checker(without=("cast", "probe_read"), reading="cast")
    assert attach_modes(choose(HOOKS, locked)) == ["tracepoint", "tracepoint"]


def test_what_stands_beside_others_is_there_if_they_are() -> None:
    """A candidate whose object is loaded for no other class does not bring it."""
    beside = Hook(
        "clock.step",
        "",
        "clock",
        (
            Candidate("fentry", "fe", ("fentry__step",)),
            Candidate("tracepoint", "tr", ("tp__sys_exit",), beside=True),
        ),
    )
    hooks = (*HOOKS, beside)
    assert attach_modes(choose(hooks, a_checker())) == ["fentry", "fentry", None]
    assert attach_modes(choose(hooks, a_checker(), "tracepoint")) == ["tracepoint"] * 3


def test_a_missing_optional_program_is_no_reason_to_leave() -> None:
    """Without an optional program the class is served, and it is said what is missing."""
    choice = choose(HOOKS, a_checker("open_more"))[0]
    assert choice.programs == ("fentry__open",)
    assert choice.missing == (Reason("the kernel has no function open_more", "another kernel"),)


def test_a_substitute_serves_where_the_kernel_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is loaded in the place of the optional program alone, and nothing is missing then."""
    monkeypatch.setitem(SUBSTITUTES, "fentry__open_more", "kprobe__open_more")
    monkeypatch.setitem(BUILT["fe"], "kprobe__open_more", "kprobe/open_more")
    assert choose(HOOKS, a_checker())[0].programs == ("fentry__open", "fentry__open_more")
    refused = ProgramId("fe", "fentry__open_more")
    choice = choose(HOOKS, a_checker(refused=(refused,)))[0]
    assert (choice.programs, choice.missing) == (("fentry__open", "kprobe__open_more"), ())
    assert choose(HOOKS, a_checker(unsized="open_more"))[0] == choice
    both = (refused, ProgramId("fe", "kprobe__open_more"))
    choice = choose(HOOKS, a_checker(refused=both))[0]
    assert choice.programs == ("fentry__open",)
    assert choice.missing == (Reason("refused fentry__open_more", ""),)


def test_system_calls_serve_all_or_none() -> None:
    """A class that only system calls could serve is left out beside classes in a better mode."""
    choices = choose(
        HOOKS,
        a_checker(refused=(ProgramId("fe", "fentry__close"), ProgramId("kp", "kprobe__close"))),
    )
    # one class each way is no gain: counted twice would be worse than not counted
    assert attach_modes(choices) == ["tracepoint", "tracepoint"]
    three = (*HOOKS, a_hook("open")._replace(key="file.third"))
    refused = (ProgramId("fe", "fentry__close"), ProgramId("kp", "kprobe__close"))
    all_tracepoints = {"tracepoint"} == set(attach_modes(choose(three, a_checker(refused=refused))))
    assert all_tracepoints


def test_without_fentry_and_kprobes_system_calls_serve() -> None:
    """On a restricted kernel everything goes by tracepoints, and the reasons are kept."""
    choices = choose(HOOKS, a_checker(without=("fentry", "kprobe")))
    assert attach_modes(choices) == ["tracepoint", "tracepoint"]
    assert [it.why for it in choices[0].passed] == ["no fentry", "no kprobe"]


def test_a_forced_attach_mode_is_kept_to() -> None:
    """--attach takes no other attach mode, and says why a class is not served."""
    assert attach_modes(choose(HOOKS, a_checker(), "kprobe")) == ["kprobe", "kprobe"]
    assert attach_modes(choose(HOOKS, a_checker(), "tracepoint")) == ["tracepoint", "tracepoint"]
    choices = choose(HOOKS, a_checker(without=("kprobe",)), "kprobe")
    assert attach_modes(choices) == [None, None]
    assert choices[0].passed == (Reason("no kprobe", "get kprobe"),)


def test_what_does_not_depend_on_the_attach_mode_is_not_touched_by_it() -> None:
    """--attach leaves hooks alone that are the same in every attach mode."""
    hook = Hook(
        "process.exec", "x", "process", (Candidate(ANY_ATTACH_MODE, "tr", ("tp__sys_exit",)),)
    )
    assert attach_modes(choose((hook,), a_checker(), "fentry")) == ["any"]


def test_an_object_that_is_not_built_is_said() -> None:
    """A missing object is a reason like others."""
    hook = Hook("file.x", "x", "file", (Candidate("fentry", "gone", ("fentry__x",)),))
    choice = choose((hook,), a_checker())[0]
    assert choice.passed[0].why == "object gone is not built"


def test_a_missing_tracepoint_or_iterator_is_said() -> None:
    """The message names what the kernel does not have."""
    checker = a_checker("sys_exit", without=("fentry", "kprobe"))
    choice = choose(HOOKS, checker)[0]
    assert "the kernel has no tracepoint sys_exit" in [it.why for it in choice.passed]


def test_what_a_build_without_probe_reads_cannot_see_is_told() -> None:
    """The class is covered in part there, and in full with them."""
    hook = Hook("file.x", "x", "file", (Candidate("fentry", "fe", (), unread="a part"),))
    for reading, missing in (
        ("probe_read", ()),
        ("cast", (Reason("a part", "get probe_read"),)),
        ("", (Reason("a part", "get probe_read"),)),
    ):
        (choice,) = choose([hook], a_checker(reading=reading))
        assert choice.missing == missing
