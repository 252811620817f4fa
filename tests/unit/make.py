# SPDX-License-Identifier: Apache-2.0
"""Makes what the unit tests feed to the stages: records as bytes, model values, a session."""

from typing import Any

import msgspec

from kflowd.constants import IPPROTO_TCP
from kflowd.contract import constants, layout
from kflowd.model import (
    Actor,
    EnrichedFile,
    EnrichedSocket,
    EnrichedUnix,
    FileAggregate,
    Flow,
    Inode,
    Payload,
    Process,
    ProcessAggregate,
    ProcessExit,
    ProcessSeen,
    Session,
    SocketAggregate,
    SocketDirection,
    SocketFlag,
    TcpInfo,
    UnixAggregate,
)
from kflowd.protocols import Direction

KINDS = {
    "PROC": "struct kf_proc_record",
    "EXIT": "struct kf_exit_record",
    "PATH": "struct kf_path_record",
    "MOUNT": "struct kf_mount_record",
    "FILE": "struct kf_file_record",
    "SOCK": "struct kf_sock_record",
    "UNIX": "struct kf_unix_record",
    "SOCK_CLOSED": "struct kf_closed_record",
    "COUNTERS": "struct kf_counters_record",
    "SESSION": "struct kf_session_record",
    "TICK": "struct kf_header",
    "CLOCK": "struct kf_clock_record",
    "PAYLOAD": "struct kf_payload_record",
}
SECOND = 1_000_000_000
COUNTERS = constants()["KF_CNT_MAX"]


def record(of: str, tail: bytes = b"", /, **members: Any) -> bytes:
    """Return a record as it leaves the kernel, padded to 8 bytes.

    Args:
        of: Key of KINDS.
        tail: Strings after the fixed part.
        members: Values by dotted path with "__" for the dot; the rest is zero.
    """
    fixed = layout(KINDS[of])
    values: list[Any] = list(fixed.unpack_from(bytes(fixed.size)))
    prefix = "" if of == "TICK" else "hdr."
    header = {
        "kind": constants()[f"KF_KIND_{of}"],
        "version": constants()["KF_VERSION"],
        "size": fixed.size + len(tail),
    }
    named: dict[str, Any] = {prefix + name: value for name, value in header.items()}
    named |= {name.replace("__", "."): value for name, value in members.items()}
    for name, value in named.items():
        position = fixed.index[name]
        if isinstance(value, tuple):
            values[position : position + len(value)] = value
        else:
            values[position] = value
    raw = fixed.unpacker.pack(*values) + tail
    return raw + bytes(-len(raw) % 8)


def key(of: str, **members: Any) -> bytes:
    """Return the key of a file or of a socket, zero but for these members.

    Args:
        of: "file" or "sock".
        members: Values by name.
    """
    fixed = layout(f"struct kf_{of}_key")
    values: list[Any] = list(fixed.unpack_from(bytes(fixed.size)))
    for name, value in members.items():
        values[fixed.index[name]] = value
    return fixed.unpacker.pack(*values)


def session(**facts: Any) -> Session:
    """Return a session that began five seconds after the host, with a kernel of 250 Hz."""
    encoded = msgspec.json.encode(facts)
    return Session(ts_ns=5 * SECOND, realtime_offset_ns=0, hz=250, facts=encoded)


def process(**changes: Any) -> Process:
    """Return a process."""
    base = Process(
        start_ns=5 * SECOND,
        parent_start_ns=3 * SECOND,
        tgid=100,
        tid=101,
        ppid=50,
        uid=0,
        gid=0,
        euid=0,
        egid=0,
        cgroup_id=1,
        login_uid=1000,
        session_id=3,
        mnt_ns=11,
        net_ns=13,
        flags=0,
        comm="curl",
    )
    return msgspec.structs.replace(base, **changes)


def lived(**changes: Any) -> ProcessAggregate:
    """Return a process aggregate: forked, ended with code 0."""
    it = changes.setdefault("process", process())
    end = ProcessExit(9 * SECOND, it)
    base = ProcessAggregate(9 * SECOND, it, 0, 1, end, 0, 0, 0)
    return msgspec.structs.replace(base, **changes)


def seen(**changes: Any) -> ProcessSeen:
    """Return an exec of `process()`."""
    base = ProcessSeen(
        ts_ns=5 * SECOND,
        process=process(),
        source=1,
        pid_ns=12,
        exe_flags=0,
        flags=0,
        exe="/usr/bin/curl",
        args=("curl", "-s"),
    )
    return msgspec.structs.replace(base, **changes)


