# SPDX-License-Identifier: Apache-2.0
"""The public record: every key, its type and what it means, in the order of the output.

This is the one place where keys are declared. `contract` makes the records out of these blocks, the
legend and the schema are printed from them. Fields may be added at the end and are never renamed.
A field that is unknown is absent; a name that is unknown is "".
"""

from typing import Any, NamedTuple

from msgspec import Raw, UnsetType


class Field(NamedTuple):
    """One key of a record.

    Attributes:
        name: The key.
        kind: "str", "int", "duration", "time", "counts" (object of integers), "strings" (list),
            "messages" (list of objects).
        legend: What the value is.
        always: The key is in every record that has its block.
    """

    name: str
    kind: str
    legend: str
    always: bool = True


# Python types of the kinds; durations, times and objects arrive as finished JSON
PYTHON_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "duration": Raw,
    "time": str,
    "counts": Raw,
    "strings": Raw | list[str],
    "messages": Raw | list[Any],
}

FILE_EVENTS = (
    ("CREATE", "file, hard link or symbolic link was created"),
    ("OPEN", "opened"),
    ("OPEN_EXEC", "opened to be executed"),
    ("ACCESS", "read"),
    ("ATTRIB", "mode, owner, times or extended attributes were changed"),
    ("MODIFY", "written or truncated"),
    ("CLOSE_WRITE", "closed after it was open for writing"),
    ("CLOSE_NOWRITE", "closed after it was open for reading only"),
    ("MOVED_FROM", "renamed: the old name went"),
    ("MOVED_TO", "renamed: the new name came"),
    ("DELETE", "a name was removed"),
)
TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")  # bit 0 first

