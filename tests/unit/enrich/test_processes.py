# SPDX-License-Identifier: Apache-2.0
import os
from typing import Any

import msgspec
import pytest

from kflowd.enrich import processes as processes_module
from kflowd.enrich.processes import Processes, process_name
from kflowd.model import ProcessExit, ProcessSeen, ProcessSource
from tests.unit.make import SECOND, process, seen

SHELL = seen(process=process(tgid=50, start_ns=3 * SECOND, comm="bash"), exe="/usr/bin/bash")


def table(*values: ProcessSeen) -> Processes:
    made = Processes()
    for value in values:
        made.add(value)
    return made


@pytest.mark.parametrize(
    ("exe", "comm", "name"),
    [
        ("curl", "curl", "curl"),
        ("dash", "sh", "dash/sh"),
        ("python3.11", "script", "python3.11/script"),
        ("systemd-journald", "systemd-journal", "systemd-journald"),
        ("sh", "sh-worker", "sh"),
        ("", "kworker/0:1", "kworker/0:1"),
        ("", "gone", "gone"),
        ("curl", "", "curl"),
        ("fünfzehn-zeichen", "fünfzehn-zeich\udcc3", "fünfzehn-zeichen/fünfzehn-zeich\udcc3"),
        ("fünfzehn-zeichä", "fünfzehn-zeich\udcc3", "fünfzehn-zeichä"),
    ],
)
def test_names_follow_the_contract(exe: str, comm: str, name: str) -> None:
    """The executable, with the task's name where that is another."""
    assert process_name(exe, comm) == name


def test_a_forked_process_runs_what_its_parent_ran() -> None:
    """No string crosses with a fork: program and arguments are those of the parent at that time."""
    child = process(
        tgid=51, start_ns=6 * SECOND, ppid=50, parent_start_ns=3 * SECOND, comm="renamed"
    )
    forked = seen(
        ts_ns=6 * SECOND,
        process=child,
        source=ProcessSource.FORK,
        exe="",
        args=(),
        creator=(50, 3 * SECOND),
        workdir="/tmp",
        tty="pts/3",
    )
    later = msgspec.structs.replace(SHELL, ts_ns=9 * SECOND, exe="/usr/bin/later")
    processes = table(SHELL, forked, later)
    found = processes.find((51, 6 * SECOND), 7 * SECOND)
    assert found is not None
    assert found.name == "bash"
    assert (found.seen.exe, found.seen.args) == ("/usr/bin/bash", SHELL.args)
    # where it began is its own: the parent may have gone there since its exec
    assert (SHELL.workdir, found.seen.workdir, found.seen.tty) == ("", "/tmp", "pts/3")


def test_a_snapshot_does_not_hide_an_exec() -> None:
    """What ran before kflowd and what it saw are the same process."""
    processes = table(seen(), seen(source=ProcessSource.SNAPSHOT, ts_ns=9 * SECOND, args=()))
    found = processes.find((100, 5 * SECOND), 10 * SECOND)
    assert found is not None
    assert found.seen.args == ("curl", "-s")


def test_a_child_runs_the_program_of_its_creator() -> None:
    """CLONE_PARENT: the parent is another, and so is its program."""
    other = process(tgid=60, start_ns=4 * SECOND, comm="dash")
    child = process(tgid=61, start_ns=6 * SECOND, ppid=60, parent_start_ns=4 * SECOND)
    forked = seen(ts_ns=6 * SECOND, process=child, source=ProcessSource.FORK, exe="", args=())
    forked = msgspec.structs.replace(forked, creator=(50, 3 * SECOND))
    processes = table(SHELL, seen(process=other, exe="/usr/bin/dash"), forked)
    found = processes.find((61, 6 * SECOND), 7 * SECOND)
    assert found is not None
    assert (found.name, found.seen.args) == ("bash", SHELL.args)


