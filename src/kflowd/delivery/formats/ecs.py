# SPDX-License-Identifier: Apache-2.0
"""Records as documents of the Elastic Common Schema 9.4, one JSON object on a line.

docs/ecs.md has the mapping. What ECS has no field for is below `kflowd`, which is no name of ECS.
"""

import shlex
from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from kflowd.delivery.formats.documents import (
    NO_ADDRESS,
    Document,
    began_ns,
    date,
    encoded,
    happened,
    known,
    names_of,
    text,
)
from kflowd.delivery.formats.ecs_exchange import exchange_fields
from kflowd.delivery.formats.handshake import APP, handshake
from kflowd.delivery.formats.words import spoken
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

VERSION = "9.4.0"
# What one word stands for is what says most: event.action, and event.type of each.
FILE_ACTIONS = {
    "DELETE": ("deleted", "deletion"),
    "CREATE": ("created", "creation"),
    "MOVED_TO": ("moved", "change"),
    "MOVED_FROM": ("moved", "change"),
    "MODIFY": ("updated", "change"),
    "ATTRIB": ("attributes_modified", "change"),
    "OPEN_EXEC": ("executed", "access"),
    "ACCESS": ("read", "access"),
    "OPEN": ("opened", "access"),
    "CLOSE_WRITE": ("closed", "access"),
    "CLOSE_NOWRITE": ("closed", "access"),
}
PROCESS_ACTIONS = {
    "EXIT": ("exited", "end"),
    "EXEC": ("executed", "start"),
    "FORK": ("forked", "start"),
}
FILE_TYPES = {"regular": "file", "hardlink": "file", "symlink": "symlink", "directory": "dir"}
FINDINGS = {
    "created": ("created", "creation"),
    "linked": ("created", "creation"),
    "deleted": ("deleted", "deletion"),
    "renamed": ("moved", "change"),
    "attributes": ("attributes_modified", "change"),
}
NUMBERS = {"TCP": "6", "UDP": "17"}
FAMILIES = {"AF_INET": "ipv4", "AF_INET6": "ipv6"}


class EcsFormat:
    """Makes the text of records."""

    def __call__(self, record: Record) -> bytes:
        """Return the document of a record."""
        document = _base(record)
        if isinstance(record, OwnedRecord):
            _add_actor(document, record)
        if isinstance(record, FileRecord):
            _add_file(document, record)
        elif isinstance(record, SocketRecord):
            _add_socket(document, record)
        elif isinstance(record, UnixRecord):
            _add_unix(document, record)
        elif isinstance(record, ProcessRecord):
            _add_process(document, record)
        elif isinstance(record, HealthRecord):
            _add_health(document, record)
        elif isinstance(record, IntegrityRecord):
            _add_integrity(document, record)
        return encoded(document)


def _base(record: Record) -> Document:
    stamp, host = record.stamp, record.host
    kind = "metric" if isinstance(record, HealthRecord) else "event"
    ip = [] if host.InfoHostIP in ("", NO_ADDRESS) else [host.InfoHostIP]
    document: Document = {
        "@timestamp": date(stamp.InfoTimestamp),
        "ecs": {"version": VERSION},
        "event": {
            "kind": kind,
            "module": "kflowd",
            "dataset": f"kflowd.{stamp.InfoMonitor}",
            "sequence": stamp.InfoSequenceNumber,
        },
        "agent": {"type": "kflowd", "version": host.InfoVersion.removeprefix("kflowd-v")},
        "kflowd": {},
    }
    # of a capture nothing is known of the host
    system = known(kernel=host.InfoKernel, name=host.InfoSystem)
    document |= known(
        host=known(
            hostname=host.InfoHostName,
            name=host.InfoHostName,
            ip=ip or UNSET,
            os={"type": "linux", **system} if system else UNSET,
        )
    )
    if host.InfoHostToken is not UNSET:
        document["labels"] = {"token": host.InfoHostToken}
    return document


