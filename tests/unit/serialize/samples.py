# SPDX-License-Identifier: Apache-2.0
"""The contract's four sample records as structured input."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from kflowd.model import (
    Actor,
    EnrichedFile,
    EnrichedSocket,
    EnrichedUnix,
    Inode,
    Messages,
    Process,
    Session,
    SocketFlag,
)
from kflowd.protocols import Direction, Message
from kflowd.serialize import Builder, HostFacts, Record
from kflowd.serialize.blocks.file import FileDigests
from kflowd.serialize.blocks.socket import App, AppTx
from kflowd.serialize.record import UnixRecord
from tests.unit.make import SECOND, direction, file, flow, socket, tcp_info, unix

ETH = "4:enp5s0:0c:c4:7a:88:84:c2"
LOCAL = bytes([38, 110, 1, 24]) + bytes(12)
TX, RX = Direction.TX, Direction.RX
DAY_S = 19817 * 86400  # 2024-04-04


class WithoutUptime(UnixRecord, frozen=True, kw_only=True, gc=False):
    """A UNIX socket record without InfoUptime, which is missing in its sample by a slip."""

    ORDER: ClassVar[tuple[str, ...]] = tuple(name for name in UnixRecord.ORDER if name != "uptime")


def at(hour: int, minute: int, second: int, ns: int) -> int:
    """Return a time on the day of the samples, in nanoseconds since 1970."""
    return (DAY_S + hour * 3600 + minute * 60 + second) * SECOND + ns


def builder(time_ns: int, sequence: int, uptime_ns: int, version: str) -> Builder:
    """Return a builder for a record at a time; CLOCK_BOOTTIME is then 100 seconds."""
    facts = HostFacts(
        host_name="dev.kflow.co",
        host_ip="38.110.1.24",
        system="Linux",
        kernel="6.1.0-10-amd64",
        version=version,
    )
    made = Builder(strict=True, versions=True)
    made.begin(
        Session(
            ts_ns=100 * SECOND - uptime_ns,
            realtime_offset_ns=time_ns - 100 * SECOND,
            hz=1000,
            facts=msgspec.json.encode(facts),
        )
    )
    made.sequence = sequence - 1
    return made


def who(
    age_ns: int, *, ppid: int, pid: int, tid: int, uid: int, names: tuple[str, str, str, str]
) -> Actor:
    """Return a process of an age at 100 seconds, by the names of parent, executable and user."""
    process = Process(
        start_ns=100 * SECOND - age_ns,
        parent_start_ns=0,
        tgid=pid,
        tid=tid,
        ppid=ppid,
        uid=uid,
        gid=uid,
        euid=uid,
        egid=uid,
        cgroup_id=1,
        login_uid=1000,
        session_id=3,
        mnt_ns=11,
        net_ns=13,
        flags=0,
        comm="",
    )
    parent, proc, user, version = names
    return Actor(process, proc=proc, parent=parent, user=user, group=user, version=version)


def filesystem() -> Record:
    """Return samples/filesystem.json."""
    changed = at(15, 34, 35, 154106191)
    aggregate = file(
        ts_ns=100 * SECOND, path="/home/dirk/malware", flags=0,
        first_ns=100 * SECOND - 811829334, last_ns=100 * SECOND,
        mtime_first_ns=changed - 327993681,
        inode=Inode(
            ino=19567988, dev=(9 << 20) | 2, size=41, atime_ns=at(15, 12, 1, 435718956),
            mtime_ns=changed, ctime_ns=changed, mode=0o100755, nlink=1, uid=1002, gid=1002,
        ),
    )  # fmt: skip
    actor = who(
        2408293862, ppid=183546, pid=183547, tid=183547, uid=1002,
        names=("sshd", "sftp-server", "dirk", "1:9.2p1-2+deb12u1"),
    )  # fmt: skip
    value = EnrichedFile(
        actor, aggregate, device="902h:/dev/md2:/:ext4", file_user="dirk", file_group="dirk",
        version="0.9",
    )  # fmt: skip
    made = builder(at(15, 34, 35, 643031330), 1, 21262713426, "kflowd-v0.9.1").file(value)
    digests = FileDigests(
        FileMD5="96760f46bd29ba986279f22bed9839f5",
        FileSHA256="72c58c2d02ae3a87f521594373433b7d05477c4994fc0ab4376827cadb29ba7e",
    )
    return filled(
        made,
        digests=digests,
    )


def flags(*pairs: tuple[int, int]) -> dict[str, Any]:
    """Return the two members of a flag histogram."""
    missing = 12 - len(pairs)
    return {
        "flag_bits": bytes(bits for bits, _ in pairs) + bytes(missing),
        "flag_counts": tuple(count for _, count in pairs) + (0,) * missing,
    }


def socket_tcp_http() -> Record:
    """Return samples/socket-tcp-http.json."""
    end = 100 * SECOND
    aggregate = socket(
        flags=SocketFlag.FINAL | SocketFlag.FRAGS,
        ts_ns=end, first_ns=end - 57344028,
        flow=flow(
            local_addr=LOCAL, local_port=43302,
            remote_addr=bytes([15, 197, 142, 173]) + bytes(12), remote_port=80,
        ),
        tx=direction(
            first_ns=end - 57274799, last_ns=end, payload_bytes=72, packets=6, data_packets=1,
            **flags((2, 1), (16, 3), (24, 1), (17, 1)),
        ),
        rx=direction(
            first_ns=end - 57197399, last_ns=end, payload_bytes=342, packets=4, packets_seen=3,
            data_packets=1, ttl_sum=555, **flags((18, 1), (16, 1), (24, 1), (17, 1)),
        ),
        tcp=tcp_info(bytes_acked=74, rto_jiffies=51, srtt_us=3605),
    )  # fmt: skip
    actor = who(
        114196829, ppid=199853, pid=216998, tid=216998, uid=1002,
        names=("bash", "curl", "dirk", "7.45.2-3"),
    )  # fmt: skip
    request = {
        "_Method": "GET", "_Url": "/", "_Version": "HTTP/1.1",
        "Host": "kflow.co", "User-Agent": "curl/7.88.1", "Accept": "*/*",
    }  # fmt: skip
    response = {
        "_Version": "HTTP/1.1", "_Status": 301,
        "_Reason": "Moved Permanently", "Date": "Thu, 04 Apr 2024 15:49:12 GMT",
        "Content-Type": "text/html; charset=utf-8", "Content-Length": "59",
        "Connection": "keep-alive", "Location": "https://kflowd.github.io",
        "Server": "ip-10-123-123-119.ec2.internal",
        "X-Request-Id": "5c331cbe-fbe1-40ea-ba2b-989691e687a0",
        "_Body": '<a href="https://kflowd.github.io">Moved Permanently</a>.',
    }  # fmt: skip
    aggregate.messages = spoken(
        ("HTTP", "Http"), aggregate.first_ns, (TX, 876589, request), (RX, 56237469, response)
    )
    value = EnrichedSocket(actor, aggregate, tx_interface=ETH, rx_interface=ETH)
    return builder(at(15, 39, 11, 928989997), 3, 24873001288, "kflowd-v0.9.1").socket(value)


def socket_udp_dns() -> Record:
    """Return samples/socket-udp-dns.json."""
    end = 100 * SECOND
    aggregate = socket(
        flags=SocketFlag.FINAL | SocketFlag.FRAGS,
        ts_ns=end, first_ns=end - 43689149, state=1,
        flow=flow(
            local_addr=LOCAL, local_port=56664, remote_addr=bytes([8, 8, 4, 4]) + bytes(12),
            remote_port=53, protocol=17,
        ),
        tx=direction(first_ns=end - 48490, last_ns=end, payload_bytes=52, packets=2),
        rx=direction(
            first_ns=end - 22475134750, last_ns=end, payload_bytes=155, packets=2, packets_seen=2,
            ttl_sum=250,
        ),
    )  # fmt: skip
    actor = who(
        44454620, ppid=199853, pid=199856, tid=199857, uid=1002,
        names=("bash", "curl", "dirk", "7.45.2-3"),
    )  # fmt: skip
    answers = [
        ["A", "kflow.co", 600, "IN", "15.197.142.173"],
        ["A", "kflow.co", 600, "IN", "3.33.152.147"],
    ]
    aggregate.messages = spoken(
        ("DNS", "Dns"),
        aggregate.first_ns,
        (TX, 1177, _query(56864, "A")),
        (TX, 48627, _query(52515, "AAAA")),
        (RX, 37965555, _response(52515, [])),
        (RX, 43688644, _response(56864, answers)),
    )
    value = EnrichedSocket(actor, aggregate, tx_interface=ETH, rx_interface=ETH)
    return builder(at(15, 39, 11, 463732866), 2, 23972984597, "kflowd-v0.9.1").socket(value)


def spoken(
    app: tuple[str, str], first_ns: int, *messages: tuple[Direction, int, dict[str, Any]]
) -> Messages:
    """Return what was said, each at a time behind the first event of the socket."""
    made = (Message(first_ns + after, side, members) for side, after, members in messages)
    return Messages(app=app[0], key=app[1], stamped=True, messages=tuple(made))


def _query(transaction: int, kind: str) -> dict[str, Any]:
    return {
        "TransactionId": transaction, "OpCode": "QUERY",
        "Flags": ["RD"], "ResourceRecords": [[kind, "kflow.co"]],
    }  # fmt: skip


def _response(transaction: int, answers: list[list[Any]]) -> dict[str, Any]:
    return {
        "TransactionId": transaction, "ResponseCode": "NOERROR",
        "Flags": ["QR", "RD", "RA"], "AnswerCount": len(answers), "ResourceRecords": answers,
    }  # fmt: skip


def socket_unix_syslog() -> Record:
    """Return samples/socket-unix-syslog.json."""
    end = 100 * SECOND
    actor = who(
        18100170007, ppid=990, pid=2122368, tid=2122368, uid=0,
        names=("cron", "cron", "root", "3.0pl1-137"),
    )  # fmt: skip
    value = EnrichedUnix(actor, unix(ts_ns=end, first_ns=end - 18095146325))
    # 165 days after the day of the others
    time_ns = at(14, 30, 19, 409100980) + 165 * 86400 * SECOND
    made = builder(time_ns, 4, SECOND, "kflowd-v0.9.11").unix(value)
    session = "pam_unix(cron:session): session "
    messages = [
        _message("Notice (5)", 85, session + "opened for user root(uid=0) by (uid=0)"),
        _message("Informational (6)", 86, session + "closed for user root"),
    ]
    blocks = {name: getattr(made, name) for name in made.__struct_fields__}
    return filled(
        WithoutUptime(**blocks),
        app=App(App="SYSLOG"),
        app_tx=AppTx(AppTxSyslog=messages),
    )


def _message(severity: str, priority: int, text: str) -> dict[str, Any]:
    return {
        "Facility": "Security/Authorization", "Severity": severity, "Priority": priority,
        "Version": 0, "Timestamp": "Sep 16 14:30:01", "Appname": "CRON", "ProcId": "2122368",
        "Message": text,
    }  # fmt: skip


def filled(made: Record, **parts: Any) -> Record:
    """Return a record with what later stages fill in: whole blocks, or keys of one."""
    blocks = {
        name: msgspec.structs.replace(getattr(made, name), **part)
        if isinstance(part, Mapping)
        else part
        for name, part in parts.items()
    }
    return msgspec.structs.replace(made, **blocks)


SAMPLES = {
    "filesystem": filesystem,
    "socket-tcp-http": socket_tcp_http,
    "socket-udp-dns": socket_udp_dns,
    "socket-unix-syslog": socket_unix_syslog,
}
