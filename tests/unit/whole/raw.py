# SPDX-License-Identifier: Apache-2.0
"""Streams of raw records in which each member has a value of its own, a stream for each kind."""

from typing import Any

import msgspec

from kflowd.contract import constants, layout
from kflowd.model import ExeFlag, FileFlag, Scope, Session, SocketFlag
from kflowd.records.session import encode_session
from tests.unit.make import SECOND, record

START = 100 * SECOND
FACTS = {
    "host_name": "dev.example",
    "host_ip": "192.0.2.7",
    "system": "Linux",
    "kernel": "6.1.0-10-amd64",
    "version": "kflowd-v9.9.9",
    "users": "dirk::1001\nowner::1004",
    "groups": "staff::1002\nwheel::1005",
    "mountinfo": "1 0 9:2 / / rw - ext4 /dev/md2 rw\n",
    "interfaces": [(4, "enp5s0", "0c:c4:7a:88:84:c2"), (5, "wlan0", "0c:c4:7a:88:84:c3")],
    "net_ns": 406,
    "cgroups": {401: (1001, "docker", "7e" * 32, "web.service", "/system.slice/web.service")},
    "idle_ns": 15 * SECOND,
    "export_at": 0,
}
SESSION = encode_session(
    Session(
        ts_ns=START,
        realtime_offset_ns=1_700_000_000 * SECOND,
        hz=250,
        facts=msgspec.json.encode(FACTS),
    )
)


def prefixed(prefix: str, members: dict[str, Any]) -> dict[str, Any]:
    """Return members of a nested struct as `record` takes them."""
    return {f"{prefix}__{name}": value for name, value in members.items()}


PROCESS: dict[str, Any] = {
    "start_ns": 90 * SECOND,
    "parent_start_ns": 80 * SECOND,
    "tgid": 301,
    "tid": 302,
    "ppid": 303,
    "uid": 1001,
    "gid": 1002,
    "euid": 1006,
    "egid": 1007,
    "cgroup_id": 401,
    "login_uid": 1003,
    "session_id": 402,
    "mnt_ns": 403,
    "net_ns": 405,
    "flags": 0,
    "execs": 9,
    "comm": b"sh\0garbage",
}
INIT = PROCESS | {"start_ns": 1, "parent_start_ns": 0, "tgid": 1, "ppid": 0}
PARENT = PROCESS | {"start_ns": 80 * SECOND, "parent_start_ns": 1, "tgid": 303, "ppid": 1}


WORKDIR = b"src\0dirk\0home\0"
WORKED: dict[str, Any] = {
    "workdir_len": len(WORKDIR),
    "workdir_flags": FileFlag.PATH_DELETED,
    "tty": b"pts3\0garbage",
}


def _seen(of: dict[str, Any], exe: bytes, args: bytes, **members: int) -> bytes:
    lengths = {"exe_len": len(exe), "args_len": len(args)} | WORKED
    return record("PROC", exe + WORKDIR + args, **lengths, **members, **prefixed("proc", of))


PROCESSES = _seen(INIT, b"systemd\0bin\0usr\0", b"", hdr__ts_ns=70 * SECOND, source=3)
PROCESSES += _seen(PARENT, b"sshd\0sbin\0usr\0", b"", hdr__ts_ns=80 * SECOND, source=1) + _seen(
    # the executable's path is not complete, so that there is a note
    PROCESS, b"dash\0bin\0usr\0", b"sh\0-c\0make\0", hdr__ts_ns=91 * SECOND, hdr__cpu=3,
    source=1, pid_ns=404,
    exe_flags=FileFlag.PATH_TRUNCATED | ExeFlag.DELETED | ExeFlag.FILELESS,
) + _seen(PARENT, b"later\0bin\0usr\0", b"", hdr__ts_ns=9000 * SECOND, source=1)  # fmt: skip

CAT = PROCESS | {"start_ns": 92 * SECOND, "tgid": 311, "comm": b"cat"}
NC = PROCESS | {"start_ns": 93 * SECOND, "tgid": 312, "execs": 10, "comm": b"nc"}


