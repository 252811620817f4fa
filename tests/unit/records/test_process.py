# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.model import FileFlag, Process, ProcessExit, ProcessFlag, ProcessSeen
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
    ids |= {"creator_tgid": 12, "creator_start_ns": 13, "workdir_len": 9, "workdir_flags": 4}
    strings = b"curl\0bin\0src\0home\0curl\0\0-s\0"
    raw = record("PROC", strings, hdr__ts_ns=99, tty=b"tty1", **MEMBERS, **ids)
    (value,) = Decoder().decode(raw)
    what = ("/bin/curl", ("curl", "", "-s"), (12, 13), "/home/src", 4, "tty1")
    assert value == ProcessSeen(99, PROCESS, 2, 6, 8, 1, *what)


@pytest.mark.parametrize(
    ("raw", "flags", "text"),
    [
        (b"", 0, ""),
        (b"/\0", 0, "/"),
        (b"\xff\xc3\xa4\0tmp\0", 0, "/tmp/\udcffä"),
        (b"gone\0tmp\0", FileFlag.PATH_DELETED, "/tmp/gone (deleted)"),
        (b"/\0", FileFlag.PATH_UNREACHABLE, "/"),
        (b"a\0", FileFlag.PATH_UNREACHABLE | FileFlag.PATH_DELETED, "/a (deleted)"),
    ],
)
def test_working_directories_are_those_of_proc(raw: bytes, flags: int, text: str) -> None:
    """As /proc/PID/cwd has them; a process that exits has none."""
    members = {"workdir_len": len(raw), "workdir_flags": flags}
    (value,) = Decoder().decode(record("PROC", raw, **members))
    assert isinstance(value, ProcessSeen)
    assert (value.exe, value.workdir, value.args) == ("", text, ())


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"\0garbage", ""),
        (b"pts0\0", "pts/0"),
        (b"pts1048575\0pts", "pts/1048575"),
        (b"pts\0", "pts"),
        (b"ptsx1\0", "ptsx1"),
        (b"ttyp3\0", "ttyp3"),
        (b"ttyS0\0", "ttyS0"),
        (b"pts1\n\0", "pts1\n"),
        (b"x" * 64, "x" * 64),
    ],
)
def test_terminals_are_named_as_below_dev(raw: bytes, text: str) -> None:
    """The kernel has a name of its own for those of devpts alone."""
    (value,) = Decoder().decode(record("PROC", tty=raw))
    assert isinstance(value, ProcessSeen)
    assert value.tty == text


def test_equal_working_directories_are_one_string() -> None:
    """A path is as long as 4096 bytes, and a table has many processes."""
    raw = record("PROC", b"src\0home\0", workdir_len=9)
    first, second = Decoder().decode(raw * 2)
    assert isinstance(first, ProcessSeen)
    assert isinstance(second, ProcessSeen)
    assert first.workdir == "/home/src"
    assert first.workdir is second.workdir


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
