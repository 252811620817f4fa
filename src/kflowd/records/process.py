# SPDX-License-Identifier: Apache-2.0
"""Process records: exec, fork, snapshot, exit; and the process inside every other record."""

import re
from functools import lru_cache

from kflowd.contract import constants, layout, reader, span
from kflowd.model import Process, ProcessExit, ProcessFlag, ProcessSeen
from kflowd.records.header import RecordDecoder, text
from kflowd.records.path import path_text, plain_text

RECORD = "struct kf_proc_record"
EXIT = "struct kf_exit_record"
# Processes that are active within one batch or a few; each is some 200 bytes.
MAX_CACHED = 4096
# Working directories: that of a process is mostly that of its parent, and so one string for both.
MAX_WORKDIRS = 1024
# What the kernel calls "pts3" is /dev/pts/3.
_PTS = re.compile(r"pts(?=\d+\Z)")


class ProcessReader:
    """Reads a `struct kf_proc` at any offset.

    The same process comes with each of its records: equal bytes give the same object, which is
    cheaper than to build it again, and by which later stages know it again.
    """

    def __init__(self) -> None:
        kind = "struct kf_proc"
        self._size = layout(kind).size
        self._read = reader(
            kind,
            *("start_ns", "parent_start_ns", "cgroup_id", "tgid", "tid", "ppid"),
            *("uid", "gid", "euid", "egid", "login_uid", "session_id", "mnt_ns", "net_ns"),
            *("flags", "execs", "comm"),
        )
        self._known: dict[bytes, Process] = {}

    def read(self, batch: bytes, offset: int) -> Process:
        """Return the process at `offset`."""
        raw = batch[offset : offset + self._size]
        known = self._known.get(raw)
        if known is None:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            known = self._known[raw] = self._make(raw)
        return known

    def _make(self, raw: bytes) -> Process:
        # fmt: off
        (start_ns, parent_start_ns, cgroup_id, tgid, tid, ppid,
         uid, gid, euid, egid, login_uid, session_id, mnt_ns, net_ns,
         flags, execs, comm) = self._read(raw, 0)
        # fmt: on
        return Process(
            start_ns=start_ns,
            parent_start_ns=parent_start_ns,
            tgid=tgid,
            tid=tid,
            ppid=ppid,
            uid=uid,
            gid=gid,
            euid=euid,
            egid=egid,
            cgroup_id=cgroup_id,
            login_uid=login_uid,
            session_id=session_id,
            mnt_ns=mnt_ns,
            net_ns=net_ns,
            flags=flags,
            execs=execs,
            comm=text(comm.partition(b"\0")[0]),
        )


def process_decoder(processes: ProcessReader) -> RecordDecoder:
    """Return the decoder of exec, fork and snapshot records."""
    fixed = layout(RECORD).size
    process_at, _ = span(RECORD, "proc")
    args_max = constants()["KF_ARGS_MAX"]
    read = reader(
        RECORD,
        *("hdr.ts_ns", "source", "pid_ns", "creator_start_ns", "creator_tgid"),
        *("exe_flags", "workdir_flags", "exe_len", "workdir_len", "args_len", "tty"),
    )

    def decode(batch: bytes, offset: int, size: int) -> ProcessSeen | None:
        # fmt: off
        (ts_ns, source, pid_ns, creator_start_ns, creator_tgid,
         exe_flags, workdir_flags, exe_len, workdir_len, args_len, tty) = read(batch, offset)
        # fmt: on
        if fixed + exe_len + workdir_len + args_len > size:
            return None
        # redacted arguments are shorter than what was cut: the size is still that
        room = size - fixed - exe_len - workdir_len
        exe_at = offset + fixed
        workdir_at = exe_at + exe_len
        args_at = workdir_at + workdir_len
        process = processes.read(batch, offset + process_at)
        return ProcessSeen(
            ts_ns=ts_ns,
            process=process,
            source=source,
            pid_ns=pid_ns,
            exe_flags=exe_flags,
            flags=process.flags | (ProcessFlag.ARGS_TRUNCATED if room >= args_max else 0),
            exe=path_text(batch[exe_at:workdir_at]),
            args=_args(batch[args_at : args_at + args_len]),
            creator=(creator_tgid, creator_start_ns),
            workdir=_workdir(batch[workdir_at:args_at], workdir_flags),
            workdir_flags=workdir_flags,
            tty=_tty(tty),
        )

    return RecordDecoder(fixed, decode)


def exit_decoder(processes: ProcessReader) -> RecordDecoder:
    """Return the decoder of exit records."""
    process_at, _ = span(EXIT, "proc")
    read = reader(EXIT, "hdr.ts_ns", "cpu_ns", "peak_rss", "status")

    def decode(batch: bytes, offset: int, _size: int) -> ProcessExit:
        ts_ns, cpu_ns, peak_rss, status = read(batch, offset)
        process = processes.read(batch, offset + process_at)
        return ProcessExit(ts_ns, process, status, cpu_ns, peak_rss)

    return RecordDecoder(layout(EXIT).size, decode)


def _args(raw: bytes) -> tuple[str, ...]:
    """Split NUL separated arguments; empty ones count, the last may be cut."""
    if not raw:
        return ()
    return tuple(text(raw[:-1] if raw.endswith(b"\0") else raw).split("\0"))


@lru_cache(MAX_WORKDIRS)
def _workdir(raw: bytes, flags: int) -> str:
    return plain_text(raw, flags) if raw else ""


@lru_cache(MAX_WORKDIRS)
def _tty(raw: bytes) -> str:
    return _PTS.sub("pts/", text(raw.partition(b"\0")[0]))
