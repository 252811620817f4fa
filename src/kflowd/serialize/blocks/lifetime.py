# SPDX-License-Identifier: Apache-2.0
"""Keys of process records."""

from typing import Annotated

from msgspec import UnsetType

from kflowd.serialize.keys import Block, Counts, Duration, Says, Time

PROCESS_EVENTS = {
    "EXEC": "it began to run a program",
    "FORK": "it was made by a fork, 1 once",
    "EXIT": "it ended, 1 once",
}
LIFE_NOTES = {
    "CORE_DUMPED": "the signal that ended it has dumped core",
    "COUNTS_ROUGH": "it had so many files and connections that some are counted again",
    "PARTIAL": "told early, for want of room: what it does since is in another record",
}
ENDED = "it has ended"
EXITED = "it has ended by itself"
KILLED = "a signal has ended it"


class ProcessLifetime(Block, frozen=True, kw_only=True, gc=False):
    """What a process did: since its last record, or since it or kflowd began."""

    ProcEvents: Annotated[Counts, Says("what became of it, by kind")]
    ProcStartTime: Annotated[Time, Says("when it was forked")]
    ProcEndTime: Annotated[Time | UnsetType, Says("when its last thread ended", ENDED)]
    ProcExitCode: Annotated[int | UnsetType, Says("its exit code, 0 to 255", EXITED)]
    ProcExitSignal: Annotated[str | UnsetType, Says("name of the signal: SIGKILL", KILLED)]
    ProcCPUTime: Annotated[
        Duration | UnsetType,
        Says("user and system time of all its threads, up to its end", ENDED),
    ]
    ProcPeakRSS: Annotated[
        int | UnsetType, Says("peak resident set size, in all its life, in bytes", ENDED)
    ]
    ProcFilesWritten: Annotated[int, Says("files whose content it changed (MODIFY)")]
    ProcConnections: Annotated[
        int, Says("TCP connections and peers of UDP sockets that were told of by then")
    ]
    ProcChildren: Annotated[int, Says("processes that it forked")]
