# SPDX-License-Identifier: Apache-2.0
"""Each record has the wall time of its own moment, however often the clock was set meanwhile.

The clock of a virtual machine is set in all ways there are; that of any other machine is left
alone, and the same is asked of a run without a step, and of an agent in a time namespace.
"""

import calendar
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.host import clock_steps
from tests.host.agent import COMMAND, ROOT, Agent, Record, parse
from tests.host.views import proves
from tests.host.whole import instant

MACHINE = "KFLOWD_TEST_MACHINE" in os.environ
STEPS = list(clock_steps.STEPS) if MACHINE else []
BOOT_S, MONOTONIC_S = 200_003, 17
NAMESPACE = ["unshare", f"--boottime={BOOT_S}", f"--monotonic={MONOTONIC_S}", "-T", "--fork"]
YEAR_1971 = 365 * 86400
SLACK_NS = 20_000  # between two readings of the clocks


@contextmanager
def elsewhere(inside: str) -> Iterator[list[str]]:
    """Return what starts the agent, which may be in a time namespace."""
    if not inside:
        yield COMMAND
        return
    with subprocess.Popen([*NAMESPACE, "cat"], stdin=subprocess.PIPE) as holder:
        children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
        while not (listed := children.read_text().split()):
            time.sleep(0.01)
        space = Path(f"/proc/{listed[0]}/ns/time")
        assert space.readlink() != Path("/proc/self/ns/time").readlink()
        yield ["nsenter", f"--time={space}", *COMMAND]


def wall_ns(text: str) -> int:
    """Return nanoseconds since 1970 of a record's time."""
    moment, _, rest = text.removesuffix(" UTC").rpartition(".")
    return calendar.timegm(time.strptime(moment, "%a, %b %d %Y %H:%M:%S")) * 10**9 + int(rest)


def moments(records: list[Record], folder: Path) -> dict[str, int]:
    """Return when each file and socket of the workload was used, by their records."""
    found: dict[str, int] = {}
    for record in records:
        if record.get("FilePath") == f"{folder}/":
            name = record["File"]
        elif folder.name in record.get("SockAddress", "") and record.get("SockTxBytes"):
            name = record["SockAddress"]
        else:
            continue
        assert name not in found, record
        assert record["InfoTime"] == instant(record)
        found[name] = wall_ns(record["InfoTimestamp"])
    return found


def wrong(found: dict[str, int], times: clock_steps.Times) -> dict[str, tuple[float, float]]:
    """Return what is outside its times, by how many seconds it is behind the begin and the end."""
    return {
        name: ((found[name] - begin) / 1e9, (found[name] - end) / 1e9)
        for name, (begin, end) in times.items()
        if not begin - SLACK_NS <= found[name] <= end + SLACK_NS
    }


@proves("clock.step")
@pytest.mark.parametrize("inside", ["", "time namespace"])
def test_each_record_has_the_wall_time_of_its_moment(folder: Path, inside: str) -> None:
    """Before and behind each step, live and replayed."""
    work = folder / f"work-{os.getpid()}-{len(inside)}"
    work.mkdir()
    tape = folder / "tape"
    if MACHINE:
        time.clock_settime(time.CLOCK_REALTIME, YEAR_1971)
    with (
        elsewhere(inside) as command,
        Agent("--idle", "5", "--record", str(tape), command=command) as agent,
    ):
        done = subprocess.run(
            [sys.executable, "-m", "tests.host.clock_steps", str(work), *STEPS],
            check=True, capture_output=True, cwd=ROOT,
        )  # fmt: skip
        result = agent.stop()
    times = {name: (begin, end) for name, (begin, end) in json.loads(done.stdout).items()}
    assert len(times) == 2 * (2 + 2 * len(STEPS))
    found = moments(result.records, work)
    assert found.keys() == times.keys()
    assert not wrong(found, times)
    replayed = subprocess.run(
        [*COMMAND, "replay", str(tape), "-o", "json-min"], check=True, capture_output=True, cwd=ROOT
    )
    assert moments(parse(replayed.stdout), work) == found


def test_ages_and_times_in_a_time_namespace_are_those_of_the_kernel(folder: Path) -> None:
    """A file that idles is reported in time, and a process is as old as it is."""
    with elsewhere("time namespace") as command, Agent("--idle", "1", command=command) as agent:
        began = time.time_ns()
        with (folder / "idle").open("w") as file:
            file.write("x")
            file.flush()
            time.sleep(4)
            result = agent.stop()
    (record,) = [each for each in result.records if each.get("File") == "idle"]
    assert 0 <= wall_ns(record["InfoTimestamp"]) - began < 3_500_000_000
    assert 0 < float(record["ProcAge"]) < time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 0 < float(record["InfoUptime"]) < 600
