# SPDX-License-Identifier: Apache-2.0
import os
from typing import Any

import msgspec
import pytest

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
    forked = seen(ts_ns=6 * SECOND, process=child, source=ProcessSource.FORK, exe="", args=())
    later = msgspec.structs.replace(SHELL, ts_ns=9 * SECOND, exe="/usr/bin/later")
    processes = table(SHELL, forked, later)
    found = processes.find((51, 6 * SECOND), 7 * SECOND)
    assert found is not None
    assert found.name == "bash"
    assert (found.seen.exe, found.seen.args) == ("/usr/bin/bash", SHELL.args)


def test_a_snapshot_does_not_hide_an_exec() -> None:
    """What ran before kflowd and what it saw are the same process."""
    processes = table(seen(), seen(source=ProcessSource.SNAPSHOT, ts_ns=9 * SECOND, args=()))
    found = processes.find((100, 5 * SECOND), 10 * SECOND)
    assert found is not None
    assert found.seen.args == ("curl", "-s")


def test_images_of_one_process_are_bounded() -> None:
    """A process that executes forever keeps the last few images."""
    processes = table(*(seen(ts_ns=n, exe=f"/bin/p{n}") for n in range(100)))
    identity = (seen().process.tgid, seen().process.start_ns)
    last, first = processes.find(identity, 99), processes.find(identity, 0)
    assert last is not None
    assert first is not None
    assert (last.name, first.name) == ("p99", "p96")


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
