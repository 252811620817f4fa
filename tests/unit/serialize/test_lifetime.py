# SPDX-License-Identifier: Apache-2.0
"""How a process ended, as wait(2) tells it, and what a record says of itself."""

import os
import signal
import sys

import pytest
from msgspec import UNSET

from kflowd.model import Actor, ProcessAggregate, ProcessExit
from kflowd.serialize.lifetime import lifetime, signal_name, with_notes
from kflowd.serialize.process import details_of
from tests.unit.make import SECOND, process, seen


def aggregate(
    status: int | None = None, *, rough: bool = False, partial: bool = False
) -> ProcessAggregate:
    """Return a process that has ended with a status, or runs."""
    it = process()
    end = None if status is None else ProcessExit(9 * SECOND, it, status, 11, 13)
    return ProcessAggregate(9 * SECOND, it, 2, 1, end, 3, 5, 7, rough, partial)


@pytest.mark.parametrize("code", [0, 1, 127, 255])
def test_exit_codes_are_those_of_the_status(code: int) -> None:
    """As the parent has them."""
    block = lifetime(aggregate(code << 8), int)
    assert (block.ProcExitCode, block.ProcExitSignal) == (code, UNSET)
    assert os.waitstatus_to_exitcode(code << 8) == code


@pytest.mark.parametrize("number", [1, 9, 11, 15, 31])
@pytest.mark.parametrize("core", [0, 0x80])
def test_signals_have_their_names(number: int, core: int) -> None:
    """With a core dump or not; there is no code."""
    block = lifetime(aggregate(number | core), int)
    assert (block.ProcExitCode, block.ProcExitSignal) == (UNSET, signal.Signals(number).name)
    notes = with_notes(details_of(Actor(process(), seen())), aggregate(number | core)).ProcNotes
    assert notes == (("CORE_DUMPED",) if core else UNSET)


def test_signals_of_real_time_are_counted_from_the_first() -> None:
    """As kill -l names them; what the C library keeps for itself is a number."""
    first = int(signal.SIGRTMIN)
    assert signal_name(first) == "SIGRTMIN"
    assert signal_name(first + 3) == "SIGRTMIN+3"
    assert signal_name(64) == f"SIGRTMIN+{64 - first}"
    assert signal_name(32) == ("SIG32" if sys.platform == "linux" else "")


def test_a_real_status_is_told() -> None:
    """Of a process that a signal has ended."""
    child = os.posix_spawn("/bin/sh", ["sh", "-c", "kill -TERM $$"], {})
    _, status = os.waitpid(child, 0)
    assert lifetime(aggregate(status), int).ProcExitSignal == "SIGTERM"


def test_who_runs_has_no_end() -> None:
    """Nor what is known at the end alone."""
    block = lifetime(aggregate(), lambda ns: ns + 1)
    assert block.ProcStartTime == process().start_ns + 1
    ends = (block.ProcEndTime, block.ProcExitCode, block.ProcExitSignal)
    assert (*ends, block.ProcCPUTime, block.ProcPeakRSS) == (UNSET,) * 5
    assert block.ProcEvents.pairs == (("EXEC", 2), ("FORK", 1))
    done = lifetime(aggregate(0), lambda ns: ns + 1)
    assert done.ProcEvents.pairs == (("EXEC", 2), ("FORK", 1), ("EXIT", 1))
    assert (done.ProcEndTime, done.ProcCPUTime, done.ProcPeakRSS) == (9 * SECOND + 1, 11, 13)
    assert (done.ProcFilesWritten, done.ProcConnections, done.ProcChildren) == (5, 7, 3)


def test_notes_are_added_to_those_of_the_process() -> None:
    """Which other records of it share."""
    details = details_of(Actor(process()))
    assert with_notes(details, aggregate(0)) is details
    noted = with_notes(details, aggregate(rough=True, partial=True))
    assert noted.ProcNotes == ("UNKNOWN_PROCESS", "COUNTS_ROUGH", "PARTIAL")
    assert details.ProcNotes == ("UNKNOWN_PROCESS",)
