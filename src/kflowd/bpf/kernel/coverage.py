# SPDX-License-Identifier: Apache-2.0
"""What is observed on this kernel and what is not: the result of loading, as `doctor` shows it."""

from collections.abc import Iterable, Mapping

import msgspec

from kflowd.bpf.candidates import hook_text
from kflowd.bpf.kernel.choice import Choice, Reason
from kflowd.bpf.kernel.features import Feature

COVERED = "covered"
PARTIAL = "partial"
NOT_COVERED = "not covered"


class CoverageRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One class of events.

    Attributes:
        event: "file.open".
        title: For people.
        subsystem: file, socket, unix, process or clock.
        status: covered, partial or not covered.
        attach_mode: fentry, kprobe, tracepoint, any; "" if nothing serves it.
        object: The BPF object.
        programs: What is attached for it.
        hook: The same for people.
        why: Why it is not covered, or what is missing.
        change: What would have to change for full cover.
        passed: Why better candidates were not taken.
    """

    event: str
    title: str
    subsystem: str
    status: str
    attach_mode: str = ""
    object: str = ""
    programs: tuple[str, ...] = ()
    hook: str = ""
    why: str = ""
    change: str = ""
    passed: tuple[str, ...] = ()


class MapMemory(msgspec.Struct, frozen=True):
    """A map and the kernel memory it takes. Of the ring, entries are bytes."""

    name: str
    entries: int
    bytes: int


class Coverage(msgspec.Struct, frozen=True, omit_defaults=True):
    """The whole table.

    Attributes:
        rows: One for each class of events that is wanted.
        features: What the kernel allows.
        maps: Kernel memory by map.
        map_bytes: Of all maps.
        program_bytes: Of all programs.
        hz: Of the kernel, 0: unknown.
        left_out: Processes that are not observed beside kflowd itself, "cat (4711)".
        filters: Rules of --include and --exclude, each with where it is decided.
        messages: Applications whose messages are read, each with its ports: "DNS at udp/53".
        plugins: Those that are loaded, each with its state: "redis 1.0: ready, reads redis".
        problem: Why the agent cannot run, "" if it can.
        hint: What to do about the problem.
        exit_code: Of doctor: 0 if the agent can run.
    """

    rows: tuple[CoverageRow, ...] = ()
    features: tuple[Feature, ...] = ()
    maps: tuple[MapMemory, ...] = ()
    map_bytes: int = 0
    program_bytes: int = 0
    hz: int = 0
    left_out: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""
    exit_code: int = 0


def row_of(choice: Choice) -> CoverageRow:
    """Return the row of a class."""
    hook, candidate = choice.hook, choice.candidate
    if candidate is None:
        return CoverageRow(
            hook.key,
            hook.title,
            hook.subsystem,
            NOT_COVERED,
            why=_joined(it.why for it in choice.passed),
            change=_joined((it.change for it in choice.passed), " or "),
        )
    reasons = choice.missing
    if candidate.gap:
        # The better attach modes see what this one does not.
        changes = _joined((it.change for it in choice.passed), " or ")
        reasons = (Reason(candidate.gap, changes), *reasons)
    return CoverageRow(
        hook.key,
        hook.title,
        hook.subsystem,
        PARTIAL if reasons else COVERED,
        candidate.attach_mode,
        candidate.object,
        choice.programs,
        hook_text(choice.targets),
        _joined(it.why for it in reasons),
        _joined(it.change for it in reasons),
        tuple(it.why for it in choice.passed),
    )


def rows_of(choices: Iterable[Choice]) -> tuple[CoverageRow, ...]:
    """Return the rows of all classes."""
    return tuple(row_of(choice) for choice in choices)


def map_memory(entries: Mapping[str, int], sizes: Mapping[str, int]) -> tuple[MapMemory, ...]:
    """Return the maps, the largest first."""
    maps = (MapMemory(name, entries.get(name, 0), size) for name, size in sizes.items())
    return tuple(sorted(maps, key=lambda it: -it.bytes))


def _joined(texts: Iterable[str], between: str = "; ") -> str:
    return between.join(dict.fromkeys(text for text in texts if text))
