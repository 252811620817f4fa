# SPDX-License-Identifier: Apache-2.0
"""Records as logs of OpenTelemetry, in the JSON of OTLP.

docs/otlp.md has the mapping. A text is a whole element of `resourceLogs`: the host with one log
record. `envelope` makes the body of a request of many.

Source: opentelemetry-proto, logs/v1/logs.proto; the OTLP specification, JSON Protobuf encoding:
integers of 64 bits are strings.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from json.encoder import encode_basestring
from typing import Any

import msgspec
from msgspec import UNSET

from kflowd.delivery.formats.compact import CompactFormat
from kflowd.delivery.formats.documents import (
    NO_ADDRESS,
    Document,
    Rest,
    began_ns,
    date,
    encoded,
    known,
    names_of,
)
from kflowd.delivery.formats.json import clean
from kflowd.delivery.formats.kept import Kept
from kflowd.delivery.formats.times import change, duration
from kflowd.delivery.formats.words import counters, lost
from kflowd.serialize.blocks.info import Host
from kflowd.serialize.keys import Counts, Key
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

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
# SeverityNumber, and the text for it
INFO, WARN = (9, "INFO"), (13, "WARN")
# What stands in front of the log records of a text, and behind them; no string can hold the first,
# as its quotes would be escaped.
RECORDS = '"logRecords":['
END = "]}]}"

FAMILIES = {"AF_INET": "ipv4", "AF_INET6": "ipv6"}
# network.connection.state
STATES = {
    "TCP_ESTABLISHED": "established",
    "TCP_SYN_SENT": "syn_sent",
    "TCP_SYN_RECV": "syn_received",
    "TCP_NEW_SYN_RECV": "syn_received",
    "TCP_FIN_WAIT1": "fin_wait_1",
    "TCP_FIN_WAIT2": "fin_wait_2",
    "TCP_TIME_WAIT": "time_wait",
    "TCP_CLOSE": "closed",
    "TCP_CLOSE_WAIT": "close_wait",
    "TCP_LAST_ACK": "last_ack",
    "TCP_LISTEN": "listen",
    "TCP_CLOSING": "closing",
}
# The keys that names of the semantic conventions hold, whole; all others are below `kflowd.`.
PLACED = frozenset((
    "InfoTimestamp", "InfoTime", "InfoMonitor", "InfoHostName", "InfoHostIP", "InfoHostToken",
    "InfoSystem", "InfoKernel", "InfoVersion",
    "ProcUser", "ProcPPID", "ProcPID", "ProcTID", "ProcUID", "ProcEUID", "ProcExe", "ProcArgs",
    "ProcWorkDir", "ProcContainer", "ProcStartTime", "ProcEndTime", "ProcExitCode",
    "FilePath", "File", "FileError", "FileInode", "FileUser", "FileGroup", "FileUID", "FileGID",
    "FileSize", "FileAccessTime", "FileStatusChangeTime", "FileModificationTime",
    "SockProtocol", "SockLocalIP", "SockLocalPort", "SockRemoteIP", "SockRemotePort", "App",
))  # fmt: skip
_WORD = re.compile(r"[A-Z]+[0-9]*(?![a-z])|[A-Z][a-z0-9]*")


class OtlpFormat:
    """Makes the text of records."""

    def __init__(self) -> None:
        self._line = CompactFormat()
        self._rest = Rest(PLACED, _writer)
        self._heads = Kept(_head)

    def __call__(self, record: Record) -> bytes:
        """Return a record with its host, as an element of `resourceLogs`."""
        named: Document = {}
        if isinstance(record, OwnedRecord):
            named |= _of_owner(record)
        maker = next((it for kind, it in _MAKERS if isinstance(record, kind)), None)
        if maker is not None:
            named |= maker(record)
        pairs = [_pair(name, value) for name, value in named.items()]
        pairs += filter(None, self._rest(record).values())
        number, word = INFO
        warns = isinstance(record, IntegrityRecord)
        if warns or (isinstance(record, HealthRecord) and lost(counters(record))):
            number, word = WARN
        stamp = record.stamp
        time_ns = max(stamp.InfoTimestamp, 0)
        # the observer is the kernel, as it happens
        made = (
            f'{self._heads(record.host)}{{"timeUnixNano":"{time_ns}",'
            f'"observedTimeUnixNano":"{time_ns}","severityNumber":{number},'
            f'"severityText":"{word}","eventName":"kflowd.{stamp.InfoMonitor}",'
            f'"body":{{"stringValue":{encode_basestring(self._line(record).decode())}}},'
            f'"attributes":[{",".join(pairs)}]}}{END}'
        )
        try:
            return made.encode()
        except UnicodeEncodeError:  # rare, and found by the failure
            return clean(made).encode()


def envelope(texts: Sequence[bytes]) -> bytes:
    """Return the body of a request with texts of this form; what has one host is together."""
    parts: list[bytes] = []
    head = b""
    mark, end = RECORDS.encode(), END.encode()
    for each in texts:
        begin = each.index(mark) + len(mark)
        if each[:begin] == head:
            parts += (b",", each[begin : -len(end)])
            continue
        if parts:
            parts += (end, b",")
        head = each[:begin]
        parts.append(each[: -len(end)])
    if parts:
        parts.append(end)
    return b'{"resourceLogs":[%s]}' % b"".join(parts)


class _Partial(msgspec.Struct, rename="camel"):
    """What of a request was not taken, by its answer."""

    rejected_log_records: int | str = 0


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _Partial | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def rejected(answer: bytes) -> int:
    """Return how many records of a request were not taken, by the body of a good answer.

    Args:
        answer: Whatever a server says; what is no such answer says nothing.
    """
    try:
        partial = _decode(answer).partial_success
        return 0 if partial is None else max(0, int(partial.rejected_log_records))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return 0


def _head(host: Host) -> str:
    """Return a text up to its log record."""
    version = host.InfoVersion.removeprefix("kflowd-v")
    resource = known(
        **{
            "service.name": "kflowd",
            "service.version": version,
            "host.name": host.InfoHostName,
            "host.id": host.InfoHostToken,
            "host.ip": UNSET if host.InfoHostIP in ("", NO_ADDRESS) else (host.InfoHostIP,),
            # of a capture nothing is known of the host
            "os.type": "linux" if host.InfoSystem else UNSET,
            "os.name": host.InfoSystem,
            "os.version": host.InfoKernel,
        }
    )
    pairs = ",".join(_pair(name, value) for name, value in resource.items())
    scope = encoded({"name": "kflowd", "version": version}).decode()
    return (
        f'{{"resource":{{"attributes":[{pairs}]}},'
        f'"schemaUrl":"{SCHEMA_URL}","scopeLogs":[{{"scope":{scope},'
        f'"schemaUrl":"{SCHEMA_URL}",{RECORDS}'
    )


def _pair(name: str, value: Any) -> str:  # noqa: ANN401 - of JSON
    """Return a value as a KeyValue."""
    write = _WRITERS.get(type(value))
    made = encoded(_any(value)).decode() if write is None else write(value)
    return f'{{"key":"{name}","value":{made}}}'


# The kinds that are most.
_WRITERS: dict[type, Callable[[Any], str]] = {
    str: lambda value: f'{{"stringValue":{encode_basestring(value)}}}',
    int: lambda value: f'{{"intValue":"{value}"}}',
    msgspec.Raw: lambda value: f'{{"doubleValue":{bytes(value).decode()}}}',
}


# By the kind of a key: what stands around its values, and how they are written.
_RAW: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "int": ('"intValue":"', '"', str),
    "str": ('"stringValue":', "", encode_basestring),
    "duration": ('"doubleValue":', "", duration),
    "change": ('"doubleValue":', "", change),
}


def _any(value: Any) -> Document:  # noqa: ANN401 - of JSON
    """Return a value as an AnyValue."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_any(each) for each in value]}}
    if isinstance(value, dict):
        pairs = [{"key": key, "value": _any(each)} for key, each in value.items()]
        return {"kvlistValue": {"values": pairs}}
    # a number of seconds, as text or not; JSON of messages has null
    return {} if value is None else {"doubleValue": value}


