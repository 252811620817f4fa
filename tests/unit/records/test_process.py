# SPDX-License-Identifier: Apache-2.0
from typing import Any

from kflowd.model import Process, ProcessExit, ProcessFlag, ProcessSeen
from kflowd.records import Decoder
from tests.unit.make import record

EXECS = 11
NUMBERS = (5, 3, 100, 101, 50, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1)
MEMBERS: dict[str, Any] = {
    f"proc__{name}": value
    for name, value in zip(
        Process.__struct_fields__, (*NUMBERS, b"ab\xff\0garbage", EXECS), strict=True
    )
}
PROCESS = Process(*NUMBERS, "ab\udcff", EXECS)


def test_exec_records_hold_identity_path_and_arguments() -> None:
    """Each member comes from its place."""
    ids = {"source": 2, "pid_ns": 6, "exe_flags": 8, "exe_len": 9, "args_len": 9}
    ids |= {"creator_tgid": 12, "creator_start_ns": 13}
    raw = record("PROC", b"curl\0bin\0curl\0\0-s\0", hdr__ts_ns=99, **MEMBERS, **ids)
    (value,) = Decoder().decode(raw)
    expected = ProcessSeen(99, PROCESS, 2, 6, 8, 1, "/bin/curl", ("curl", "", "-s"), (12, 13))
    assert value == expected


def test_arguments_that_fill_their_limit_are_flagged() -> None:
    """Arguments that were cut are never taken for complete."""
    (value,) = Decoder().decode(record("PROC", b"x" * 2048, args_len=2048))
    assert isinstance(value, ProcessSeen)
    assert value.flags & ProcessFlag.ARGS_TRUNCATED
    assert value.args == ("x" * 2048,)


def test_exit_records_hold_the_process() -> None:
    """And when and how it ended, and what it used."""
    used = {"status": 11, "cpu_ns": 13, "peak_rss": 17}
    (value,) = Decoder().decode(record("EXIT", hdr__ts_ns=9, **used, **MEMBERS))
    assert value == ProcessExit(9, PROCESS, status=11, cpu_ns=13, peak_rss=17)


def test_equal_processes_are_one_object() -> None:
    """What every record repeats is made once."""
    decoder = Decoder()
    first, second = decoder.decode(record("EXIT", **MEMBERS) * 2)
    assert isinstance(first, ProcessExit)
    assert isinstance(second, ProcessExit)
    assert first.process is second.process