def user(of: dict[str, Any], tx_bytes: int, rx_bytes: int) -> bytes:
    """Return a user of a socket, as they follow its record."""
    fixed = layout("struct kf_user")
    members = {f"proc.{name}": value for name, value in of.items()}
    members |= {"tx_bytes": tx_bytes, "rx_bytes": rx_bytes}
    return fixed.unpacker.pack(*(members[name] for name in fixed.index))


FILE_KEY = {"ino": 19567988, "start_ns": 90 * SECOND, "tgid": 301, "dev": 9 << 20 | 2, "gen": 77}
FILE_KEY["execs"] = 9
FILE: dict[str, Any] = {
    "hdr__ts_ns": START + 31_000_000_001,
    "hdr__cpu": 2,
    **prefixed("key", FILE_KEY),
    **prefixed("agg__proc", PROCESS),
    "agg__first_ns": START + 20_000_000_000,
    "agg__last_ns": START + 30_000_000_002,
    "agg__size_first": 1000,
    "agg__mtime_first_s": 1_600_000_300,
    "agg__mtime_first_ns": 15,
    "agg__flags": FileFlag.STALE | FileFlag.PATH_GUESSED,
    "agg__inode__size": 1701,
    "agg__inode__atime_s": 1_600_000_100,
    "agg__inode__mtime_s": 1_600_000_307,
    "agg__inode__ctime_s": 1_600_000_400,
    "agg__inode__atime_ns": 11,
    "agg__inode__mtime_ns": 22,
    "agg__inode__ctime_ns": 33,
    "agg__inode__mode": 0o100640,
    "agg__inode__nlink": 2,
    "agg__inode__uid": 1004,
    "agg__inode__gid": 1005,
    "agg__inode__magic": 0xEF53,
    "agg__counts": tuple(range(601, 612)),
    "agg__share_uid": 407,
    "agg__mode_first": 0o104751,
    "agg__named": 409,
}
PATH, ORIGIN = b"new.txt\0project\0home\0", b"old.txt\0"
MOUNT = record(
    "MOUNT", hdr__ts_ns=START + 1, hdr__cpu=5, mount=7001, dev=9 << 20 | 3,
    type=b"fuse\0garbage", subtype=b"sshfs\0garbage", source=b"there:/\0garbage",
)  # fmt: skip
THROUGH = {"mount": 7001, "below": len(b"new.txt\0project\0")}


def file() -> bytes:
    """Return a mount, and a file record with path and earlier name."""
    lengths = {"path_len": len(PATH), "origin_len": len(ORIGIN)}
    return MOUNT + record("FILE", PATH + ORIGIN, **lengths, **THROUGH, **FILE)


def file_with_path_ahead() -> bytes:
    """Return a path record and the record of its file: a symbolic link that nobody executed."""
    ahead = MOUNT + record(
        "PATH", PATH, hdr__ts_ns=START + 2, hdr__cpu=4, path_len=len(PATH),
        flags=FileFlag.PATH_GUESSED, **THROUGH, **prefixed("key", FILE_KEY),
    )  # fmt: skip
    others = {
        "agg__flags": FileFlag.PATH_SENT,
        "agg__counts": (*range(601, 603), 0, *range(604, 612)),
        "agg__inode__mode": 0o120777,
    }
    return ahead + record("FILE", **FILE | others)


def file_failed() -> bytes:
    """Return a record of attempts that failed: mode_first is their errno."""
    others = {"agg__flags": FileFlag.FAILED, "agg__mode_first": 13}
    return MOUNT + record("FILE", PATH, path_len=len(PATH), **THROUGH, **FILE | others)