def _writer(key: Key) -> Callable[[Any], str]:
    """Return what makes the KeyValue of a key that the conventions have no name for."""
    name = name_of(key.name)
    if key.kind == "counts":
        return lambda counts: _counts(name, counts)
    made = _RAW.get(key.kind)
    if made is None:
        return lambda value: _pair(name, value)
    head, tail, write = f'{{"key":"{name}","value":{{{made[0]}', made[1] + "}}", made[2]
    return lambda value: f"{head}{write(value)}{tail}"


def _counts(name: str, counts: Counts) -> str:
    """Return a KeyValue for each count, "" if there is none."""
    return ",".join([_pair(f"{name}.{_lower(word)}", count) for word, count in counts.pairs])


@cache
def name_of(key: str) -> str:
    """Return the attribute for a key of records: `kflowd.sock_rx_ttl` for SockRxTTL."""
    return "kflowd." + "_".join(_WORD.findall(key)).lower()


@cache
def _lower(word: str) -> str:
    """Return the word for an event, or for flags: `psh_ack` for PSH-ACK."""
    return word.replace("-", "_").lower()


def _of_owner(record: OwnedRecord) -> Document:
    process, details = record.process, record.details
    began = began_ns(record)
    found: Document = {
        "process.pid": process.ProcPID,
        "process.parent_pid": process.ProcPPID,
        "process.creation.time": UNSET if began is None else date(began),
        "process.real_user.id": process.ProcUID,
        "process.real_user.name": process.ProcUser,
        "thread.id": process.ProcTID,
    }
    if details is None:
        return known(**found)
    exe = details.ProcExe or ""
    found |= {
        "process.user.id": details.ProcEUID,
        "process.executable.path": exe,
        "process.executable.name": exe.rpartition("/")[2],
        "process.command_args": details.ProcArgs,
        "process.working_directory": details.ProcWorkDir,
    }
    if details.ProcContainer is not UNSET:
        found |= {
            "container.id": details.ProcContainer["Id"],
            "container.runtime.name": details.ProcContainer["Runtime"],
        }
    return known(**found)


