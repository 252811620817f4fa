# SPDX-License-Identifier: Apache-2.0
"""Chooses, hook by hook, what serves a class of events. Pure: what it asks is passed in."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from kflowd.bpf.hooks import ANY_ATTACH_MODE, Candidate, Hook, Target, target
from kflowd.bpf.kernel.features import Feature

# Which feature a program needs, by how it attaches.
FEATURE_OF = {
    "fentry": "fentry",
    "fexit": "fentry",
    "kprobe": "kprobe",
    "kretprobe": "kprobe",
    "tp": "tp_btf",
    "cgroup": "cgroup",
    "iter": "tp_btf",
}


class Obstacle(NamedTuple):
    """Why a program cannot serve, and what would have to change."""

    why: str
    change: str


class ProgramId(NamedTuple):
    """A program of an object.

    Attributes:
        object: Its name.
        program: Its name.
    """

    object: str
    program: str


class Choice(NamedTuple):
    """What became of a class.

    Attributes:
        hook: The class.
        candidate: What serves it, None if nothing can.
        programs: The programs that are to be loaded: all needed, and the optional ones that can be.
        targets: What they attach to.
        missing: Obstacles of optional programs that cannot be.
        passed: Obstacles of the better candidates, of all of them when none serves.
    """

    hook: Hook
    candidate: Candidate | None
    programs: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    missing: tuple[Obstacle, ...] = ()
    passed: tuple[Obstacle, ...] = ()


class KernelNames(Protocol):
    """The questions to the kernel's type information."""

    def has_function(self, function: str) -> bool:
        """Say whether BTF has the function."""

    def has_symbol(self, function: str) -> bool:
        """Say whether the kernel has the function at all."""

    def has_tracepoint(self, name: str) -> bool:
        """Say whether a typed tracepoint exists."""

    def arguments(self, function: str) -> int | None:
        """Return the number of arguments of a function, None where BTF has it not."""


class Judge:
    """Says whether a program can serve on this kernel.

    Args:
        features: What the kernel allows, by name.
        kernel: What the kernel has.
        built: Of each built object, its programs with their sections.
        refused: What was tried and refused; grows while loading.
        reading: By object, the feature that it needs to read kernel memory, "" for none.
    """

    def __init__(
        self,
        features: Mapping[str, Feature],
        kernel: KernelNames,
        built: Mapping[str, Mapping[str, str]],
        refused: Mapping[ProgramId, Obstacle],
        reading: Mapping[str, str],
    ) -> None:
        self._features = features
        self._kernel = kernel
        self._built = built
        self._refused = refused
        self._reading = reading

    def obstacle(self, object_name: str, program: str) -> Obstacle | None:
        """Return why a program cannot serve, None when it can."""
        if object_name not in self._built:
            return Obstacle(f"object {object_name} is not built", "a complete build of kflowd")
        if program not in self._built[object_name]:
            return Obstacle(f"object {object_name} has no {program}", "a complete build of kflowd")
        how, name = self.target(object_name, program)
        for needed in filter(None, (FEATURE_OF[how], self._reading[object_name])):
            feature = self._features[needed]
            if not feature.ok:
                return Obstacle(feature.why, feature.change)
        known = self._refused.get(ProgramId(object_name, program))
        return known if known is not None else self._absent(how, name)

    def target(self, object_name: str, program: str) -> Target:
        """Return what a program of a built object attaches to."""
        return target(self._built[object_name][program])

    def _absent(self, how: str, name: str) -> Obstacle | None:
        if how in ("fentry", "fexit"):
            there, what = self._kernel.has_function(name), "function"
        elif how in ("kprobe", "kretprobe"):
            there, what = self._kernel.has_symbol(name), "function"
        elif how == "tp":
            there, what = self._kernel.has_tracepoint(name), "tracepoint"
        elif how == "iter":
            there, what = self._kernel.has_function(f"bpf_iter_{name}"), "iterator"
        else:
            return None
        return None if there else Obstacle(f"the kernel has no {what} {name}", "another kernel")


def choose(hooks: Iterable[Hook], judge: Judge, attach_mode: str | None = None) -> list[Choice]:
    """Return for each hook what serves it.

    Args:
        hooks: The classes wanted.
        judge: Says what can be loaded.
        attach_mode: Only this one, where a class depends on it; None: the best.
    """
    listed = list(hooks)
    chosen: dict[str, Choice] = {}
    for subsystem in dict.fromkeys(hook.subsystem for hook in listed):
        group = [hook for hook in listed if hook.subsystem == subsystem]
        single = [_choose_one(hook, judge, attach_mode, whole=False) for hook in group]
        whole = [_choose_one(hook, judge, attach_mode, whole=True) for hook in group]
        # A attach mode that serves all or none is worth it only if it serves more.
        better = whole if _served(whole) > _served(single) else single
        for one, other in zip(better, whole if better is single else single, strict=True):
            passed = list(one.passed)
            if one.candidate is None or better is whole:
                passed[:0] = other.passed
            if one.candidate is None and not passed:
                passed.append(Obstacle(f"no {attach_mode} hook for it", "another --attach"))
            chosen[one.hook.key] = one._replace(passed=_unique(passed))
    return [chosen[hook.key] for hook in listed]


def _served(choices: list[Choice]) -> int:
    return sum(choice.candidate is not None for choice in choices)


def _unique(obstacles: Iterable[Obstacle]) -> tuple[Obstacle, ...]:
    return tuple(dict.fromkeys(obstacles))


def _choose_one(hook: Hook, judge: Judge, attach_mode: str | None, *, whole: bool) -> Choice:
    """Choose among the candidates that serve alone, or among those that serve all classes."""
    passed: list[Obstacle] = []
    for candidate in hook.candidates:
        if attach_mode is not None and candidate.attach_mode not in (attach_mode, ANY_ATTACH_MODE):
            continue
        if candidate.whole != whole:
            continue
        obstacles = _obstacles(judge, candidate.object, candidate.programs)
        if obstacles:
            passed.extend(obstacles.values())
            continue
        missing = _obstacles(judge, candidate.object, candidate.optional)
        extra = tuple(name for name in candidate.optional if name not in missing)
        programs = candidate.programs + extra
        return Choice(
            hook,
            candidate,
            programs,
            tuple(judge.target(candidate.object, name) for name in programs),
            _unique(missing.values()),
            _unique(passed),
        )
    return Choice(hook, None, passed=_unique(passed))


def _obstacles(judge: Judge, object_name: str, programs: tuple[str, ...]) -> dict[str, Obstacle]:
    found = ((name, judge.obstacle(object_name, name)) for name in programs)
    return {name: obstacle for name, obstacle in found if obstacle is not None}
