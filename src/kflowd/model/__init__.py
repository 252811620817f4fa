# SPDX-License-Identifier: Apache-2.0
"""The values that pass between the stages, a module for each kind.

Times are nanoseconds of CLOCK_BOOTTIME in integers unless a name says otherwise (`atime_ns` and its
like are nanoseconds since 1970). Text that came from the kernel as bytes is decoded as UTF-8 with
surrogateescape, so that the same codec gives the bytes back, whatever the locale is.
"""

from kflowd.model.file import (
    EnrichedFile,
    FileAggregate,
    FileEvent,
    FileFlag,
    FilePath,
    Inode,
    MountSeen,
    runnable,
)
from kflowd.model.load import KernelLoad, ProgramUse, Waited
from kflowd.model.payload import Messages, Payload, Segment
from kflowd.model.process import (
    LABELLED_BY,
    Actor,
    EnrichedProcess,
    ExeFlag,
    Process,
    ProcessAggregate,
    ProcessExit,
    ProcessFlag,
    ProcessSeen,
    ProcessSource,
)
from kflowd.model.socket import (
    EnrichedSocket,
    EnrichedUnix,
    Flow,
    Role,
    Scope,
    SocketAggregate,
    SocketClosed,
    SocketDirection,
    SocketFlag,
    SocketUsage,
    SocketUser,
    TcpInfo,
    UnixAggregate,
)
from kflowd.model.stream import ClockStep, Counters, Lost, Session, Tick, facts_of

__all__ = [
    "LABELLED_BY",
    "Actor",
    "Aggregate",
    "ClockStep",
    "Counters",
    "Enriched",
    "EnrichedFile",
    "EnrichedProcess",
    "EnrichedSocket",
    "EnrichedUnix",
    "ExeFlag",
    "FileAggregate",
    "FileEvent",
    "FileFlag",
    "FilePath",
    "Flow",
    "Inode",
    "KernelLoad",
    "Lost",
    "Messages",
    "Moment",
    "MountSeen",
    "Payload",
    "Process",
    "ProcessAggregate",
    "ProcessExit",
    "ProcessFlag",
    "ProcessSeen",
    "ProcessSource",
    "ProgramUse",
    "Role",
    "Scope",
    "Segment",
    "Session",
    "SocketAggregate",
    "SocketClosed",
    "SocketDirection",
    "SocketFlag",
    "SocketUsage",
    "SocketUser",
    "TcpInfo",
    "Tick",
    "UnixAggregate",
    "Value",
    "Waited",
    "facts_of",
    "runnable",
]

# what becomes a record, before and after it has names
Aggregate = FileAggregate | SocketAggregate | UnixAggregate | ProcessAggregate
Enriched = EnrichedFile | EnrichedSocket | EnrichedUnix | EnrichedProcess
# what the decoder yields
Ahead = FilePath | MountSeen
Moment = ClockStep | Counters | Session | Tick
Value = Aggregate | ProcessSeen | ProcessExit | Ahead | SocketClosed | Payload | Moment
