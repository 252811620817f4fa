# SPDX-License-Identifier: Apache-2.0
"""Which program a file record names: the one that did it, whatever its process ran else."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.host.agent import Agent, Record, Result, file_records, health_records
from tests.host.images import OPENED, PYTHON, SH, SHELL, WORKLOADS, Did, prepare
from tests.host.one_run import seen_soon
from tests.host.operations import forked
from tests.host.whole import MAY_TRACE
from tests.host.workloads import Done


class Run(NamedTuple):
    """What one agent saw of all workloads."""

    result: Result
    base: Path
    done: dict[str, Done]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run every workload under one agent that ends no aggregate for idleness."""
    base = tmp_path_factory.mktemp("images").resolve()
    for name in WORKLOADS:
        prepare(base / name)
    with Agent("-m", "file", "-t", "600") as agent:
        done = {name: forked(WORKLOADS[name].work, base / name) for name in WORKLOADS}
        return Run(agent.stop(), base, done)


def did(record: Record) -> Did:
    """Return what a record says that a program did."""
    # what ran before the agent has no arguments
    return Did(record["ProcExe"], record["FileEvents"], record.get("ProcArgs", [""])[-1])


def told(name: str, done: Iterable[Did]) -> list[Did]:
    """Return what programs did, without events that this attach mode may see or not."""
    unseen = WORKLOADS[name].unseen if MAY_TRACE else ()
    found = []
    for program, events, argument in done:
        left = {event: count for event, count in events.items() if event not in unseen}
        if left:
            found.append(Did(program, left, argument))
    return found


def compared(found: list[Did], wanted: list[Did]) -> list[Any]:
    """Return what was found in order, without arguments where none are wanted."""
    named = {each.argument for each in wanted}
    return sorted(
        (each.program, sorted(each.events.items()), each.argument * (each.argument in named))
        for each in found
    )


@pytest.mark.parametrize(
    ("name", "file"), [(name, file) for name, images in WORKLOADS.items() for file in images.files]
)
def test_a_record_names_who_did_it(name: str, file: str, seen: Run) -> None:
    """Each program has a record of exactly what it did, and no other has one."""
    records = [
        each for each in file_records(seen.result.records, seen.base / name) if each["File"] == file
    ]
    wanted = told(name, WORKLOADS[name].files[file])
    found = told(name, map(did, records))
    assert compared(found, wanted) == compared(wanted, wanted)
    assert [each.get("FileNotes") for each in records] == [None] * len(records)
    names = {Path(each["ProcExe"]).name == each["Proc"].partition("/")[0] for each in records}
    assert names <= {True}


@pytest.mark.parametrize("name", [name for name, it in WORKLOADS.items() if len(it.files) > 1])
def test_programs_of_one_process(name: str, seen: Run) -> None:
    """What a process did in one program and in the next has its number and its beginning."""
    mine = file_records(seen.result.records, seen.base / name)
    assert len({each["ProcPID"] for each in mine}) == 1
    if name != "spawn":
        assert {each["ProcPID"] for each in mine} == {seen.done[name].pid}


def test_a_child_of_another_than_its_creator(seen: Run) -> None:
    """CLONE_PARENT: the program is the creator's, the parent is as the kernel has it."""
    (record,) = (
        each
        for each in file_records(seen.result.records, seen.base / "born")
        if each["File"] == "out"
    )
    assert record["ProcParent"] == Path(SHELL).name
    assert record["ProcArgs"][:4] == [PYTHON, "-I", "-S", "-c"]


def test_nothing_is_lost(seen: Run) -> None:
    """What was seen is reported, event by event, and no table was too small."""
    health = health_records(seen.result.records)[-1]
    files = [each for each in seen.result.records if each["InfoMonitor"] == "filesystem"]
    assert health["HealthFileEvents"] == health["HealthFileReported"]
    assert health["HealthFileReported"] == sum(each["FileEventCount"] for each in files)
    assert health["HealthNamesLost"] == 0


def test_an_exec_ends_what_the_program_before_did(folder: Path) -> None:
    """It is reported soon, while the process goes on, and nobody calls it stale."""
    hold, release = os.pipe()
    with Agent("-m", "file", "-t", "600") as agent:
        child = os.fork()
        if child == 0:
            os.close(release)
            os.dup2(hold, 0)
            os.dup2(os.open(folder / "out", os.O_CREAT | os.O_WRONLY), 7)
            os.execv(SH, ("sh", "-c", "read line; echo x >&7"))
        os.close(hold)
        soon = seen_soon(agent, lambda it: it.get("ProcPID") == child and it["File"] == "out")
        os.close(release)
        os.waitpid(child, 0)
        result = agent.stop()
    assert soon
    first, *_ = (each for each in file_records(result.records, folder) if each["File"] == "out")
    assert did(first)[:2] == (PYTHON, OPENED)
    assert "FileNotes" not in first