def chain(count: int, step_ns: int) -> Processes:
    """Return a table of one process that runs a program at each step."""
    return table(
        *(seen(ts_ns=n * step_ns, process=process(execs=n), exe=f"/bin/p{n}") for n in range(count))
    )


def program(processes: Processes, execs: int) -> str | None:
    """Return the name of the program that ran by a number."""
    image = processes.find_acting(process(execs=execs), 1 << 62)
    return image.name if image else None


def test_images_of_one_process_are_bounded() -> None:
    """A process that executes forever keeps the last few images, and those of some seconds."""
    slow = chain(100, 20 * SECOND)
    assert [program(slow, n) for n in (99, 95, 94, 0)] == ["p99", "p95", None, None]
    fast = chain(2000, SECOND // 100)
    assert [program(fast, n) for n in (1999, 1000, 995, 980)] == ["p1999", "p1000", "p995", None]


def test_images_of_all_processes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast programs follow each other: the oldest go first."""
    monkeypatch.setattr(processes_module, "MAX_OLDER", 20)
    fast = chain(100, 1)
    assert [program(fast, n) for n in (99, 76, 75)] == ["p99", "p76", None]
    assert len(fast.images[100, 5 * SECOND]) == 24


def test_a_program_is_found_by_its_number() -> None:
    """Not by time: a record may come late, and carry the time of what came after."""
    processes = chain(3, SECOND)
    assert [program(processes, n) for n in range(4)] == ["p0", "p1", "p2", None]


def numbered(number: int, **changes: Any) -> ProcessSeen:
    return seen(process=process(tgid=number), **changes)


def test_the_table_is_bounded_and_the_exited_go_first() -> None:
    """Exits keep their entry for a while; running processes are dropped last, and counted."""
    processes = Processes(max_processes=20, max_exited=5)
    for number in range(200):
        processes.add(numbered(number))
        if number >= 10:
            processes.exit(ProcessExit(1, process(tgid=number)))
    assert len(processes.images) == 15
    assert processes.stats.evicted == 0
    for number in range(200, 300):
        processes.add(numbered(number))
    assert len(processes.images) == 20
    assert processes.stats.evicted == 90


def test_processes_are_found_by_number_and_start() -> None:
    """The number of a process alone is not enough."""
    processes = table(SHELL, seen())
    found = processes.find((100, 5 * SECOND), 10 * SECOND)
    assert found is not None
    assert found.name == "curl"
    assert processes.find((100, 99 * SECOND), 100 * SECOND) is None


def test_what_comes_and_goes_is_observed() -> None:
    """The stage hands both kinds of value to one method."""
    processes = Processes(max_exited=0)
    processes.observe(seen())
    assert len(processes.images) == 1
    processes.observe(ProcessExit(1, process()))
    assert len(processes.images) == 0


def test_who_has_left_its_namespaces_to_exit_has_those_of_its_own_exit() -> None:
    """Those of another thread may be others, and are nobody else's."""
    processes = table(SHELL, seen())
    processes.exit(ProcessExit(1, process(tid=7, mnt_ns=11, net_ns=13)))

    left = process(tid=7, mnt_ns=0, net_ns=0)
    other = process(tid=8, mnt_ns=0, net_ns=0)
    assert processes.at_home(left) == process(tid=7, mnt_ns=11, net_ns=13)
    assert processes.at_home(other) == other
    inside = process(tid=8, mnt_ns=17)
    assert processes.at_home(inside) == inside


def test_the_exit_of_an_unknown_process_is_no_error() -> None:
    """Its start was lost or before kflowd."""
    processes = Processes()
    processes.exit(ProcessExit(1, process()))
    assert len(processes.images) == 0


def test_names_do_not_depend_on_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are compared as bytes without the locale's charset, which may lack their letters."""
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("latin-1"))
    name = "\u65e5\u672c\u8a9e" * 2
    cut = name.encode()[:14].decode("utf-8", "surrogateescape")
    assert process_name(name, cut) == name
