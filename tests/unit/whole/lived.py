# SPDX-License-Identifier: Apache-2.0
"""The life of a process: what goes in, and the records that come out."""

from typing import Any

from kflowd.model import ExeFlag, FileFlag, SocketFlag
from tests.unit.make import SECOND, record
from tests.unit.whole.common import DETAILS, HOST, Keys
from tests.unit.whole.raw import FILE, PROCESS, SOCKET, START, WORKDIR, WORKED, prefixed

EXECS, FILES, CONNECTIONS, CHILDREN = 3, 5, 7, 11
SHELL = PROCESS | {"start_ns": 94 * SECOND, "tgid": 321, "ppid": 301, "tid": 322}
SHELL["parent_start_ns"] = PROCESS["start_ns"]
CREATOR = {"creator_start_ns": PROCESS["start_ns"], "creator_tgid": PROCESS["tgid"]}
OF_SHELL = {"creator_start_ns": SHELL["start_ns"], "creator_tgid": SHELL["tgid"]}
MODIFIED = (0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0)
READ = (0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0)


def _fork(of: dict[str, Any], at_ns: int, creator: dict[str, int]) -> bytes:
    members = prefixed("proc", of) | creator | WORKED
    return record("PROC", WORKDIR, hdr__ts_ns=at_ns, source=2, pid_ns=404, **members)


def _file(ino: int, counts: tuple[int, ...], flags: int = FileFlag.STALE) -> bytes:
    who = prefixed("agg__proc", SHELL) | {"key__start_ns": SHELL["start_ns"], "key__tgid": 321}
    members = FILE | who | {"agg__counts": counts, "agg__flags": flags, "key__ino": ino}
    return record("FILE", b"x\0", path_len=2, **members)


def _socket(cookie: int, **members: Any) -> bytes:
    who = prefixed("sock__proc", SHELL)
    return record("SOCK", **SOCKET | who | {"key__cookie": cookie, "sock__flags": 1} | members)


def _tick(second: int) -> bytes:
    return record("TICK", ts_ns=START + second * SECOND)


def _begun() -> bytes:
    """Return a process that is forked, runs some programs, and does something."""
    stream = _fork(SHELL, START + 1, CREATOR)
    for number in range(EXECS):
        shown = WORKED | {"exe_len": 13, "args_len": 10, "source": 1, "pid_ns": 404}
        shown["exe_flags"] = FileFlag.PATH_TRUNCATED | ExeFlag.DELETED | ExeFlag.FILELESS
        stream += record(
            "PROC",
            b"dash\0bin\0usr\0" + WORKDIR + b"sh\0-c\0make",
            hdr__ts_ns=START + 2 + number,
            **shown | prefixed("proc", SHELL | {"execs": 10 + number}),
        )
    for number in range(CHILDREN):
        child = SHELL | {"tgid": 400 + number, "tid": 400 + number, "start_ns": 95 * SECOND}
        stream += _fork(child | {"ppid": 321, "parent_start_ns": 94 * SECOND}, START + 9, OF_SHELL)
    for number in range(FILES):
        # twice, by another name or later: it is one file; one that is read is none
        stream += 2 * _file(5001 + number, MODIFIED) + _file(6001 + number, READ)
    failed = _file(7001, MODIFIED, FileFlag.FAILED)
    sockets = b"".join(2 * _socket(8001 + number) for number in range(CONNECTIONS - 2))
    # of these two began meanwhile; and nobody's is not this process's
    folded = SocketFlag.STALE | SocketFlag.FOLDED
    sockets += _socket(9001, sock__flags=folded, sock__begun=2, sock__folded=4)
    return stream + failed + sockets + _socket(9002, sock__flags=SocketFlag.NO_OWNER | 1)


def _ended(status: int) -> bytes:
    last = SHELL | {"execs": 10 + EXECS - 1}
    used = {"cpu_ns": 13_000_000_017, "peak_rss": 19_000_832, "status": status}
    end = record("EXIT", hdr__ts_ns=START + 23 * SECOND + 5, **used, **prefixed("proc", last))
    return 2 * end + _tick(24)


def killed() -> bytes:
    """Return a life that a signal ends, with a core dump; its last file comes behind its end."""
    late = _file(5000 + FILES, MODIFIED)
    return _begun().replace(late, b"") + _ended(0x80 | 9) + late + _tick(25)


def exited() -> bytes:
    """Return the same with an exit code."""
    return _begun() + _ended(29 << 8) + _tick(25)


KILLED: Keys = {
    "InfoSequenceNumber": 1,
    "InfoTimestamp": "Tue, Nov 14 2023 22:15:23.000000005 UTC",
    "InfoMonitor": "process",
    **HOST,
    "InfoUptime": 23.000000005,
    "ProcParent": "dash",
    "Proc": "dash/sh",
    "ProcUser": "dirk",
    "ProcGroup": "staff",
    "ProcPPID": 301,
    "ProcPID": 321,
    "ProcTID": 322,
    "ProcUID": 1001,
    "ProcGID": 1002,
    "ProcAge": 29.000000005,
    "ProcEvents": {"EXEC": EXECS, "FORK": 1, "EXIT": 1},
    "ProcStartTime": "Tue, Nov 14 2023 22:14:54.000000000 UTC",
    "ProcEndTime": "Tue, Nov 14 2023 22:15:23.000000005 UTC",
    "ProcExitSignal": "SIGKILL",
    "ProcCPUTime": 13.000000017,
    "ProcPeakRSS": 19_000_832,
    "ProcFilesWritten": FILES,
    "ProcConnections": CONNECTIONS,
    "ProcChildren": CHILDREN,
    "InfoTime": "2023-11-14T22:15:23.000000005Z",
    **DETAILS,
    "ProcAncestors": [
        {"Pid": 301, "Name": "dash"},
        {"Pid": 303, "Name": "sshd"},
        {"Pid": 1, "Name": "systemd"},
    ],
    "ProcNotes": [*DETAILS["ProcNotes"], "CORE_DUMPED"],
}
EXITED: Keys = {
    {"ProcExitSignal": "ProcExitCode"}.get(key, key): value for key, value in KILLED.items()
} | {"ProcExitCode": 29, "ProcNotes": DETAILS["ProcNotes"]}
