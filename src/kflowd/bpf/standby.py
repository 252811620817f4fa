# SPDX-License-Identifier: Apache-2.0
"""Second copies of tracing programs, where the kernel is preempted: see ebpf/standby.bpf.h.

All that user space does about them is here: which programs have one, how both copies are told
apart, the order of attaching and detaching, and what the kernel skipped in spite of them. Pure.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import NamedTuple

from kflowd.bpf.kernel.features import Feature

# Objects with this map have standbys of the programs that the kernel runs once a CPU at a time.
CLAIMS = "kf_claims"
TRAMPOLINES = ("fentry", "fexit")
ONCE_A_CPU = (*TRAMPOLINES, "tp")
# Entries of maps where there are no standbys. Of texts there is one for each copy.
SMALLER_MAPS = {CLAIMS: 1, "kf_texts": 1}


class Part(NamedTuple):
    """An object, opened for its primaries or for its standbys.

    Attributes:
        object: Its name.
        programs: Those that are loaded of it.
        standby: They are standbys.
    """

    object: str
    programs: tuple[str, ...]
    standby: bool = False


class Copy(NamedTuple):
    """A program as it is loaded: the primary, which may be all there is, or the standby."""

    object: str
    program: str
    standby: bool = False


class Standbys:
    """Which programs have a standby on this kernel.

    Args:
        features: What the kernel allows.
    """

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._needed = not features["nonpreemptible"].ok
        self._objects: set[str] = set()

    def add(self, object_name: str, maps: Container[str]) -> None:
        """Take note of an object and its maps."""
        if self._needed and CLAIMS in maps:
            self._objects.add(object_name)

    def constants(self, part: Part) -> dict[str, int]:
        """Return the constants that tell the programs of a part what they are."""
        return {"kf_has_standby": int(self._needed), "kf_is_standby": int(part.standby)}

    def map_entries(self) -> dict[str, int]:
        """Return the entries of maps by name that differ from what the objects' source says."""
        return {} if self._needed else SMALLER_MAPS

    def parts(
        self, programs: Mapping[str, Iterable[str]], how: Callable[[str, str], str]
    ) -> list[Part]:
        """Return what to load.

        Args:
            programs: By object.
            how: Says how a program of an object attaches.
        """
        found = []
        for name, listed in programs.items():
            found.append(Part(name, tuple(listed)))
            if name in self._objects:
                again = tuple(it for it in listed if how(name, it) in ONCE_A_CPU)
                found += [Part(name, again, standby=True)] if again else []
        return found


def attach_order(parts: Iterable[Part], how: Callable[[str, str], str]) -> list[Copy]:
    """Return all programs in the order of attaching, so that a standby runs after its primary.

    The kernel runs programs of a tracepoint in the order in which they were attached, those of
    a trampoline in reverse (bpf_trampoline_link_prog puts the new one first).
    """
    listed = list(parts)
    found: list[Copy] = []
    for first in (part for part in listed if not part.standby):
        for program in first.programs:
            copies = [
                Copy(part.object, program, part.standby)
                for part in listed
                if part.object == first.object and program in part.programs
            ]
            first_is_last = how(first.object, program) in TRAMPOLINES
            found += sorted(copies, key=lambda it: it.standby, reverse=first_is_last)
    return found


def detach_order(copies: Iterable[Copy]) -> list[Copy]:
    """Return programs in the order of detaching: a standby alone would handle every event."""
    return sorted(copies, key=lambda it: not it.standby)


def with_standby(copies: Iterable[Copy]) -> tuple[list[Copy], list[Copy]]:
    """Return the primaries that have a standby, and the programs that have none."""
    listed = list(copies)
    has = {(it.object, it.program) for it in listed if it.standby}
    primaries = [it for it in listed if not it.standby]
    return (
        [it for it in primaries if (it.object, it.program) in has],
        [it for it in primaries if (it.object, it.program) not in has],
    )


def missed(skipped: int, standby_runs: int, skipped_without: int) -> int:
    """Return how many runs the kernel skipped and no standby made.

    Args:
        skipped: Runs of primaries that the kernel skipped.
        standby_runs: Runs that standbys made in their place. Read later, it can be a little more.
        skipped_without: Skipped runs of programs that have no standby.
    """
    return skipped_without + max(0, skipped - standby_runs)
