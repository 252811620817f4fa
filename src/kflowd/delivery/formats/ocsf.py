# SPDX-License-Identifier: Apache-2.0
"""Records as events of the Open Cybersecurity Schema Framework 1.8.0, one JSON object on a line.

docs/ocsf.md has the mapping. A record is one event, of the activity that says most; what OCSF has
no attribute for is in `unmapped`, so that nothing of the record is lost. Each exchange of DNS and
HTTP is one more, of a class of its own (see `exchanges`).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from kflowd.delivery.formats.documents import (
    Document,
    Rest,
    encoded,
    happened,
    known,
    names_of,
    text,
)
from kflowd.delivery.formats.exchanges import ExchangeRecord
from kflowd.delivery.formats.ocsf_event import (
    EVERY,
    FAILURE,
    INFORMATIONAL,
    MEDIUM,
    MILLISECOND_NS,
    OWNER,
    REGULAR,
    SUCCESS,
    UNKNOWN,
    Activity,
    EventClass,
    actor_of,
    at,
    event_of,
    process_of,
    user_of,
)
from kflowd.delivery.formats.ocsf_exchange import exchange_event
from kflowd.delivery.formats.ocsf_network import OF_SOCKET, OF_UNIX, socket_event, unix_event
from kflowd.delivery.formats.words import counters, lost
from kflowd.serialize.record import (
    FileRecord,
    HealthRecord,
    IntegrityRecord,
    OwnedRecord,
    ProcessRecord,
    Record,
    SocketRecord,
    UnixRecord,
)

BASE = EventClass(0, 0, "Base Event")
FILE = EventClass(1001, 1, "File System Activity")
PROCESS = EventClass(1007, 1, "Process Activity")

# The first that happened is the activity.
FILE_ACTIVITIES = {
    "DELETE": Activity(4, "Delete"),
    "CREATE": Activity(1, "Create"),
    "MOVED_TO": Activity(5, "Rename"),
    "MOVED_FROM": Activity(5, "Rename"),
    "MODIFY": Activity(3, "Update"),
    "ATTRIB": Activity(6, "Set Attributes"),
    "ACCESS": Activity(2, "Read"),
    "OPEN_EXEC": Activity(14, "Open"),
    "OPEN": Activity(14, "Open"),
    "CLOSE_WRITE": Activity(99, "Close"),
    "CLOSE_NOWRITE": Activity(99, "Close"),
}
RENAME = FILE_ACTIVITIES["MOVED_TO"]
LAUNCH, TERMINATE = Activity(1, "Launch"), Activity(2, "Terminate")
PROCESS_ACTIVITIES = {"EXIT": TERMINATE, "EXEC": LAUNCH, "FORK": LAUNCH}
# that of a record which is told early, or of what goes on
INTERIM = Activity(99, "Interim")
# launch_type_id: both steps, the second, the first
SPAWN, EXEC, FORK = 1, 3, 2
HEALTH = Activity(99, "Health")
FINDING = Activity(99, "File integrity finding")
# severity_id by FimSeverity
SEVERITIES = {"low": 2, "medium": MEDIUM, "high": 4, "critical": 5}

FILE_TYPES = {"regular": REGULAR, "hardlink": REGULAR, "directory": 2, "symlink": 7}
MD5, SHA256 = 1, 3

# The keys that attributes hold, whole; all others go to `unmapped`.
OF_FILE = frozenset((
    "FilePath", "File", "FileVersion", "FileEventCount", "FileError", "FileInode", "FileUser",
    "FileUID", "FileSize", "FileAccessTime", "FileModificationTime", "FileMD5", "FileSHA256",
))  # fmt: skip
OF_PROCESS = frozenset(("ProcStartTime", "ProcEndTime", "ProcExitCode"))


def _file_event(record: FileRecord) -> Document:
    it = record.file
    failed = it.FileError is not UNSET
    counts = dict((it.FileEvents if it.FileEventsFailed is UNSET else it.FileEventsFailed).pairs)
    activity = next(iter(happened(counts, FILE_ACTIVITIES)), UNKNOWN)
    event = event_of(record, FILE, activity)
    event |= {
        "status_id": FAILURE if failed else SUCCESS,
        **known(status_code=it.FileError),
        "count": sum(counts.values()),
        "duration": max(it.FileEventsDuration, 0) // MILLISECOND_NS,
        # a file has somebody who used it, and an actor somebody who is named
        "actor": actor_of(record) or {"app_name": record.process.Proc},
        "file": _file(record),
    }
    if it.FileOrigin is UNSET:
        return event
    if activity is RENAME and not failed:
        # of the old name the directory is not known
        event["file_result"] = event["file"]
        same = {key: event["file"][key] for key in ("type_id", "uid") if key in event["file"]}
        event["file"] = {"name": it.FileOrigin, **same}
    else:
        event["unmapped"] = {"FileOrigin": it.FileOrigin}
    return event


def _file(record: FileRecord) -> Document:
    it, inode, digests = record.file, record.inode, record.digests
    names = names_of(it)
    mode = "" if it.FileMode is UNSET else it.FileMode
    found = {
        "name": it.File or names.path,
        "type_id": FILE_TYPES.get(mode, UNKNOWN.id),
        **known(
            path=names.path,
            parent_folder=names.directory,
            ext=names.extension,
            version=it.FileVersion,
        ),
    }
    if inode is not None:
        found |= {
            "uid": str(inode.FileInode),
            "owner": user_of(str(inode.FileUID), inode.FileUser),
            "size": inode.FileSize,
            **at("accessed_time", inode.FileAccessTime),
            **at("modified_time", inode.FileModificationTime),
        }
    if digests is not None:
        sums = ((MD5, "MD5", digests.FileMD5), (SHA256, "SHA-256", digests.FileSHA256))
        found |= known(
            hashes=[
                {"algorithm_id": number, "algorithm": name, "value": value}
                for number, name, value in sums
                if value
            ]
            or UNSET
        )
    return found


def _process_event(record: ProcessRecord) -> Document:
    it = record.lifetime
    counts = dict(it.ProcEvents.pairs)
    activity = next(iter(happened(counts, PROCESS_ACTIVITIES)), INTERIM)
    event = event_of(record, PROCESS, activity)
    process = record.process
    user = user_of(text(process.ProcUID), process.ProcUser)
    subject = process_of(record) | known(user=user) | at("created_time", it.ProcStartTime)
    if it.ProcEndTime is not UNSET:
        subject |= at("terminated_time", it.ProcEndTime)
    event["process"] = subject
    # who launches is the parent; an end is mostly one's own doing, and who sent a signal is unknown
    parent = known(pid=process.ProcPPID, name=process.ProcParent)
    itself = known(process=known(pid=process.ProcPID, name=process.Proc), user=user)
    event["actor"] = {"process": parent} if activity is LAUNCH and "pid" in parent else itself
    event |= known(exit_code=it.ProcExitCode)
    if activity is LAUNCH:
        event["launch_type_id"] = SPAWN if len(counts) > 1 else EXEC if "EXEC" in counts else FORK
    return event


def _health_event(record: HealthRecord) -> Document:
    missing = lost(counters(record))
    event = event_of(record, BASE, HEALTH, MEDIUM if missing else INFORMATIONAL)
    event["status_id"] = FAILURE if missing else SUCCESS
    event["message"] = (
        "lost: " + ", ".join(f"{name}={count}" for name, count in missing.items())
        if missing
        else "nothing was lost"
    )
    return event


def _integrity_event(record: IntegrityRecord) -> Document:
    it = record.integrity
    event = event_of(record, BASE, FINDING, SEVERITIES.get(it.FimSeverity, MEDIUM))
    event["status_id"] = SUCCESS
    event["message"] = f"{it.FimFinding}: {it.FimPath}"
    return event


class Kind(NamedTuple):
    """A kind of record.

    Attributes:
        make: Returns the event, without what has no attribute.
        placed: The keys that have one, beside those of every record and of its process.
    """

    make: Callable[[Any], Document]
    placed: frozenset[str]


KINDS: Mapping[type[Record], Kind] = {
    FileRecord: Kind(_file_event, OF_FILE),
    SocketRecord: Kind(socket_event, OF_SOCKET),
    UnixRecord: Kind(unix_event, OF_UNIX),
    ProcessRecord: Kind(_process_event, OF_PROCESS),
    HealthRecord: Kind(_health_event, frozenset()),
    IntegrityRecord: Kind(_integrity_event, frozenset()),
}


class OcsfFormat:
    """Makes the text of records."""

    def __init__(self) -> None:
        self._rest = {of: Rest(EVERY | OWNER | kind.placed) for of, kind in KINDS.items()}
        # where no process is known there is none to have its keys
        self._unowned = {of: Rest(EVERY | kind.placed - {"ProcAge"}) for of, kind in KINDS.items()}

    def __call__(self, record: Record) -> bytes:
        """Return the event of a record."""
        if isinstance(record, ExchangeRecord):
            return encoded(exchange_event(record))
        unowned = isinstance(record, OwnedRecord) and record.process.ProcPID is UNSET
        of = next(it for it in KINDS if isinstance(record, it))
        event = KINDS[of].make(record)
        rest = (self._unowned if unowned else self._rest)[of](record)
        event["unmapped"] = rest | event.pop("unmapped", {})
        return encoded(event)