def file_in_parts() -> bytes:
    """Return two parts of one file aggregate: the first events, then the last ones."""
    first = {
        "hdr__ts_ns": START + 22 * SECOND,
        "agg__last_ns": START + 21 * SECOND,
        "agg__flags": FileFlag.PARTIAL | FileFlag.PATH_GUESSED,
        "agg__counts": (601, 2, 3, 4, 5, 6, 0, 0, 9, 0, 0),
        "agg__inode__size": 1500,
        "agg__inode__nlink": 1,
    }
    last = {
        "agg__first_ns": START + 25 * SECOND,
        "agg__size_first": 1500,
        "agg__mtime_first_ns": 16,
        "agg__flags": FileFlag.STALE,
        "agg__counts": (0, 600, 600, 600, 600, 600, 607, 608, 600, 610, 611),
        "agg__share_uid": 408,
    }
    old = b"older.txt\0project\0home\0"
    lengths = {"path_len": len(old), "origin_len": len(ORIGIN)}
    other = {"mount": 7002, "below": len(b"older.txt\0project\0home\0")}
    return (
        MOUNT
        + record("FILE", old + ORIGIN, **lengths, **other, **FILE | first)
        + record("FILE", PATH, path_len=len(PATH), **THROUGH, **FILE | last)
    )


def _direction(first: int, ifindex: int, bits: bytes) -> dict[str, Any]:
    """Return one direction with values from a number on."""
    return {
        "first_ns": START + first,
        "last_ns": START + 3 * first + 5 * SECOND,
        "bytes": first + 1,
        "ttl_sum": (first + 2) * (first + 7),
        "packets": first + 6,
        "packets_seen": first + 7,
        "data_packets": first + 8,
        "ifindex": ifindex,
        "frags": first + 9,
        "flag_bits": bits + bytes(12 - len(bits)),
        # even, so that they are no flags that have a FIN
        "flag_counts": (first + 20, first + 22, first + 24, *([0] * 9)),
    }


TX, RX = _direction(2000, 4, bytes([2, 16, 24])), _direction(3000, 5, bytes([18, 17, 25]))
TCP_INFO = {
    "bytes_sent": 51_000,
    "bytes_acked": 49_500,
    "bytes_retrans": 700,
    "bytes_received": 73_000,
    "segs_out": 5001,
    "segs_in": 5002,
    "data_segs_out": 5003,
    "data_segs_in": 5004,
    "total_retrans": 5005,
    "dsack_dups": 5006,
    "reord_seen": 5007,
    "srtt_us": 8 * 5008,
    "rto_jiffies": 51,
}
KEY = {"cookie": 9001, "remote_addr": bytes(range(16)), "remote_port": 9002, "family": 9003}
SOCKET: dict[str, Any] = {
    "hdr__ts_ns": START + 41_000_000_003,
    "hdr__cpu": 5,
    **prefixed("key", KEY),
    **prefixed("sock__proc", PROCESS),
    "sock__first_ns": START + 19_000_000_000,
    "sock__last_ns": START + 40_000_000_000,
    "sock__local_addr": bytes([38, 110, 1, 24]) + bytes(12),
    "sock__remote_addr": bytes([15, 197, 142, 173]) + bytes(12),
    "sock__local_port": 43302,
    "sock__remote_port": 443,
    "sock__family": 2,
    "sock__protocol": 6,
    "sock__flags": SocketFlag.FINAL | SocketFlag.FLAGS_FULL | SocketFlag.FRAGS,
    "sock__net_ns": 406,
    "sock__role": 1,
    "sock__state": 8,
    "sock__drops": 7001,
    "sock__queued": 7002,
    "sock__isn_local": 3_000_000_007,
    "sock__isn_remote": 2_000_000_003,
    **prefixed("sock__tx", TX),
    **prefixed("sock__rx", RX),
    **prefixed("sock__tcp", TCP_INFO),
}


def tcp_client() -> bytes:
    """Return the last record of a connection that this host made."""
    return record("SOCK", **SOCKET)


def tcp_server() -> bytes:
    """Return the last record of a connection that this host took, by IPv6."""
    addresses = {
        "sock__local_addr": bytes([0x20, 1, 0xD, 0xB8]) + bytes(range(1, 13)),
        "sock__remote_addr": bytes([0xFE, 0x80]) + bytes(range(21, 35)),
    }
    others = {"sock__family": 10, "sock__role": 2, "sock__state": 9}
    return record("SOCK", **SOCKET | addresses | others)


