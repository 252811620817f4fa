# SPDX-License-Identifier: Apache-2.0
"""What else is in the stream: the session that begins it, ticks, counters."""

from typing import TypeVar

import msgspec

_Facts = TypeVar("_Facts", bound=msgspec.Struct)


class Counters(msgspec.Struct, frozen=True, gc=False):
    """The kernel's counters by enum kf_counter, and the program runs that it skipped."""

    ts_ns: int
    values: tuple[int, ...]
    missed: int


class Session(msgspec.Struct, frozen=True, gc=False):
    """First record of a stream: what a replay needs to know, in place of asking the host.

    Attributes:
        ts_ns: Start of the agent.
        realtime_offset_ns: CLOCK_REALTIME minus CLOCK_BOOTTIME at the start; `ClockStep` tells of
            others.
        hz: Jiffies per second of the kernel, 0 unknown.
        facts: A JSON object; each enricher reads its own keys (`kflowd.enrich`).
    """

    ts_ns: int
    realtime_offset_ns: int
    hz: int
    facts: bytes


class ClockStep(msgspec.Struct, frozen=True, gc=False):
    """From some time on another difference of the clocks holds: the wall clock was set.

    Attributes:
        since_ns: When it was set, or when that was found.
        realtime_offset_ns: CLOCK_REALTIME minus CLOCK_BOOTTIME.
        uncertain_ns: By how much the difference may be wrong.
        compared: 1: found by comparing the clocks, 0: a program has seen the step.
    """

    ts_ns: int
    since_ns: int
    realtime_offset_ns: int
    uncertain_ns: int = 0
    compared: int = 0


class Lost(msgspec.Struct, gc=False):
    """What user space had no room for while it ran: later sessions of the stream tell.

    Attributes:
        lookups_lost: Looks at the interfaces of a network namespace.
        ends_lost: Ends of processes and sockets, which the next sweep was to know.
        plugin_faults: Faults of plugins: stalls, crashes, answers that are none, errors.
        plugin_parts_lost: What plugins were to read or label and did not, or had no room for.
        plugins_disabled: How often a plugin was put aside.
    """

    lookups_lost: int = 0
    ends_lost: int = 0
    plugin_faults: int = 0
    plugin_parts_lost: int = 0
    plugins_disabled: int = 0


def facts_of(kind: type[_Facts], facts: bytes) -> _Facts:
    """Return what a struct declares of a session's facts; facts of a wrong type say nothing."""
    try:
        return msgspec.json.decode(facts, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return kind()


class Tick(msgspec.Struct, frozen=True, gc=False):
    """The maps were swept at this time."""

    ts_ns: int
