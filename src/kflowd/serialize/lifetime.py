# SPDX-License-Identifier: Apache-2.0
"""The blocks of a process record."""

import functools
import signal
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from kflowd.model import ProcessAggregate
from kflowd.serialize.blocks.lifetime import ProcessLifetime
from kflowd.serialize.blocks.process import ProcessDetails
from kflowd.serialize.keys import Counts

# Processes share a few sets of counts.
MAX_COUNTS = 1024
CORE_DUMPED = 0x80  # WCOREDUMP of wait(2)


def lifetime(aggregate: ProcessAggregate, wall_at: Callable[[int], int]) -> ProcessLifetime:
    """Return what a process did.

    Args:
        aggregate: Of the process.
        wall_at: Returns nanoseconds since 1970 for CLOCK_BOOTTIME.
    """
    end = aggregate.end
    exits = int(end is not None and aggregate.exit_told)
    signalled = end.status & 0x7F if end else 0
    return ProcessLifetime(
        ProcEvents=_events(aggregate.execs, aggregate.forks, exits),
        ProcStartTime=wall_at(aggregate.process.start_ns),
        ProcEndTime=wall_at(end.ts_ns) if end else UNSET,
        ProcExitCode=end.status >> 8 & 0xFF if end and not signalled else UNSET,
        ProcExitSignal=signal_name(signalled) if signalled else UNSET,
        ProcCPUTime=end.cpu_ns if end else UNSET,
        ProcPeakRSS=end.peak_rss if end else UNSET,
        ProcFilesWritten=aggregate.files_written,
        ProcConnections=aggregate.connections,
        ProcChildren=aggregate.children,
    )


def with_notes(details: ProcessDetails, aggregate: ProcessAggregate) -> ProcessDetails:
    """Return what is known of a process, with what there is to say of its record."""
    words = []
    if aggregate.end and aggregate.end.status & 0x7F and aggregate.end.status & CORE_DUMPED:
        words.append("CORE_DUMPED")
    if aggregate.rough:
        words.append("COUNTS_ROUGH")
    if aggregate.partial:
        words.append("PARTIAL")
    if not words:
        return details
    known = () if details.ProcNotes is UNSET else details.ProcNotes
    return msgspec.structs.replace(details, ProcNotes=(*known, *words))


@functools.lru_cache(MAX_COUNTS)
def _events(execs: int, forks: int, exits: int) -> Counts:
    counted = (("EXEC", execs), ("FORK", forks), ("EXIT", exits))
    return Counts(tuple((name, count) for name, count in counted if count))


def signal_name(number: int) -> str:
    """Return the name of a signal; those of real time are counted from the first: SIGRTMIN+3.

    The kernel's first is 32; the C library keeps two for itself.
    """
    first, last = int(signal.SIGRTMIN), int(signal.SIGRTMAX)
    if first < number <= last:
        return f"SIGRTMIN+{number - first}"
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
