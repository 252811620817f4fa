# SPDX-License-Identifier: Apache-2.0
"""Process records: exec, fork, snapshot, exit; and the process inside every other record."""

from kflowd.contract import constants, layout
from kflowd.model import Process, ProcessExit, ProcessFlag, ProcessSeen
from kflowd.records.header import RecordDecoder, maker, picker, text
from kflowd.records.path import path_text

# Processes that are active within one batch or a few; each is some 200 bytes.
MAX_CACHED = 4096


class ProcessReader:
    """Reads a `struct kf_proc` at any offset.

    The same process comes with each of its records: equal bytes give the same object, which is
    cheaper than to build it again.
    """

    def __init__(self) -> None:
        self._layout = layout("struct kf_proc")
        self._size = self._layout.size
        self._pick = picker(self._layout, "", Process.__struct_fields__)
        self._make = maker(Process)
        self._known: dict[bytes, Process] = {}

    def read(self, batch: bytes, offset: int) -> Process:
        """Return the process at `offset`."""
        raw = batch[offset : offset + self._size]
        known = self._known.get(raw)
        if known is not None:
            return known
        *numbers, comm = self._pick(self._layout.unpack_from(raw))
        process = self._make(*numbers, text(comm.partition(b"\0")[0]))
        if len(self._known) >= MAX_CACHED:
            self._known.clear()
        self._known[raw] = process
        return process


def process_decoder(processes: ProcessReader) -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of exec, fork and snapshot records."""
    record = layout("struct kf_proc_record")
    fixed, process_at = record.size, record.offset["proc"]
    args_max = constants()["KF_ARGS_MAX"]
    names = ("cgroup_id", "source", "login_uid", "session_id", "mnt_ns", "pid_ns", "net_ns")
    pick = picker(record, "", (*names, "exe_flags"))
    pick_tail = picker(record, "", ("hdr.ts_ns", "exe_len", "args_len"))

    make = maker(ProcessSeen)

    def decode(batch: bytes, offset: int, size: int) -> ProcessSeen | None:
        members = record.unpack_from(batch, offset)
        ts_ns, exe_len, args_len = pick_tail(members)
        if fixed + exe_len + args_len > size:
            return None
        exe_at = offset + fixed
        args_at = exe_at + exe_len
        process = processes.read(batch, offset + process_at)
        return make(
            ts_ns,
            process,
            *pick(members),
            process.flags | (ProcessFlag.ARGS_TRUNCATED if args_len >= args_max else 0),
            path_text(batch[exe_at:args_at]),
            _args(batch[args_at : args_at + args_len]),
        )

    return fixed, decode


def exit_decoder(processes: ProcessReader) -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of exit records."""
    record = layout("struct kf_exit_record")
    process_at = record.offset["proc"]
    pick = picker(record, "", ("hdr.ts_ns", "exit_code"))

    def decode(batch: bytes, offset: int, _size: int) -> ProcessExit:
        ts_ns, exit_code = pick(record.unpack_from(batch, offset))
        return ProcessExit(ts_ns, processes.read(batch, offset + process_at), exit_code)

    return record.size, decode


def _args(raw: bytes) -> tuple[str, ...]:
    """Split NUL separated arguments; empty ones count, the last may be cut."""
    if not raw:
        return ()
    return tuple(text(raw[:-1] if raw.endswith(b"\0") else raw).split("\0"))
