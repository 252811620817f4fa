# SPDX-License-Identifier: Apache-2.0
"""More at once than ring and consumer can take: nothing is lost unsaid, and no name is lost."""

import os
import re
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.host.agent import ATTACH_MODE, Agent, Record, Result, file_records
from tests.host.flooded import bounded
from tests.host.readers import Pipe
from tests.host.storm import run

# an emulated machine does a twentieth of this host's work
FILES = 5003 if ATTACH_MODE else 50021
TINY = ("--ring-bytes", "65536")
STOPPED_SECONDS = 10


def events_of(records: list[Record]) -> Counter[str]:
    """Return the events of records, added up."""
    events: Counter[str] = Counter()
    for record in records:
        events.update(record["FileEvents"])
    return events


def books(result: Result) -> Record:
    """Check that seen = reported + lost, for events and for names, and return the counters."""
    health = result.records[-1]
    files = [each for each in result.records if "FileEvents" in each]
    reported = sum(each["FileEventCount"] for each in files)
    nameless = sum(not each["File"] for each in files)

    assert health["HealthFileReported"] == reported
    lost = health["HealthFileLostMap"] + health["HealthFileLostRing"]
    assert health["HealthFileEvents"] == reported + lost
    assert health["HealthFileRecords"] == len(files)
    assert health["HealthNamesLost"] == nameless
    line = f"file names: {len(files)} seen, {len(files) - nameless} reported, {nameless} lost"
    assert line in result.stderr
    return health


def check_lives(records: list[Record], files: int) -> None:
    """Check that each file that storm.life made is there with its last name and all its events."""
    named = {each["File"] for each in records}
    renamed = {each["File"]: each["FileOrigin"] for each in records if "FileOrigin" in each}
    assert renamed == {f"g{number}": f"f{number}" for number in range(files)}
    assert named - set(renamed) <= set(renamed.values())
    each = ("CREATE", "OPEN", "MODIFY", "CLOSE_WRITE", "MOVED_FROM", "MOVED_TO", "DELETE")
    assert events_of(records) == dict.fromkeys(each, files)


def stopped(agent: Agent, workload: str, *arguments: str | int | Path) -> None:
    """Run a workload while the consumer is stopped."""
    agent.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    run(workload, *arguments).communicate()
    time.sleep(max(0, STOPPED_SECONDS - (time.monotonic() - began)))
    agent.process.send_signal(signal.SIGCONT)


def test_a_storm_loses_nothing(folder: Path) -> None:
    """At default sizes each of 50,021 files is reported with its names; says what that costs."""
    seconds = {}
    (folder / "bare").mkdir()
    seconds["bare"] = float(run("many", folder / "bare", FILES, 2).communicate()[0].split()[0])
    with Agent("-m", "file") as agent:
        with bounded(agent, "storm"):
            seconds["watched"] = float(run("many", folder, FILES, 2).communicate()[0].split()[0])
            agent.settle()
        result = agent.stop()

    print({name: f"{FILES / each:.0f} files/s" for name, each in seconds.items()})
    health = books(result)
    assert health["HealthFileEvents"] == health["HealthFileReported"]
    assert health["HealthNamesLost"] == 0
    mine = file_records(result.records, folder)
    check_lives(mine, FILES)
    assert len(mine) <= 3 * FILES


def test_a_stopped_consumer_costs_no_name(folder: Path) -> None:
    """10 s without a reader and a ring of 64 KiB: what waits in the maps has its names."""
    files = 4001
    with Agent("-m", "file", *TINY) as agent:
        stopped(agent, "many", folder, files, 2)
        result = agent.finish()

    health = books(result)
    assert health["HealthFileLostMap"] + health["HealthFileLostRing"] == 0
    assert health["HealthNamesLost"] == 0
    check_lives(file_records(result.records, folder), files)


def test_an_output_that_stalls_costs_no_name(folder: Path) -> None:
    """What nobody reads while files come and go has its names when it is read."""
    files = 4001
    with Pipe() as pipe, Agent("-m", "file", stdout=pipe.writer) as agent:
        with bounded(agent, "storm, output stalled"):
            run("many", folder, files, 2).communicate()
            agent.settle()
        assert len(pipe) == 0
        pipe.read()
        result = agent.stop()
        result = result._replace(records=pipe.records())

    health = books(result)
    assert health["HealthFileEvents"] == health["HealthFileReported"]
    assert health["HealthNamesLost"] == 0
    check_lives(file_records(result.records, folder), files)