def _add_actor(document: Document, record: OwnedRecord) -> None:
    process, details = record.process, record.details
    found = known(
        pid=process.ProcPID,
        name=process.Proc,
        parent=known(pid=process.ProcPPID, name=process.ProcParent),
        thread=known(id=process.ProcTID),
    )
    if (began := began_ns(record)) is not None:
        found["start"] = date(began)
    user = known(
        id=text(process.ProcUID),
        name=process.ProcUser,
        group=known(id=text(process.ProcGID), name=process.ProcGroup),
    )
    if details is not None:
        found |= known(
            executable=details.ProcExe, working_directory=details.ProcWorkDir, args=details.ProcArgs
        )
        if args := found.get("args"):
            found |= {"args_count": len(args), "command_line": shlex.join(args)}
        user |= known(effective=known(id=text(details.ProcEUID)))
        if details.ProcContainer is not UNSET:
            container = details.ProcContainer
            document["container"] = {"id": container["Id"], "runtime": container["Runtime"]}
        document["kflowd"] |= known(
            process=known(
                unit=details.ProcUnit,
                cgroup_id=details.ProcCgroupID,
                ancestors=details.ProcAncestors,
                notes=details.ProcNotes,
            )
        )
    document |= known(process=found, user=user)


def _actions(
    document: Document, counts: Mapping[str, int], words: Mapping[str, tuple[str, str]]
) -> None:
    """Fill in what happened: the action that says most, and each type once."""
    found = happened(counts, words)
    event = document["event"]
    event["type"] = list(dict.fromkeys(kind for _, kind in found)) or ["info"]
    if found:
        event["action"] = found[0][0]


def _add_file(document: Document, record: FileRecord) -> None:
    it, inode, event = record.file, record.inode, document["event"]
    counts = dict(it.FileEvents.pairs)
    event |= {"category": ["file"], "duration": it.FileEventsDuration}
    _actions(document, counts, FILE_ACTIONS)
    event["outcome"] = "success" if it.FileError is UNSET else "failure"
    names = names_of(it)
    found = known(
        path=names.path,
        name=it.File,
        directory=names.directory,
        extension=names.extension,
        type=FILE_TYPES.get(it.FileMode or "", "") if it.FileMode is not UNSET else "",
    )
    if inode is not None:
        found |= known(
            inode=str(inode.FileInode),
            device=inode.FileDevice.split(":")[1] if ":" in inode.FileDevice else "",
            mode=inode.FilePermissions.partition("/")[0],
            uid=str(inode.FileUID),
            gid=str(inode.FileGID),
            owner=inode.FileUser,
            group=inode.FileGroup,
            size=inode.FileSize,
            mtime=date(inode.FileModificationTime),
            ctime=date(inode.FileStatusChangeTime),
            accessed=date(inode.FileAccessTime),
        )
    if record.digests is not None:
        digests = record.digests
        found |= known(hash=known(md5=digests.FileMD5, sha256=digests.FileSHA256))
    document["file"] = found
    document["kflowd"]["file"] = known(
        events=counts,
        origin=it.FileOrigin,
        error=it.FileError,
        version=it.FileVersion,
        notes=UNSET if record.notes is None else record.notes.FileNotes,
    )


def _add_socket(document: Document, record: SocketRecord) -> None:
    it, tx, rx, extra = record.socket, record.tx, record.rx, record.extra
    event = document["event"]
    event |= {
        "category": ["network"],
        "type": ["connection"],
        "duration": record.socket_age.SockAge,
    }
    event["action"] = "network_flow"
    local = known(ip=it.SockLocalIP, port=it.SockLocalPort)
    remote = known(ip=it.SockRemoteIP, port=it.SockRemotePort)
    sent, received = (0, 0), (0, 0)
    if tx is not None:
        sent = tx.SockTxBytes, tx.SockTxPackets
    if rx is not None:
        received = rx.SockRxBytes, rx.SockRxPackets
    if extra is not None and extra.SockRemoteName:
        remote["domain"] = extra.SockRemoteName[0]
    local |= {"bytes": sent[0], "packets": sent[1]}
    remote |= {"bytes": received[0], "packets": received[1]}
    serves = it.SockRole == "SERVER"
    source, destination = (remote, local) if serves else (local, remote)
    network = known(
        transport=it.SockProtocol.lower(),
        iana_number=NUMBERS.get(it.SockProtocol, ""),
        type=UNSET if it.SockFamily is UNSET else FAMILIES.get(it.SockFamily, ""),
        community_id=UNSET if extra is None else extra.SockCommunityID,
        bytes=sent[0] + received[0],
        packets=sent[1] + received[1],
    )
    document |= {"network": network, "source": source, "destination": destination}
    if it.SockRole is not UNSET:
        network["direction"] = "ingress" if serves else "egress"
        document |= {"client": source, "server": destination}
    if record.app is not None:
        network["protocol"] = record.app.App.lower()
        # their members are chosen by others: each would be a field of the index
        document["kflowd"]["said"] = spoken(record)
        document |= exchange_fields(record)
        if record.app.App == APP:
            _add_tls(document, record)
    document["kflowd"]["socket"] = known(
        state=it.SockState,
        notes=UNSET if extra is None else extra.SockNotes,
        tcp_isn=UNSET if extra is None else extra.SockTcpIsn,
    )