INFO = (
    Field("InfoSequenceNumber", "int", "number of the record in this run, from 1"),
    Field("InfoTimestamp", "time", "when the event happened that ended the record, UTC"),
    Field("InfoMonitor", "str", "filesystem, socket or health"),
    Field("InfoHostName", "str", "name of the host"),
    Field("InfoHostIP", "str", "address of the host on its way out, 0.0.0.0 without a route"),
    Field("InfoSystem", "str", "operating system"),
    Field("InfoKernel", "str", "release of the kernel"),
    Field("InfoVersion", "str", "kflowd-v and the version of kflowd"),
    Field("InfoUptime", "duration", "time from the start of kflowd to InfoTimestamp", always=False),
)
PROCESS = (
    Field("ProcParent", "str", "name of the parent's executable"),
    Field("Proc", "str", "name of the executable, /task name if that is another"),
    Field("ProcVersion", "str", "package version of the executable", always=False),
    Field("ProcUser", "str", "name of ProcUID"),
    Field("ProcGroup", "str", "name of ProcGID"),
    Field("ProcPPID", "int", "parent process", always=False),
    Field("ProcPID", "int", "process", always=False),
    Field("ProcTID", "int", "thread of the first event", always=False),
    Field("ProcUID", "int", "real user", always=False),
    Field("ProcGID", "int", "real group", always=False),
    Field("ProcAge", "duration", "age of the process at the last event", always=False),
)
FILE = (
    Field("FilePath", "str", "directory, from the root of the process's mount namespace"),
    Field("File", "str", "name in the directory; after a rename the new one"),
    Field("FileOrigin", "str", "name before a rename", always=False),
    Field("FileVersion", "str", "package version of the file", always=False),
    Field("FileMode", "str", "regular, hardlink (more than one link) or symlink", always=False),
    Field("FileEventCount", "int", "sum of FileEvents"),
    Field("FileEvents", "counts", "events by type, those that happened"),
    Field("FileEventsDuration", "duration", "from the first to the last event"),
    Field("FileInode", "int", "inode number", always=False),
    Field("FileInodeLinkCount", "int", "hard links", always=False),
    Field("FileDevice", "str", "device (hex, as stat -c %D), source, mount, type", always=False),
    Field("FilePermissions", "str", "mode bits, octal and as ls shows them", always=False),
    Field("FileUser", "str", "name of FileUID", always=False),
    Field("FileGroup", "str", "name of FileGID", always=False),
    Field("FileUID", "int", "owner", always=False),
    Field("FileGID", "int", "group", always=False),
    Field("FileSize", "int", "bytes at the last event", always=False),
    Field("FileSizeChange", "int", "bytes more (or less) than at the first event", always=False),
    Field("FileAccessTime", "time", "atime at the last event", always=False),
    Field("FileStatusChangeTime", "time", "ctime at the last event", always=False),
    Field("FileModificationTime", "time", "mtime at the last event", always=False),
    Field("FileModificationTimeChange", "duration", "how far mtime moved", always=False),
    Field("FileMD5", "str", "MD5 of an executable file", always=False),
    Field("FileSHA256", "str", "SHA-256 of an executable file", always=False),
)
SOCKET = (
    Field("SockProtocol", "str", "TCP or UDP"),
    Field("SockRole", "str", "CLIENT or SERVER", always=False),
    Field("SockState", "str", "state at the end of the record", always=False),
    Field("SockFamily", "str", "AF_INET or AF_INET6", always=False),
    Field("SockLocalIP", "str", "local address"),
    Field("SockLocalPort", "int", "local port"),
    Field("SockRemoteIP", "str", "remote address"),
    Field("SockRemotePort", "int", "remote port"),
)
# the blocks of a direction are present if it had at least one packet
SOCKET_TX = (
    Field("SockTxInterface", "str", "index, name, MAC of the first packet's way out", always=False),
    Field("SockTxDataPackets", "int", "packets with payload (TCP)", always=False),
    Field("SockTxPackets", "int", "packets sent", always=False),
    Field("SockTxPacketsRetrans", "int", "packets sent again (TCP)", always=False),
    Field("SockTxPacketsDups", "int", "packets the peer had twice, by DSACK (TCP)", always=False),
    Field("SockTxFlags", "counts", "packets by flags (TCP)", always=False),
    Field("SockTxDuration", "duration", "from the first to the last packet sent", always=False),
    Field("SockTxBytes", "int", "payload sent, each byte once", always=False),
    Field("SockTxBytesAcked", "int", "bytes acknowledged, with SYN and FIN (TCP)", always=False),
    Field("SockTxBytesRetrans", "int", "payload sent again (TCP)", always=False),
    Field("SockTxRTO", "int", "retransmission timeout in milliseconds (TCP)", always=False),
)
SOCKET_RX = (
    Field("SockRxInterface", "str", "index, name, MAC of the first packet's way in", always=False),
    Field("SockRxDataPackets", "int", "packets with payload (TCP)", always=False),
    Field("SockRxPackets", "int", "packets received", always=False),
    Field("SockRxPacketsQueued", "int", "packets not read yet, at the last one", always=False),
    Field("SockRxPacketsDrop", "int", "packets dropped at the socket", always=False),
    Field("SockRxPacketsReorder", "int", "times the order was found changed (TCP)", always=False),
    Field("SockRxPacketsFrag", "int", "packets that came in IP fragments", always=False),
    Field("SockRxFlags", "counts", "packets by flags (TCP)", always=False),
    Field("SockRxDuration", "duration", "from the first to the last packet received", always=False),
    Field("SockRxBytes", "int", "payload received, each byte once", always=False),
    Field("SockRxTTL", "int", "mean TTL or hop limit", always=False),
    Field("SockRTT", "duration", "smoothed round trip time (TCP)", always=False),
)
SOCKET_AGE = (Field("SockAge", "duration", "from the first event of the socket to the record"),)
UNIX = (
    Field("SockRole", "str", "CLIENT or SERVER", always=False),
    Field("SockAddress", "str", "path of the socket; abstract names begin with @"),
    Field("SockFamily", "str", "AF_UNIX"),
    Field("SockTxBytes", "int", "bytes sent", always=False),
    Field("SockRxBytes", "int", "bytes received", always=False),
)
APP = (Field("App", "str", "application protocol: DNS, HTTP or SYSLOG", always=False),)
APP_TX = (
    Field("AppTxDns", "messages", "DNS messages sent", always=False),
    Field("AppTxHttp", "messages", "HTTP messages sent", always=False),
    Field("AppTxSyslog", "messages", "syslog messages sent", always=False),
)
APP_RX = (
    Field("AppRxDns", "messages", "DNS messages received", always=False),
    Field("AppRxHttp", "messages", "HTTP messages received", always=False),
    Field("AppRxSyslog", "messages", "syslog messages received", always=False),
)

NOTES_LEGEND = "words that say what is not known or not complete"
# What goes beyond the contract comes last; --strict leaves it out.
PROCESS_EXTRA = (
    Field("ProcExe", "str", "path of the executable", always=False),
    Field("ProcArgs", "strings", "arguments, 2048 bytes at most", always=False),
    Field("ProcLoginUID", "int", "user of the login session", always=False),
    Field("ProcSessionID", "int", "login session of the audit system", always=False),
    Field("ProcCgroupID", "int", "control group (its inode number)", always=False),
    Field("ProcMntNS", "int", "mount namespace (its inode number)", always=False),
    Field("ProcPidNS", "int", "PID namespace (its inode number)", always=False),
    Field("ProcNetNS", "int", "network namespace (its inode number)", always=False),
    Field("ProcNotes", "strings", NOTES_LEGEND, always=False),
)
FILE_EXTRA = (Field("FileNotes", "strings", NOTES_LEGEND, always=False),)
SOCKET_EXTRA = (
    Field("SockNetNS", "int", "network namespace of the socket (its inode number)", always=False),
    Field("SockNotes", "strings", NOTES_LEGEND, always=False),
)
UNIX_EXTRA = (
    Field("SockType", "str", "STREAM, DGRAM or SEQPACKET", always=False),
    Field("SockTxMessages", "int", "calls that sent", always=False),
    Field("SockRxMessages", "int", "calls that received", always=False),
    Field("SockNotes", "strings", NOTES_LEGEND, always=False),
)