UDP = SOCKET | {
    "sock__protocol": 17,
    "sock__isn_local": 0,
    "sock__isn_remote": 0,
    "sock__state": 1,
    "sock__flags": SocketFlag.STALE | SocketFlag.FLAGS_FULL | SocketFlag.FRAGS,
}


def udp() -> bytes:
    """Return what a UDP socket exchanged with one peer."""
    return record("SOCK", **UDP)


def udp_closed() -> bytes:
    """Return the same after the end of the socket."""
    return record("SOCK_CLOSED", hdr__ts_ns=START + 7, hdr__cpu=6, cookie=9001) + udp()


FOLD = UDP | {
    "sock__flags": SocketFlag.STALE | SocketFlag.FOLDED | SocketFlag.FRAGS,
    "key__scope": Scope.SOCKET,
    "sock__folded": 7101,
    "sock__begun": 7102,
}


def udp_folded() -> bytes:
    """Return the sums of peers of one UDP socket, and those of sockets of a process."""
    return record("SOCK", **FOLD) + record("SOCK", **FOLD | {"key__scope": Scope.PROCESS})


# what is added to each total until the last record of a connection
GROWTH = {
    **prefixed("tx", {"bytes": 11, "ttl_sum": 12, "packets": 13, "packets_seen": 14}),
    **prefixed("tx", {"data_packets": 15, "frags": 16, "last_ns": 17_000_000_000}),
    **prefixed("rx", {"bytes": 21, "ttl_sum": 28 * 24, "packets": 23, "packets_seen": 24}),
    **prefixed("rx", {"data_packets": 25, "frags": 26, "last_ns": 27_000_000_000}),
    **prefixed("tcp", {"bytes_sent": 100, "bytes_acked": 31, "bytes_retrans": 32}),
    **prefixed("tcp", {"bytes_received": 133, "segs_out": 34, "segs_in": 35, "data_segs_out": 36}),
    **prefixed("tcp", {"data_segs_in": 37, "total_retrans": 38, "dsack_dups": 39}),
    **prefixed("tcp", {"reord_seen": 40, "srtt_us": 8 * 41, "rto_jiffies": 42}),
    "drops": 43,
}


def _grown(flags: int, users: bytes = b"", **usage: int) -> bytes:
    """Return the last record of a connection: the totals with what was added."""
    later = {f"sock__{name}": SOCKET[f"sock__{name}"] + n for name, n in GROWTH.items()}
    later["sock__tx__flag_counts"] = (2020 + 51, 2022 + 52, 2024 + 53, *([0] * 9))
    later["sock__rx__flag_counts"] = (3020 + 61, 3022 + 62, 3024 + 63, *([0] * 9))
    later |= {"sock__flags": flags | SocketFlag.FRAGS, "sock__state": 7, "sock__queued": 7003}
    later["hdr__ts_ns"] = SOCKET["hdr__ts_ns"] + SECOND
    return record("SOCK", users, **SOCKET | later | usage)


def tcp_interim() -> bytes:
    """Return two records of one connection, which hold totals, and another connection between."""
    return (
        record("SOCK", **SOCKET | {"sock__flags": SocketFlag.STALE | SocketFlag.FRAGS})
        + record("SOCK", **SOCKET | {"key__cookie": 9009})
        + _grown(SocketFlag.FINAL)
    )


def tcp_from_before() -> bytes:
    """Return where the totals of a connection stood when kflowd met it, and its last record."""
    met = record("SOCK", **SOCKET | {"sock__flags": SocketFlag.SNAPSHOT | SocketFlag.FRAGS})
    return met + _grown(SocketFlag.SNAPSHOT | SocketFlag.FINAL)


USAGE = prefixed("usage", {"own_tx": 6101, "own_rx": 6102, "rest_tx": 6103, "rest_rx": 6104})
GROWN_USAGE = prefixed("usage", {"own_tx": 6202, "own_rx": 6205, "rest_tx": 6210, "rest_rx": 6215})


