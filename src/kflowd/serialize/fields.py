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
        when: What has to be so for the key to be there; "" is always.
    """

    name: str
    kind: str
    legend: str
    when: str = ""


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

# when a key is there
NOT_YET = "not filled yet"
OWNED = "the process is known"
LISTED = "the process table has it"
INODE = "the inode is known"
CHANGED = "it is known and not 0"
KNOWN = "it is known"
NOTED = "there is something to say"
SENT = "something was sent"
SENT_TCP = "TCP, something was sent"
SENT_INFO = "TCP, something was sent, the kernel's counters are known"
RECEIVED = "something was received"
RECEIVED_TCP = "TCP, something was received"
OUTPUT_LOST = "an output lost records"
RECEIVED_INFO = "TCP, something was received, the kernel's counters are known"

FILE_EVENTS = (
    ("CREATE", "the file, hard link or symbolic link was made; a link ends its record at once"),
    (
        "OPEN",
        (
            "new descriptors: open, dup, fcntl, or received over a UNIX socket (the last not on "
            "the tracepoint mode); none are those of dup2, dup3 and fork"
        ),
    ),
    (
        "OPEN_EXEC",
        "to be executed: program, interpreter, loader; in the tracepoint mode the program alone",
    ),
    (
        "ACCESS",
        "calls that read data, also as source of a copy in the kernel; not those that got nothing",
    ),
    (
        "ATTRIB",
        "changes of mode, owner or times; those of extended attributes and ACLs are not seen",
    ),
    (
        "MODIFY",
        "calls that wrote (or copied in the kernel), truncate, open with O_TRUNC, fallocate",
    ),
    ("CLOSE_WRITE", "the last reference went, the file was open for writing; ends the record"),
    ("CLOSE_NOWRITE", "the last reference went, it was open for reading only; ends the record"),
    ("MOVED_FROM", "renamed: the old name, which is FileOrigin, went"),
    ("MOVED_TO", "renamed: the new name came; in one record with MOVED_FROM, which it ends"),
    ("DELETE", "a name was removed; the link count is that before it; ends the record"),
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
    Field("InfoUptime", "duration", "time from the start of kflowd to InfoTimestamp"),
)
PROCESS = (
    Field("ProcParent", "str", "name of the parent's executable"),
    Field("Proc", "str", "name of the executable, and of the task if that is another: dash/sh"),
    Field("ProcVersion", "str", "package version of the executable", when=NOT_YET),
    Field("ProcUser", "str", "name of ProcUID"),
    Field("ProcGroup", "str", "name of ProcGID"),
    Field("ProcPPID", "int", "parent process", when=OWNED),
    Field("ProcPID", "int", "process", when=OWNED),
    Field("ProcTID", "int", "thread of the first event", when=OWNED),
    Field("ProcUID", "int", "real user", when=OWNED),
    Field("ProcGID", "int", "real group", when=OWNED),
    Field("ProcAge", "duration", "age of the process at the last event", when=OWNED),
)
FILE = (
    Field("FilePath", "str", "directory, from the root of the process's mount namespace"),
    Field("File", "str", "name in the directory; after a rename the new one"),
    Field("FileOrigin", "str", "name before a rename", when="renamed"),
    Field("FileVersion", "str", "package version of the file", when=NOT_YET),
    Field("FileMode", "str", "regular, hardlink (more than one link) or symlink", when=INODE),
    Field("FileEventCount", "int", "sum of FileEvents"),
    Field("FileEvents", "counts", "events by type, those that happened"),
    Field("FileEventsDuration", "duration", "from the first to the last event"),
    Field("FileInode", "int", "inode number", when=INODE),
    Field("FileInodeLinkCount", "int", "hard links", when=INODE),
    Field("FileDevice", "str", "device (hex, as stat -c %D), source, mount, type", when=INODE),
    Field("FilePermissions", "str", "mode bits, octal and as ls shows them", when=INODE),
    Field("FileUser", "str", "name of FileUID", when=INODE),
    Field("FileGroup", "str", "name of FileGID", when=INODE),
    Field("FileUID", "int", "owner", when=INODE),
    Field("FileGID", "int", "group", when=INODE),
    Field("FileSize", "int", "bytes at the last event", when=INODE),
    Field("FileSizeChange", "int", "bytes more (or less) than at the first event", when=CHANGED),
    Field("FileAccessTime", "time", "atime at the last event", when=INODE),
    Field("FileStatusChangeTime", "time", "ctime at the last event", when=INODE),
    Field("FileModificationTime", "time", "mtime at the last event", when=INODE),
    Field("FileModificationTimeChange", "duration", "how far mtime moved", when=CHANGED),
    Field("FileMD5", "str", "MD5 of an executable file", when=NOT_YET),
    Field("FileSHA256", "str", "SHA-256 of an executable file", when=NOT_YET),
)
SOCKET = (
    Field("SockProtocol", "str", "TCP or UDP"),
    Field("SockRole", "str", "CLIENT or SERVER", when=KNOWN),
    Field("SockState", "str", "state at the end of the record", when=KNOWN),
    Field("SockFamily", "str", "AF_INET or AF_INET6", when=KNOWN),
    Field("SockLocalIP", "str", "local address"),
    Field("SockLocalPort", "int", "local port"),
    Field("SockRemoteIP", "str", "remote address"),
    Field("SockRemotePort", "int", "remote port"),
)
# the blocks of a direction are present if it had at least one packet
SOCKET_TX = (
    Field("SockTxInterface", "str", "index, name, MAC of the first packet's way out", when=SENT),
    Field("SockTxDataPackets", "int", "packets with payload (TCP)", when=SENT_TCP),
    Field("SockTxPackets", "int", "packets sent", when=SENT),
    Field("SockTxPacketsRetrans", "int", "packets sent again (TCP)", when=SENT_INFO),
    Field("SockTxPacketsDups", "int", "packets the peer had twice, by DSACK (TCP)", when=SENT_INFO),
    Field("SockTxFlags", "counts", "packets by flags (TCP)", when=SENT_TCP),
    Field("SockTxDuration", "duration", "from the first to the last packet sent", when=SENT),
    Field("SockTxBytes", "int", "payload sent, each byte once", when=SENT),
    Field("SockTxBytesAcked", "int", "bytes acknowledged, with SYN and FIN (TCP)", when=SENT_INFO),
    Field("SockTxBytesRetrans", "int", "payload sent again (TCP)", when=SENT_INFO),
    Field(
        "SockTxRTO",
        "int",
        "retransmission timeout in milliseconds (TCP)",
        when="as above, and it and the kernel's HZ are known",
    ),
)
SOCKET_RX = (
    Field("SockRxInterface", "str", "index, name, MAC of the first packet's way in", when=RECEIVED),
    Field("SockRxDataPackets", "int", "packets with payload (TCP)", when=RECEIVED_TCP),
    Field("SockRxPackets", "int", "packets received", when=RECEIVED),
    Field("SockRxPacketsQueued", "int", "packets not read yet, at the last one", when=RECEIVED),
    Field("SockRxPacketsDrop", "int", "packets dropped at the socket", when=RECEIVED),
    Field(
        "SockRxPacketsReorder", "int", "times the order was found changed (TCP)", when=RECEIVED_INFO
    ),
    Field("SockRxPacketsFrag", "int", "packets that came in IP fragments", when=RECEIVED),
    Field("SockRxFlags", "counts", "packets by flags (TCP)", when=RECEIVED_TCP),
    Field(
        "SockRxDuration", "duration", "from the first to the last packet received", when=RECEIVED
    ),
    Field("SockRxBytes", "int", "payload received, each byte once", when=RECEIVED),
    Field("SockRxTTL", "int", "mean TTL or hop limit", when=RECEIVED),
    Field("SockRTT", "duration", "smoothed round trip time (TCP)", when=RECEIVED_INFO),
)
SOCKET_AGE = (Field("SockAge", "duration", "from the first event of the socket to the record"),)
UNIX = (
    Field("SockRole", "str", "CLIENT or SERVER", when=KNOWN),
    Field("SockAddress", "str", "path of the socket; abstract names begin with @"),
    Field("SockFamily", "str", "AF_UNIX"),
    Field("SockTxBytes", "int", "bytes sent", when=SENT),
    Field("SockRxBytes", "int", "bytes received", when=RECEIVED),
)
APP = (Field("App", "str", "application protocol: DNS, HTTP or SYSLOG", when=NOT_YET),)
APP_TX = (
    Field("AppTxDns", "messages", "DNS messages sent", when=NOT_YET),
    Field("AppTxHttp", "messages", "HTTP messages sent", when=NOT_YET),
    Field("AppTxSyslog", "messages", "syslog messages sent", when=NOT_YET),
)
APP_RX = (
    Field("AppRxDns", "messages", "DNS messages received", when=NOT_YET),
    Field("AppRxHttp", "messages", "HTTP messages received", when=NOT_YET),
    Field("AppRxSyslog", "messages", "syslog messages received", when=NOT_YET),
)

NOTES_LEGEND = "words that say what is not known or not complete"
# What goes beyond the contract comes last; --strict leaves it out.
PROCESS_EXTRA = (
    Field("ProcExe", "str", "path of the executable", when=LISTED),
    Field("ProcArgs", "strings", "arguments, 2048 bytes at most", when=LISTED),
    Field("ProcLoginUID", "int", "user of the login session", when="it was set"),
    Field("ProcSessionID", "int", "login session of the audit system", when="it was set"),
    Field("ProcCgroupID", "int", "control group (its inode number)", when=LISTED),
    Field("ProcMntNS", "int", "mount namespace (its inode number)", when=LISTED),
    Field("ProcPidNS", "int", "PID namespace (its inode number)", when=LISTED),
    Field("ProcNetNS", "int", "network namespace (its inode number)", when=LISTED),
    Field("ProcNotes", "strings", NOTES_LEGEND, when=NOTED),
)
FILE_EXTRA = (Field("FileNotes", "strings", NOTES_LEGEND, when=NOTED),)
SOCKET_EXTRA = (
    Field("SockNetNS", "int", "network namespace of the socket (its inode number)", when=KNOWN),
    Field("SockNotes", "strings", NOTES_LEGEND, when=NOTED),
)
UNIX_EXTRA = (
    Field("SockType", "str", "STREAM, DGRAM or SEQPACKET", when=KNOWN),
    Field("SockTxMessages", "int", "calls that sent", when=SENT),
    Field("SockRxMessages", "int", "calls that received", when=RECEIVED),
    Field("SockNotes", "strings", NOTES_LEGEND, when=NOTED),
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
    "STALE": "swept without a closing event: idle, too old, or its process or kflowd ended",
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
    Field("HealthFileLostPending", "int", "operations not followed: table full, or no result seen"),
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
    Field("HealthMissedRuns", "int", "program runs that the kernel skipped and no copy made"),
    Field("HealthDecodeUnknown", "int", "records of an unknown kind or version"),
    Field("HealthDecodeShort", "int", "records shorter than they say"),
    Field("HealthDecodeCorrupt", "int", "batches given up because a size made no sense"),
    Field("HealthPathsEvicted", "int", "paths dropped before their file record came"),
    Field("HealthPartialsEvicted", "int", "file aggregates that became records early"),
    Field("HealthSocketsEvicted", "int", "connections whose next record repeats totals"),
    Field("HealthProcessesEvicted", "int", "running processes dropped from the table"),
    Field("HealthProcessesUnknown", "int", "records of a process that the table does not know"),
    Field("HealthOutputLost", "int", "records that outputs lost, added up", when=OUTPUT_LOST),
    Field("HealthOutputs", "messages", "what each output did, see below", when=OUTPUT_LOST),
)
# an entry of HealthOutputs
OUTPUT = {
    "Name": "of the output: stdout",
    "State": "up, retrying (it refused the last record, a full disk) or gone (nobody reads)",
    "Written": "records that are out, whole",
    "Queued": "records that wait",
    "Lost": "records that are lost for this output, the sum of those below",
    "LostFull": "there was no room in the queue: the reader is too slow, or stands still",
    "LostAge": "they waited too long",
    "LostRefused": "they found no room, or waited too long, while the output was retrying",
    "LostGone": "they were queued when the reader went away",
    "LostEnd": "they were queued when the run had to end; the summary alone can tell",
}

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
    return kind | UnsetType if field.when else kind
