# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from kflowd.downstream.finding import status_of
from kflowd.older.reading import MOST_THREADS, Found, confirmed, read_all, read_one

ONE = Found(7, b"/bin/x", b"x\0")


def test_a_process_is_read() -> None:
    """Its start, its executable, its arguments with empty ones."""
    command = [sys.executable, "-c", "input()", "", "a b", "Zq"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        # its arguments are there a moment later than what tells Popen that it runs
        while (found := read_one(child.pid)) is None and child.poll() is None:
            pass
        status = status_of(child.pid)
        child.communicate(b"\n")
    assert found is not None
    assert status is not None
    assert found.ticks == status.process.ticks
    assert found.exe == os.fsencode(Path(sys.executable).resolve())
    assert found.args.split(b"\0")[1:] == [b"-c", b"input()", b"", b"a b", b"Zq", b""]


def test_long_arguments_are_cut() -> None:
    """One byte more than fits tells that they are."""
    with subprocess.Popen(["sleep", "60", *["1"] * 5000]) as child:
        # a child has its parent's arguments until its exec
        while (found := read_one(child.pid)) is None or not found.args.startswith(b"sleep\0"):
            time.sleep(0.01)
        child.kill()
    assert len(found.args) == 2049


def test_who_has_none_is_not_read() -> None:
    """A kernel thread, or a number that nobody has."""
    assert read_one(2) is None
    assert read_one((1 << 22) + 1) is None


def test_all_are_read() -> None:
    """This process is one of them."""
    assert read_all(patience_s=30)[os.getpid()] == read_one(os.getpid())


def test_a_process_that_hangs_costs_itself() -> None:
    """Another thread goes on; so many at most."""
    let_go = threading.Event()
    hanging = []

    def read(pid: int) -> Found | None:
        if pid in (os.getpid(), os.getppid()):
            hanging.append(pid)
            let_go.wait(60)
        return ONE

    began = time.monotonic()
    found = read_all(read, patience_s=30)
    assert time.monotonic() - began < 20
    let_go.set()
    assert set(hanging) == {os.getpid(), os.getppid()}
    assert set(hanging).isdisjoint(found)
    assert found


def test_if_all_hang_it_ends() -> None:
    """The threads are bounded, and so is the time."""
    let_go = threading.Event()
    hanging = []

    def read(pid: int) -> Found | None:
        hanging.append(pid)
        let_go.wait(60)
        return None

    began = time.monotonic()
    assert read_all(read, patience_s=5) == {}
    assert time.monotonic() - began < 10
    let_go.set()
    assert len(hanging) <= MOST_THREADS


def test_what_changed_meanwhile_is_not_sure() -> None:
    """Another process, another program, other arguments, or gone."""
    changes = {
        1: ONE,
        2: ONE._replace(ticks=8),
        3: ONE._replace(exe=b"/bin/y"),
        4: ONE._replace(args=b"y\0"),
    }
    assert confirmed(dict.fromkeys(range(1, 6), ONE), changes | {6: ONE}) == {1: ONE}