def _add_tls(document: Document, record: SocketRecord) -> None:
    it = handshake(record)
    tls: Document = {}
    if it.chosen:
        # "TLS 1.3", "TLS 1.3 draft 28"; of one without a name its number alone
        protocol, *version = it.chosen.split(" ")
        tls["version"] = version[0] if version else protocol
        if version:
            tls["version_protocol"] = protocol.lower()
    if it.name:
        tls["client"] = {"server_name": it.name}
    if it.protocol:
        tls["next_protocol"] = it.protocol
    if tls:
        document["tls"] = tls


def _add_unix(document: Document, record: UnixRecord) -> None:
    it = record.unix
    document["event"] |= {
        "category": ["network"],
        "type": ["connection"],
        "action": "unix_socket",
        "duration": record.socket_age.SockAge,
    }
    document["kflowd"]["socket"] = known(
        family=it.SockFamily,
        role=it.SockRole,
        address=it.SockAddress,
        tx_bytes=it.SockTxBytes,
        rx_bytes=it.SockRxBytes,
    )


def _add_process(document: Document, record: ProcessRecord) -> None:
    it = record.lifetime
    counts = dict(it.ProcEvents.pairs)
    document["event"]["category"] = ["process"]
    _actions(document, counts, PROCESS_ACTIONS)
    found = document.setdefault("process", {})
    found |= known(start=date(it.ProcStartTime), exit_code=it.ProcExitCode)
    if it.ProcEndTime is not UNSET:
        found["end"] = date(it.ProcEndTime)
    document["kflowd"].setdefault("process", {}).update(
        known(events=counts, exit_signal=it.ProcExitSignal)
    )


def _add_health(document: Document, record: HealthRecord) -> None:
    document["event"] |= {"category": ["host"], "type": ["info"], "action": "agent_health"}
    document["kflowd"]["health"] = msgspec.to_builtins(record.kernel) | msgspec.to_builtins(
        record.user
    )


def _add_integrity(document: Document, record: IntegrityRecord) -> None:
    it = record.integrity
    action, kind = FINDINGS.get(it.FimFinding, ("updated", "change"))
    document["event"] |= {"category": ["file"], "type": [kind], "action": action}
    document["rule"] = {"name": it.FimRule}
    if it.FimTags:
        document["tags"] = list(it.FimTags)
    state = (it.FimAfter or it.FimBefore) or {}
    directory, _, name = it.FimPath.rpartition("/")
    document["file"] = known(
        path=it.FimPath,
        name=name,
        directory=directory or "/",
        type=FILE_TYPES.get(state.get("Type", ""), ""),
        inode=text(state.get("Inode", UNSET)),
        mode=state.get("Mode", UNSET),
        uid=text(state.get("UID", UNSET)),
        gid=text(state.get("GID", UNSET)),
        owner=state.get("User", UNSET),
        group=state.get("Group", UNSET),
        size=state.get("Size", UNSET),
        mtime=state.get("ModificationTime", UNSET),
        target_path=state.get("Target", UNSET),
        hash=known(sha256=state.get("SHA256", UNSET)),
    )
    # names of extended attributes are chosen by others: each would be a field of the index
    document["kflowd"]["integrity"] = {
        key: {each: of for each, of in value.items() if each != "Xattrs"}
        if key in {"FimBefore", "FimAfter"}
        else value
        for key, value in msgspec.to_builtins(it).items()
    }