def inode(**changes: Any) -> Inode:
    """Return a regular file of 41 bytes."""
    base = Inode(
        ino=7,
        dev=(9 << 20) | 2,
        size=41,
        atime_ns=1,
        mtime_ns=2,
        ctime_ns=3,
        mode=0o100644,
        nlink=1,
        uid=0,
        gid=0,
    )
    return msgspec.structs.replace(base, **changes)


def file(**changes: Any) -> FileAggregate:
    """Return a file aggregate: opened, written, closed; `events` is the sum of the counts."""
    counts = changes.setdefault("counts", (0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0))
    base = FileAggregate(
        ts_ns=10 * SECOND,
        key=key("file", ino=7, start_ns=5 * SECOND, tgid=100, dev=(9 << 20) | 2, gen=1),
        process=process(),
        image=0,
        first_ns=9 * SECOND,
        last_ns=10 * SECOND,
        size_first=0,
        mtime_first_ns=0,
        mode_first=0,
        flags=0,
        inode=inode(),
        counts=counts,
        events=sum(counts),
        path="/home/dirk/malware",
        origin="",
    )
    return msgspec.structs.replace(base, **changes)


def direction(**changes: Any) -> SocketDirection:
    """Return one direction of a socket, without packets."""
    base = SocketDirection(
        first_ns=0,
        last_ns=0,
        payload_bytes=0,
        ttl_sum=0,
        packets=0,
        packets_seen=0,
        data_packets=0,
        ifindex=0,
        frags=0,
        flag_bits=bytes(12),
        flag_counts=(0,) * 12,
    )
    return msgspec.structs.replace(base, **changes)


def tcp_info(**changes: Any) -> TcpInfo:
    """Return the counters of a tcp_sock, zero but for one segment sent."""
    base = TcpInfo(*([0] * len(TcpInfo.__struct_fields__)))
    return msgspec.structs.replace(base, segs_out=1, **changes)


def flow(**changes: Any) -> Flow:
    """Return a connection to a web server on this host."""
    base = Flow(
        local_addr=bytes([127, 0, 0, 1]) + bytes(12),
        remote_addr=bytes([127, 0, 0, 2]) + bytes(12),
        local_port=43302,
        remote_port=80,
        family=2,
        protocol=6,
        net_ns=13,
    )
    return msgspec.structs.replace(base, **changes)


def socket(**changes: Any) -> SocketAggregate:
    """Return a TCP aggregate without packets."""
    base = SocketAggregate(
        ts_ns=10 * SECOND,
        key=key("sock", cookie=1),
        cookie=1,
        process=process(),
        first_ns=9 * SECOND,
        last_ns=10 * SECOND,
        flow=flow(),
        flags=1,
        role=1,
        state=7,
        drops=0,
        queued=0,
        tx=direction(),
        rx=direction(),
        tcp=tcp_info(),
    )
    return msgspec.structs.replace(base, **changes)


def payload(**changes: Any) -> Payload:
    """Return a packet that TCP sent, by default from the client of a server at port 80."""
    data = changes.get("data", b"")
    base = Payload(
        ts_ns=SECOND, key=b"K" * 24, uid=1000, direction=Direction.TX, protocol=IPPROTO_TCP,
        local_port=40000, remote_port=80, flags=0, seq=1, size=len(data), data=data,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def unix(**changes: Any) -> UnixAggregate:
    """Return a UNIX aggregate: one datagram sent."""
    base = UnixAggregate(
        ts_ns=10 * SECOND,
        process=process(),
        first_ns=9 * SECOND,
        last_ns=10 * SECOND,
        tx_bytes=192,
        rx_bytes=0,
        tx_messages=1,
        rx_messages=0,
        flags=1,
        type=2,
        role=1,
        address="/run/systemd/journal/dev-log",
    )
    return msgspec.structs.replace(base, **changes)


def actor(**changes: Any) -> Actor:
    """Return the actor of `process()`, of whom nothing else is known."""
    return Actor(**{"process": process(), **changes})


def named_file(**changes: Any) -> EnrichedFile:
    """Return a file aggregate that no enricher has seen."""
    aggregate = file(**changes)
    return EnrichedFile(Actor(aggregate.process), aggregate)


def named_socket(**changes: Any) -> EnrichedSocket:
    """Return a socket aggregate that no enricher has seen."""
    aggregate = socket(**changes)
    return EnrichedSocket(_owner(aggregate), aggregate)


def named_unix(**changes: Any) -> EnrichedUnix:
    """Return a UNIX socket aggregate that no enricher has seen."""
    aggregate = unix(**changes)
    return EnrichedUnix(_owner(aggregate), aggregate)


def _owner(aggregate: SocketAggregate | UnixAggregate) -> Actor:
    owned = not aggregate.flags & SocketFlag.NO_OWNER
    return Actor(aggregate.process if owned else None)
