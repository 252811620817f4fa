# SPDX-License-Identifier: Apache-2.0
"""Counters of shares against what is held, and operations whose return no program saw."""

import mmap
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.loading.object import BpfObject
from kflowd.bpf.source import Source, boottime_ns
from kflowd.settings import TraceSettings
from tests.host import rawmap, storm
from tests.host.agent import ATTACH_MODE, ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

FORCED: Any = ATTACH_MODE[0].partition("=")[2] if ATTACH_MODE else None
FILES = TraceSettings(monitor=frozenset(("file",)), attach=FORCED)
UNLINKS = 7
SHARE_H = (ROOT / "ebpf" / "share.h").read_text()
# a thread that waits, deletes files if it is told to, waits, and ends
DELETER = f"""\
import os, sys
os.setgroups([])
os.setuid(int(sys.argv[1]))
print("ready", flush=True)
if not sys.stdin.readline():
    sys.exit()
for number in range({UNLINKS}):
    os.unlink(f"f{{number}}")
print("done", flush=True)
sys.stdin.readline()
"""


class Shares:
    """The counters of shares of a source, mapped (ebpf/share.h)."""

    PROCESSES, USERS, SOCKETS = 1 << 13, 1 << 10, 1 << 13
    TABLES, FILES = (
        int(re.findall(rf"KF_SHARE_{name} = (\d+)", SHARE_H)[0]) for name in ("TABLES", "FILES")
    )
    TABLE = 2 + PROCESSES + USERS

    def __init__(self, source: Source) -> None:
        attached = source._attached
        assert attached is not None
        self._salt = attached.salt
        size = 4 * (self.TABLES * self.TABLE + self.SOCKETS + 2 * self.USERS)
        self._map = mmap.mmap(attached.maps["kf_shares"], size)
        self._numbers = memoryview(self._map).cast("i")

    def close(self) -> None:
        """Unmap them."""
        self._numbers.release()
        self._map.close()

    def _place(self, number: int, places: int) -> int:
        return ((number ^ self._salt) * 0x9E3779B1 & 0xFFFFFFFF) * places >> 32

    def of_files(self, pid: int, user: int) -> tuple[int, int]:
        """Return where the files of a process are counted, and those of its user."""
        first = self.FILES * self.TABLE + 2
        place = max(self._place(user, self.USERS), 1) if user else 0
        return first + self._place(pid, self.PROCESSES), first + self.PROCESSES + place

    def of_threads(self, which: int, user: int) -> int:
        """Return where threads of a user are counted: 0 for operations, 1 for kprobes' calls."""
        first = self.TABLES * self.TABLE + self.SOCKETS + which * self.USERS
        return first + (max(self._place(user, self.USERS), 1) if user else 0)

    def __getitem__(self, place: int) -> int:
        return int(self._numbers[place])

    def __setitem__(self, place: int, value: int) -> None:
        self._numbers[place] = value


@pytest.mark.parametrize("drift", [1000, -5000])
def test_counts_of_files_heal(folder: Path, drift: int) -> None:
    """What the programs have counted is what a sweep finds, and what has drifted is so again."""
    with Source(FILES) as source, storm.run("opened", folder, 37) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"
        with closing(Shares(source)) as shares:
            process, user = shares.of_files(holder.pid, storm.NOBODY)
            held = shares[process]
            assert held >= 37
            assert shares[user] >= 37
            for _ in range(2):
                source.sweep(boottime_ns())
                assert shares[process] == held
                shares[process] += drift
        holder.communicate()


def lost(source: Source) -> int:
    """Return how many operations were lost because their return was not seen."""
    record = ffi.from_buffer("struct kf_counters_record *", source.counters())
    return int(record.counters[lib.KF_CNT_FILE_LOST_PENDING])


def loaded(source: Source) -> tuple[str, BpfObject]:
    """Return the attach mode, and the object that sees files."""
    attached = source._attached
    assert attached is not None
    (name,) = {name for name, _ in attached.objects if name.startswith("file_")}
    it = attached.object_named(name)
    assert it is not None
    return name.removeprefix("file_"), it


@contextmanager
def deleter(folder: Path, user: int) -> Iterator[subprocess.Popen[str]]:
    """A process that is ready to delete files."""
    folder.mkdir()
    folder.chmod(0o777)
    for number in range(UNLINKS):
        (folder / f"f{number}").touch()
    command = [sys.executable, "-I", "-S", "-c", DELETER, str(user)]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        yield child
        child.communicate()


def delete(child: subprocess.Popen[str]) -> None:
    """Let it delete them."""
    assert child.stdin
    assert child.stdout
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.stdout.readline() == "done\n"


def leave_open(source: Source, thread: int) -> None:
    """Let a thread have begun an operation, as far as the programs know."""
    mode, it = loaded(source)
    # a link, whose frame is above all others
    value = (9).to_bytes(16, "little") + (b"" if mode == "tracepoint" else b"\xff" * 8)
    name = "kf_named" if mode == "tracepoint" else "kf_pending"
    key = (thread << 32 | thread).to_bytes(8, "little")
    rawmap.update(it.map_fd(name), key, value.ljust(it.map_sizes(name)[1], b"\0"))


def test_an_operation_without_a_return_is_counted(folder: Path) -> None:
    """It ends with its thread at last, and what was taken for a part of it is lost, too."""
    with Source(FILES) as source:
        mode, _ = loaded(source)
        with deleter(folder / "x", 0) as child:
            before = lost(source)
            leave_open(source, child.pid)
            if mode != "kprobe":  # where the end of the system call ends it already
                delete(child)
        assert lost(source) - before == 1 + (UNLINKS if mode == "fentry" else 0)


def test_a_user_at_its_share_of_operations_leaves_those_of_others(folder: Path) -> None:
    """Half of what threads can be followed in is a user's: its next ones are lost, and counted."""
    with Source(FILES) as source, closing(Shares(source)) as shares:
        mode, _ = loaded(source)
        which, half = (1, 8192) if mode == "kprobe" else (0, 1024)
        place = shares.of_threads(which, storm.NOBODY)
        for user, expected in ((storm.NOBODY, UNLINKS), (0, 0)):
            with deleter(folder / str(user), user) as child:
                shares[place] = half
                before = lost(source)
                delete(child)
                assert lost(source) - before == expected
                assert shares[place] == half