def test_hard_links_keep_their_names_apart(folder: Path) -> None:
    """A file that waits under one name is not reported under another."""
    files = 1009
    with Agent("-m", "file", *TINY) as agent:
        stopped(agent, "names", folder, files)
        result = agent.finish()

    assert books(result)["HealthNamesLost"] == 0
    mine = file_records(result.records, folder)
    deleted = {each["File"] for each in mine if "DELETE" in each["FileEvents"]}
    assert {f"one{number}" for number in range(files)} <= deleted
    linked = Counter(each["File"] for each in mine if each["File"].startswith("two"))
    assert set(linked) == {f"two{number}" for number in range(files)}
    created = sum(each["FileEvents"].get("CREATE", 0) for each in mine)
    assert created == 3 * files


def test_what_finds_no_room_is_counted(folder: Path) -> None:
    """Neither ring nor maps can hold it: seen = reported + lost, and so for names."""
    with Agent("-m", "file", *TINY, "--file-entries", "101") as agent:
        stopped(agent, "many", folder, 2003, 2)
        result = agent.finish()

    health = books(result)
    assert health["HealthFileLostMap"] > 0
    lost = health["HealthFileLostMap"] + health["HealthFileLostRing"]
    assert re.search(
        rf"file events: .* {lost + health['HealthFileLostPending']} lost", result.stderr
    )
    mine = file_records(result.records, folder)
    assert mine
    assert 7 * 2003 - lost <= sum(events_of(mine).values()) < 7 * 2003


@pytest.mark.parametrize(("hogs", "share"), [(1, 4096 // 2), (3, 4096 * 3 // 4)])
def test_a_hog_has_its_share(hogs: int, share: int, folder: Path) -> None:
    """Who fills the table of files, by one process or many, takes no room from others."""
    held, victims = 5003 // hogs, 401
    (folder / "victim").mkdir()
    with ExitStack() as stack, Agent("-m", "file", *TINY, "--file-entries", "4096") as agent:
        agent.process.send_signal(signal.SIGSTOP)
        with bounded(agent, f"{hogs} hogs"):
            pids = []
            for number in range(hogs):
                (folder / f"hog{number}").mkdir()
                hog = stack.enter_context(run("opened", folder / f"hog{number}", held))
                assert hog.stdout
                assert hog.stdout.readline() == "open\n"
                pids.append(hog.pid)
            run("many", folder / "victim", victims, 1).communicate()
        agent.process.send_signal(signal.SIGCONT)
        stack.close()
        result = agent.finish()

    health = books(result)
    assert health["HealthFileLostMap"] > 0  # the hogs'
    assert health["HealthNamesLost"] == 0
    check_lives(file_records(result.records, folder / "victim"), victims)
    mine = [each for each in result.records if each.get("ProcPID") in pids]
    kept = {each["FilePath"] + each["File"] for each in mine if each["File"].startswith("held")}
    assert share - 50 <= len(kept) < held * hogs


def test_no_user_takes_the_room_of_root(folder: Path) -> None:
    """User 4181, whose hash without a salt is that of root, has a share of its own."""
    held, victims = 6211, 401
    (folder / "victim").mkdir()
    with ExitStack() as hogs, Agent("-m", "file", *TINY) as agent:
        agent.process.send_signal(signal.SIGSTOP)
        for number in range(2):  # more than three quarters of the table
            mine = folder / f"hog{number}"
            mine.mkdir()
            hog = hogs.enter_context(run("opened", mine, held, 4181))
            assert hog.stdout
            assert hog.stdout.readline() == "open\n"
        run("many", folder / "victim", victims, 1).communicate()
        agent.process.send_signal(signal.SIGCONT)
        hogs.close()
        result = agent.finish()

    assert books(result)["HealthFileLostMap"] > 0  # the hogs'
    check_lives(file_records(result.records, folder / "victim"), victims)


def test_a_lost_exec_is_said(folder: Path) -> None:
    """A program whose exec found no room is not taken for the one before it."""
    shell = Path("/bin/sh").resolve().name
    true = shell if shell.startswith("sh") else f"{shell}/sh"
    with Agent("-m", "file", *TINY) as agent:
        agent.process.send_signal(signal.SIGSTOP)
        with run("executed", folder, 2003) as process:
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "early\n"
            agent.process.send_signal(signal.SIGCONT)
            time.sleep(4)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "late\n"
        result = agent.finish()

    health = books(result)
    assert health["HealthProcLostRing"] > 0
    (early,) = (each for each in result.records if each.get("File") == "early")
    told = (early["Proc"], early.get("ProcNotes", [None])[0])
    assert told in {(true, None), ("sh", "PROCESS_INCOMPLETE"), ("sh", "UNKNOWN_PROCESS")}
    # the processes have been listed again since
    (late,) = (each for each in result.records if each.get("File") == "late")
    assert (late["Proc"], late.get("ProcNotes")) == (true, None)
    assert late["ProcExe"] == os.path.realpath("/bin/sh")
