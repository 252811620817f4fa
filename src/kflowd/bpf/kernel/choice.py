# SPDX-License-Identifier: Apache-2.0
"""Chooses, hook by hook, what serves a class of events. Pure: what it asks is passed in."""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from kflowd.bpf.candidates import ANY_ATTACH_MODE, SUBSTITUTES, Candidate, Hook, Target, target
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
# the feature that all builds need but those for lockdown=confidentiality
PROBE_READ = "probe_read"


class Reason(NamedTuple):
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
        missing: Reasons of optional programs that cannot be, and of what a build cannot read.
        passed: Reasons of the better candidates, of all of them when none serves.
    """

    hook: Hook
    candidate: Candidate | None
    programs: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    missing: tuple[Reason, ...] = ()
    passed: tuple[Reason, ...] = ()


class KernelNames(Protocol):
    """The questions to the kernel's type information."""

    def has_function(self, function: str) -> bool:
        """Say whether BTF has the function."""

    def is_sized(self, function: str) -> bool:
        """Say whether each argument of a function has a size."""

    def has_symbol(self, function: str) -> bool:
        """Say whether the kernel has the function at all."""

    def has_tracepoint(self, name: str) -> bool:
        """Say whether a typed tracepoint exists."""

    def arguments(self, function: str) -> int | None:
        """Return the number of arguments of a function, None where BTF has it not."""


class Checker:
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
        refused: Mapping[ProgramId, Reason],
        reading: Mapping[str, str],
    ) -> None:
        self._features = features
        self._kernel = kernel
        self._built = built
        self._refused = refused
        self._reading = reading

    def reason(self, object_name: str, program: str) -> Reason | None:
        """Return why a program cannot serve, None when it can."""
        if object_name not in self._built:
            return Reason(f"object {object_name} is not built", "a complete build of kflowd")
        if program not in self._built[object_name]:
            return Reason(f"object {object_name} has no {program}", "a complete build of kflowd")
        how, name = self.target(object_name, program)
        for needed in filter(None, (FEATURE_OF[how], self._reading[object_name])):
            feature = self._features[needed]
            if not feature.ok:
                return Reason(feature.why, feature.change)
        known = self._refused.get(ProgramId(object_name, program))
        return known if known is not None else self._absent(how, name)

    def unread(self, candidate: Candidate) -> tuple[Reason, ...]:
        """Return what a candidate cannot see because its build makes no probe reads."""
        if not candidate.unread or self._reading[candidate.object] == PROBE_READ:
            return ()
        return (Reason(candidate.unread, self._features[PROBE_READ].change),)

    def target(self, object_name: str, program: str) -> Target:
        """Return what a program of a built object attaches to."""
        return target(self._built[object_name][program])

    def _absent(self, how: str, name: str) -> Reason | None:
        if how in ("fentry", "fexit"):
            there, what = self._kernel.has_function(name), "function"
            if there and not self._kernel.is_sized(name):
                return Reason(f"{name} has an argument without a size", "another kernel")
        elif how in ("kprobe", "kretprobe"):
            there, what = self._kernel.has_symbol(name), "function"
        elif how == "tp":
            there, what = self._kernel.has_tracepoint(name), "tracepoint"
        elif how == "iter":
            there, what = self._kernel.has_function(f"bpf_iter_{name}"), "iterator"
        else:
            return None
        return None if there else Reason(f"the kernel has no {what} {name}", "another kernel")


def choose(hooks: Iterable[Hook], checker: Checker, attach_mode: str | None = None) -> list[Choice]:
    """Return for each hook what serves it.

    Args:
        hooks: The classes wanted.
        checker: Says what can be loaded.
        attach_mode: Only this one, where a class depends on it; None: the best.
    """
    listed = list(hooks)
    chosen: dict[str, Choice] = {}
    for subsystem in dict.fromkeys(hook.subsystem for hook in listed):
        loaded = {it.candidate.object for it in chosen.values() if it.candidate is not None}
        group = [
            hook._replace(candidates=tuple(_possible(hook.candidates, loaded)))
            for hook in listed
            if hook.subsystem == subsystem
        ]
        single = [_choose_one(hook, checker, attach_mode, exclusive=False) for hook in group]
        exclusive = [_choose_one(hook, checker, attach_mode, exclusive=True) for hook in group]
        # A attach mode that serves all or none is worth it only if it serves more.
        better = exclusive if _served(exclusive) > _served(single) else single
        for one, other in zip(better, exclusive if better is single else single, strict=True):
            passed = list(one.passed)
            if one.candidate is None or better is exclusive:
                passed[:0] = other.passed
            if one.candidate is None and not passed:
                passed.append(Reason(f"no {attach_mode} hook for it", "another --attach"))
            chosen[one.hook.key] = one._replace(passed=_unique(passed))
    return [chosen[hook.key] for hook in listed]


def _possible(candidates: Iterable[Candidate], loaded: Container[str]) -> Iterator[Candidate]:
    """Yield the candidates that bring their own object, or whose object is loaded for others."""
    return (it for it in candidates if not it.beside or it.object in loaded)


def _served(choices: list[Choice]) -> int:
    return sum(choice.candidate is not None for choice in choices)


def _unique(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))


def _choose_one(
    hook: Hook, checker: Checker, attach_mode: str | None, *, exclusive: bool
) -> Choice:
    """Choose among the candidates that serve alone, or among those that serve all classes."""
    passed: list[Reason] = []
    for candidate in hook.candidates:
        if attach_mode is not None and candidate.attach_mode not in (attach_mode, ANY_ATTACH_MODE):
            continue
        if candidate.exclusive != exclusive:
            continue
        reasons = _reasons(checker, candidate.object, candidate.programs)
        if reasons:
            passed.extend(reasons.values())
            continue
        optional = _substituted(checker, candidate)
        missing = _reasons(checker, candidate.object, optional)
        extra = tuple(name for name in optional if name not in missing)
        programs = candidate.programs + extra
        return Choice(
            hook,
            candidate,
            programs,
            tuple(checker.target(candidate.object, name) for name in programs),
            _unique((*missing.values(), *checker.unread(candidate))),
            _unique(passed),
        )
    return Choice(hook, None, passed=_unique(passed))


def _substituted(checker: Checker, candidate: Candidate) -> tuple[str, ...]:
    """Return the optional programs, each that cannot serve replaced by what can in its place."""
    found = []
    for name in candidate.optional:
        other = SUBSTITUTES.get(name)
        if other and checker.reason(candidate.object, name):
            found.append(name if checker.reason(candidate.object, other) else other)
        else:
            found.append(name)
    return tuple(found)


def _reasons(checker: Checker, object_name: str, programs: tuple[str, ...]) -> dict[str, Reason]:
    found = ((name, checker.reason(object_name, name)) for name in programs)
    return {name: reason for name, reason in found if reason is not None}
