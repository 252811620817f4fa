# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.constants import ALIGNMENT
from kflowd.contract import constants
from kflowd.model import ProcessFlag, ProcessSeen
from kflowd.records import Decoder
from kflowd.redact.stream import redact_record, redactor, unredacted
from tests.unit.make import record

SECRET = b"Zq7vXk29"
EXE = b"mysql\0bin\0usr\0"
WORKDIR = b"-pdir\0root\0"
TICK = record("TICK", ts_ns=9)
MOST = constants()["KF_ARGS_MAX"]


def started(args: bytes) -> bytes:
    """Return the record of an exec."""
    lengths = {"exe_len": len(EXE), "workdir_len": len(WORKDIR), "args_len": len(args)}
    return record("PROC", EXE + WORKDIR + args, **lengths, source=1, pid_ns=7)


def seen(batch: bytes) -> list[ProcessSeen]:
    return [it for it in Decoder().decode(batch) if isinstance(it, ProcessSeen)]


def test_a_batch_keeps_its_records_and_loses_the_secret() -> None:
    """Records around it are the same bytes; executable and other arguments are as before."""
    file = record("FILE", b"--password=" + SECRET, path_len=19)
    other = started(b"ls\0-l\0")

    found = redactor()(TICK + started(b"mysql\0-p" + SECRET + b"\0db\0") + other + file)

    assert found.startswith(TICK)
    assert found.endswith(other + file)  # a name of a file is no argument
    assert len(found) % ALIGNMENT == 0
    first, second = seen(found)
    assert (first.exe, first.args) == ("/usr/bin/mysql", ("mysql", "-p***", "db"))
    assert (second.args, first.pid_ns) == (("ls", "-l"), 7)
    assert first.workdir == second.workdir == "/root/-pdir"
    assert not first.flags & ProcessFlag.ARGS_TRUNCATED
    assert [it.ts_ns for it in Decoder().decode(found)[:1]] == [9]


@pytest.mark.parametrize("source", [1, 2, 3])
def test_each_source_of_processes_is_redacted(source: int) -> None:
    """Those found at the start, too, if they tell arguments."""
    args = b"x\0--token\0" + SECRET
    raw = record("PROC", args, args_len=len(args), source=source)
    assert SECRET not in redactor()(raw)


def test_a_batch_without_secrets_is_the_same_object() -> None:
    """Nothing is copied."""
    batch = TICK + started(b"ls\0-l\0") + TICK
    assert redactor()(batch) is batch
    assert unredacted(started(b"x\0--token=a")) == started(b"x\0--token=a")


def test_cut_arguments_stay_cut() -> None:
    """The record keeps its size, filled up with zeros, by which the decoder knows; twice, too."""
    args = (b"mysql\0-p" + SECRET + b"\0" + b"x" * MOST)[:MOST]

    found = redactor()(started(args))

    assert len(found) == len(started(args))
    assert SECRET not in found
    (process,) = seen(found)
    assert process.flags & ProcessFlag.ARGS_TRUNCATED
    assert process.args[:2] == ("mysql", "-p***")
    assert set(process.args[2]) == {"x"}
    assert redactor()(found) is found


def test_a_secret_at_the_cut_is_hidden() -> None:
    """Half a token at the very end, and half an address."""
    for half in (b" ghp_16C7", b" https://me:Zq7v"):
        args = b"x" * (MOST - len(half)) + half
        (process,) = seen(redactor()(started(args)))
        assert process.args[0].endswith("***")
        assert process.flags & ProcessFlag.ARGS_TRUNCATED


def test_short_secrets_make_arguments_longer() -> None:
    """The record grows; what has no room any more is cut, and said to be."""
    (process,) = seen(redactor()(started(b"x\0--token\0a\0b")))
    assert process.args == ("x", "--token", "***", "b")
    assert not process.flags & ProcessFlag.ARGS_TRUNCATED

    full = b"--token\0a\0" + b"b" * (MOST - 11)
    (process,) = seen(redactor()(started(full)))
    assert process.args[1] == "***"
    assert process.flags & ProcessFlag.ARGS_TRUNCATED
    assert len("\0".join(process.args)) == MOST


@pytest.mark.parametrize(
    ("exe_len", "workdir_len", "args_len"),
    [(0xFFFF, 0, 0), (0, 0xFFFF, 0), (0, 0, 0xFFFF), (0xFFFF, 0xFFFF, 0xFFFF)],
)
def test_lengths_that_lie_are_no_error(exe_len: int, workdir_len: int, args_len: int) -> None:
    """A record that contradicts itself stays one that the decoder skips, and tells nothing."""
    lengths = {"exe_len": exe_len, "workdir_len": workdir_len, "args_len": args_len}
    raw = record("PROC", b"--token\0" + SECRET, **lengths)
    found = redactor()(raw)

    assert Decoder().decode(found) == []
    assert SECRET not in found
    assert len(found) == len(raw)


def test_records_of_another_version_are_left_alone() -> None:
    """Nothing is known of their layout; the decoder skips them."""
    args = b"--token\0" + SECRET
    raw = record("PROC", args, args_len=len(args), hdr__version=constants()["KF_VERSION"] + 1)
    assert redactor()(raw) is raw
    assert Decoder().decode(raw) == []


@given(st.binary(max_size=400), st.integers(0, 300))
def test_any_bytes_are_taken(tail: bytes, cut: int) -> None:
    """Garbage behind and within records raises nothing, and what is whole stays decodable."""
    batch = TICK + started(b"a\0--token\0b\0" + tail) + tail
    redactor()(batch[: len(batch) - cut])
    assert len(seen(redactor()(TICK + started(b"a\0--token\0bb\0")))) == 1


def test_a_record_without_arguments_is_itself() -> None:
    """That of a fork."""
    fork = record("PROC")
    assert redact_record(fork) is fork