def _of_file(record: FileRecord) -> Document:
    it, inode = record.file, record.inode
    names = names_of(it)
    found: Document = {
        "file.path": names.path,
        "file.directory": names.directory,
        "file.name": it.File,
        "file.extension": names.extension,
        "error.type": it.FileError,
    }
    if inode is not None:
        found |= {
            "file.inode": str(inode.FileInode),
            "file.mode": inode.FilePermissions.partition("/")[0],
            "file.owner.id": str(inode.FileUID),
            "file.owner.name": inode.FileUser,
            "file.group.id": str(inode.FileGID),
            "file.group.name": inode.FileGroup,
            "file.size": inode.FileSize,
            "file.accessed": date(inode.FileAccessTime),
            "file.changed": date(inode.FileStatusChangeTime),
            "file.modified": date(inode.FileModificationTime),
        }
    return known(**found)


def _of_socket(record: SocketRecord) -> Document:
    it = record.socket
    return known(
        **{
            "network.transport": it.SockProtocol.lower(),
            "network.type": FAMILIES.get(it.SockFamily or "", UNSET),
            "network.connection.state": STATES.get(it.SockState or "", UNSET),
            "network.local.address": it.SockLocalIP,
            "network.local.port": it.SockLocalPort,
            "network.peer.address": it.SockRemoteIP,
            "network.peer.port": it.SockRemotePort,
            "network.protocol.name": _protocol(record),
        }
    )


def _of_unix(record: UnixRecord) -> Document:
    it = record.unix
    # the path is the server's
    ends = {"CLIENT": "network.peer.address", "SERVER": "network.local.address"}
    found: Document = {"network.transport": "unix", "network.protocol.name": _protocol(record)}
    if it.SockRole is not UNSET:
        found[ends[it.SockRole]] = it.SockAddress
    return known(**found)


def _protocol(record: SocketRecord | UnixRecord) -> Any:  # noqa: ANN401 - UNSET or a word
    return UNSET if record.app is None else record.app.App.lower()


def _of_process(record: ProcessRecord) -> Document:
    it = record.lifetime
    return known(
        **{
            "process.creation.time": date(it.ProcStartTime),
            "process.exit.time": UNSET if it.ProcEndTime is UNSET else date(it.ProcEndTime),
            "process.exit.code": it.ProcExitCode,
        }
    )


_MAKERS: tuple[tuple[type[Record], Callable[[Any], Document]], ...] = (
    (FileRecord, _of_file),
    (SocketRecord, _of_socket),
    (UnixRecord, _of_unix),
    (ProcessRecord, _of_process),
)