def tcp_used() -> bytes:
    """Return two records of a connection that others used, too; one of them after the first."""
    first = SOCKET | {"sock__flags": SocketFlag.STALE | SocketFlag.FRAGS}
    return record("SOCK", user(CAT, 6111, 6112), **first, **prefixed("sock", USAGE)) + _grown(
        SocketFlag.FINAL,
        user(CAT, 6231, 6233) + user(NC, 6121, 6122),
        **prefixed("sock", GROWN_USAGE),
    )


def tcp_used_by_others() -> bytes:
    """Return a connection that its owner did not use, and those who did have no names."""
    rest = {"sock__usage__rest_tx": 6103, "sock__usage__rest_rx": 6104}
    return record("SOCK", user(NC, 0, 0), **SOCKET, **rest)


def udp_used() -> bytes:
    """Return what went to a peer, a part of which nobody was seen to send."""
    own = {"sock__usage__own_tx": 101, "sock__usage__own_rx": 102}
    return record("SOCK", user(CAT, 111, 112), **UDP, **own)


UNIX: dict[str, Any] = {
    "hdr__ts_ns": START + 51_000_000_004,
    "hdr__cpu": 7,
    **prefixed("key", {"sock": 8001, "ino": 8002, "peer_hash": 8003}),
    **prefixed("unix_sock__proc", PROCESS),
    "unix_sock__first_ns": START + 17_000_000_000,
    "unix_sock__last_ns": START + 49_000_000_000,
    "unix_sock__tx_bytes": 8101,
    "unix_sock__rx_bytes": 8102,
    "unix_sock__tx_messages": 8103,
    "unix_sock__rx_messages": 8104,
    "unix_sock__flags": SocketFlag.SNAPSHOT | SocketFlag.FINAL,
    "unix_sock__type": 1,
    "unix_sock__role": 1,
    "unix_sock__addr_len": 8,
    "unix_sock__addr": b"/dev/log",
}


def unix_client() -> bytes:
    """Return what went over a UNIX stream socket with a path."""
    return record("UNIX", **UNIX)


def unix_server() -> bytes:
    """Return what went over the other side of one with an abstract name."""
    others = {"type": 5, "role": 2, "addr": b"\0bus", "addr_len": 4}
    return record("UNIX", **UNIX | prefixed("unix_sock", others))


def unix_folded() -> bytes:
    """Return the sums of sockets of a process."""
    others = {"flags": SocketFlag.STALE | SocketFlag.FOLDED, "folded": 8105}
    return record("UNIX", **UNIX | prefixed("unix_sock", others))


def unix_used() -> bytes:
    """Return what went over a socket that two processes have, the owner a while as another user."""
    both = user(CAT, 6111, 6112) + user(PROCESS, 6151, 6163)
    return record("UNIX", both, **UNIX, **prefixed("unix_sock", USAGE))


def unix_used_by_nobody() -> bytes:
    """Return a socket whose only other user has moved nothing."""
    return record("UNIX", user(CAT, 0, 0), **UNIX)


def unix_without_owner() -> bytes:
    """Return what went over a UNIX socket whose process nobody knows."""
    return record("UNIX", **UNIX | {"unix_sock__flags": SocketFlag.NO_OWNER})


def process_exit() -> bytes:
    """Return the end of a process."""
    used = {"cpu_ns": 72, "peak_rss": 73, "status": 256}
    return record("EXIT", hdr__ts_ns=START + 71, hdr__cpu=9, **used, **prefixed("proc", PROCESS))


def health() -> bytes:
    """Return a tick, records of each kind, then the kernel's counters."""
    counters = tuple(range(701, 701 + constants()["KF_CNT_MAX"]))
    return (
        record("TICK", ts_ns=START + 21, cpu=10)
        + file()
        + tcp_client() * 2
        + unix_client() * 3
        + record("COUNTERS", hdr__ts_ns=START + 61, hdr__cpu=8, counters=counters, missed=790)
    )
