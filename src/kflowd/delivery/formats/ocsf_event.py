# SPDX-License-Identifier: Apache-2.0
"""What all events of OCSF have: class, time, host, and the process behind them."""

import shlex
from typing import NamedTuple

from msgspec import UNSET

from kflowd.delivery.formats.documents import NO_ADDRESS, Document, began_ns, date, known, text
from kflowd.serialize.blocks.info import Host
from kflowd.serialize.blocks.process import ProcessBlock, ProcessDetails
from kflowd.serialize.record import OwnedRecord, Record

VERSION = "1.8.0"
# What of the attributes is used that only these have: processes in containers, times as text with
# nanoseconds, who and where for network activity, the ids of Linux.
PROFILES = ("container", "datetime", "host", "linux/linux_users")
MILLISECOND_NS = 1_000_000
INFORMATIONAL, MEDIUM = 1, 3
SUCCESS, FAILURE = 1, 2
REGULAR = 1
LINUX = 200

# The keys that the attributes hold, whole.
EVERY = frozenset((
    "InfoSequenceNumber", "InfoTimestamp", "InfoTime", "InfoMonitor", "InfoHostName", "InfoHostIP",
    "InfoHostToken", "InfoSystem", "InfoKernel", "InfoVersion",
))  # fmt: skip
OWNER = frozenset((
    "ProcParent", "Proc", "ProcVersion", "ProcUser", "ProcGroup", "ProcPPID", "ProcPID", "ProcTID",
    "ProcUID", "ProcGID", "ProcEUID", "ProcEGID", "ProcExe", "ProcArgs", "ProcWorkDir", "ProcTTY",
    "ProcLoginUID", "ProcSessionID", "ProcContainer", "ProcAncestors",
))  # fmt: skip


class Activity(NamedTuple):
    """What happened, in the words of a class."""

    id: int
    name: str


class EventClass(NamedTuple):
    """A class of events."""

    uid: int
    category: int
    name: str


UNKNOWN = Activity(0, "Unknown")


def event_of(
    record: Record, of: EventClass, activity: Activity, severity: int = INFORMATIONAL
) -> Document:
    """Return what every event has."""
    stamp, host = record.stamp, record.host
    metadata: Document = {
        "version": VERSION,
        "product": {
            "name": "kflowd",
            "vendor_name": "kflowd",
            "version": host.InfoVersion.removeprefix("kflowd-v"),
        },
        "profiles": PROFILES,
        "log_name": stamp.InfoMonitor,
        "sequence": stamp.InfoSequenceNumber,
    }
    if host.InfoHostToken is not UNSET:
        metadata["labels"] = [host.InfoHostToken]
    return {
        "class_uid": of.uid,
        "class_name": of.name,
        "category_uid": of.category,
        "activity_id": activity.id,
        "activity_name": activity.name,
        "type_uid": of.uid * 100 + activity.id,
        "severity_id": severity,
        **at("time", stamp.InfoTimestamp),
        "metadata": metadata,
        **known(device=_device(host)),
    }


def _device(host: Host) -> Document:
    """Return the host; {} of a capture, of whose host nothing is known."""
    found = known(
        hostname=host.InfoHostName,
        ip=UNSET if host.InfoHostIP == NO_ADDRESS else host.InfoHostIP,
    )
    if not found:
        return found
    system = known(name=host.InfoSystem, type_id=LINUX, kernel_release=host.InfoKernel)
    return found | {"type_id": UNKNOWN.id, **known(os=host.InfoSystem and system)}


def at(name: str, ns: int) -> Document:
    """Return a time in milliseconds, as OCSF has it, and as text with all nanoseconds."""
    return {name: ns // MILLISECOND_NS, f"{name}_dt": date(ns)}


def user_of(uid: object, name: str) -> Document:
    """Return a user or a group, {} if it is not known."""
    return known(uid=uid, name=name)


def process_of(record: OwnedRecord) -> Document:
    """Return the process of a record, without its user; {} if none is known."""
    process, details = record.process, record.details
    if process.ProcPID is UNSET:
        return {}
    found = known(
        pid=process.ProcPID,
        ptid=process.ProcTID,
        name=process.Proc,
        group=user_of(text(process.ProcGID), process.ProcGroup),
        file=_program(process, details),
        parent_process=known(pid=process.ProcPPID, name=process.ProcParent),
    )
    if (began := began_ns(record)) is not None:
        found |= at("created_time", began)
    if details is None:
        return found
    found |= known(
        euid=details.ProcEUID,
        egid=details.ProcEGID,
        auid=details.ProcLoginUID,
        working_directory=details.ProcWorkDir,
        session=known(uid=text(details.ProcSessionID), terminal=details.ProcTTY),
    )
    if details.ProcArgs is not UNSET:
        found["cmd_line"] = shlex.join(details.ProcArgs)
    if details.ProcContainer is not UNSET:
        container = details.ProcContainer
        found["container"] = {"uid": container["Id"], "runtime": container["Runtime"]}
    if details.ProcAncestors is not UNSET:
        found["ancestry"] = [{"pid": it["Pid"], "name": it["Name"]} for it in details.ProcAncestors]
    return found


def _program(process: ProcessBlock, details: ProcessDetails | None) -> Document:
    """Return the executable; its name alone is that in front of the task's."""
    path = "" if details is None or details.ProcExe is UNSET else details.ProcExe
    name = path.rpartition("/")[2] or process.Proc.partition("/")[0]
    found = known(path=path, version=process.ProcVersion)
    return found and {"name": name, "type_id": REGULAR, **found}


def actor_of(record: OwnedRecord) -> Document:
    """Return process and user of a record, {} if neither is known."""
    process = record.process
    return known(process=process_of(record), user=user_of(text(process.ProcUID), process.ProcUser))