PROC_NOTES = {
    "NO_OWNER": "no process is known for this socket",
    "UNKNOWN_PROCESS": "the process table does not know it: Proc is the task's name",
    "EXE_TRUNCATED": "ProcExe is not complete",
    "ARGS_TRUNCATED": "ProcArgs is not complete",
}
FILE_NOTES = {
    "PATH_UNRESOLVED": "FilePath is unknown, begins at the root of its file system, or is what a "
    "system call was given",
    "PATH_TRUNCATED": "FilePath lacks its beginning",
    "NO_INODE": "which file it was is unknown: the fields of the inode are absent",
    "PARTIAL": "more events of the same file may be in another record",
    "STALE": "ended by a timeout or the end of its process, not by an event",
}
SOCK_NOTES = {
    "INTERIM": "the connection goes on: counters are those since the record before",
    "SNAPSHOT": "existed before kflowd: counters are those since the start of kflowd",
    "FLAGS_INCOMPLETE": "more combinations of flags than are counted",
}

HEALTH_KERNEL = (
    Field("HealthFileEvents", "int", "file events seen"),
    Field("HealthFileReported", "int", "file events in records that left the kernel"),
    Field("HealthFileLostMap", "int", "file events lost: table full"),
    Field("HealthFileLostRing", "int", "file events lost: ring full"),
    Field("HealthFileLostPending", "int", "operations not followed: table of pending calls full"),
    Field("HealthPathLostRing", "int", "paths refused by the ring"),
    Field("HealthPathTruncated", "int", "paths that are not complete"),
    Field("HealthSockCreated", "int", "TCP and UDP aggregates begun"),
    Field("HealthSockReported", "int", "TCP and UDP aggregates that left the kernel"),
    Field("HealthSockLostMap", "int", "packets or connections not followed: table full"),
    Field("HealthSockLostRing", "int", "TCP and UDP records refused by the ring, swept later"),
    Field("HealthUnixCreated", "int", "UNIX aggregates begun"),
    Field("HealthUnixReported", "int", "UNIX aggregates that left the kernel"),
    Field("HealthUnixLostMap", "int", "UNIX sockets not followed: table full"),
    Field("HealthUnixLostRing", "int", "UNIX records refused by the ring, swept later"),
    Field("HealthProcEvents", "int", "exec, fork and exit seen"),
    Field("HealthProcLostRing", "int", "exec, fork and exit lost: ring full"),
    Field("HealthReadFailed", "int", "kernel memory that could not be read"),
)
HEALTH_USER = (
    Field("HealthMissedRuns", "int", "program runs that the kernel skipped"),
    Field("HealthDecodeUnknown", "int", "records of an unknown kind or version"),
    Field("HealthDecodeShort", "int", "records shorter than they say"),
    Field("HealthDecodeCorrupt", "int", "batches given up because a size made no sense"),
    Field("HealthPathsEvicted", "int", "paths dropped before their file record came"),
    Field("HealthPartialsEvicted", "int", "file aggregates that became records early"),
    Field("HealthSocketsEvicted", "int", "connections whose next record repeats totals"),
    Field("HealthProcessesEvicted", "int", "running processes dropped from the table"),
    Field("HealthProcessesUnknown", "int", "records of a process that the table does not know"),
)

# a block's fields as they stand in each kind of record
FILE_RECORD = (*INFO, *PROCESS, *FILE, *PROCESS_EXTRA, *FILE_EXTRA)
CLIENT_RECORD = (
    *(*INFO, *PROCESS, *SOCKET, *SOCKET_TX, *SOCKET_RX, *SOCKET_AGE),
    *(*APP, *APP_TX, *APP_RX, *PROCESS_EXTRA, *SOCKET_EXTRA),
)
SERVER_RECORD = (
    *(*INFO, *PROCESS, *SOCKET, *SOCKET_RX, *SOCKET_TX, *SOCKET_AGE),
    *(*APP, *APP_RX, *APP_TX, *PROCESS_EXTRA, *SOCKET_EXTRA),
)
UNIX_CLIENT_RECORD = (
    *(*INFO, *PROCESS, *UNIX, *SOCKET_AGE),
    *(*APP, *APP_TX, *APP_RX, *PROCESS_EXTRA, *UNIX_EXTRA),
)
UNIX_SERVER_RECORD = (
    *(*INFO, *PROCESS, *UNIX, *SOCKET_AGE),
    *(*APP, *APP_RX, *APP_TX, *PROCESS_EXTRA, *UNIX_EXTRA),
)
HEALTH_RECORD = (*INFO, *HEALTH_KERNEL, *HEALTH_USER)


def python_type(field: Field) -> Any:  # noqa: ANN401 - a type expression
    """Return the type of a field in a record."""
    kind = PYTHON_TYPES[field.kind]
    return kind if field.always else kind | UnsetType
