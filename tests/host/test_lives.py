# SPDX-License-Identifier: Apache-2.0
"""Process records of very many processes, in nested PID namespaces too: none more, none less.

KFLOWD_TEST_PROCESSES says how many there are; 100003 take some minutes and 2 GB.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.host import forking
from tests.host.agent import Agent, Record, health_records, losses, parse

PROCESSES = int(os.environ.get("KFLOWD_TEST_PROCESSES", "5003"))
DEPTHS = (0, 1, 3)
SHARE = PROCESSES // len(DEPTHS)


def many(depth: int) -> int:
    """Run as many processes as one has to fork; return the pid of the one that began."""
    command = [sys.executable, "-I", "-S", forking.__file__, str(depth), str(SHARE)]
    with subprocess.Popen(command) as process:
        assert process.wait(timeout=3600) == 0
    return process.pid


def test_each_process_has_one_record() -> None:
    """With its own exit code and parent, and nobody else's; and its parent has so many children."""
    with Agent("-m", "process") as agent:
        began = dict(zip(map(many, DEPTHS), DEPTHS, strict=True))
        result = agent.stop()
    assert result.exit_code == 0
    assert losses(result.records) == {}
    assert health_records(result.records)[-1]["HealthProcessesUnknown"] == 0

    records = [it for it in result.records if it["InfoMonitor"] == "process"]
    assert {it["InfoMonitor"] for it in result.records} == {"process", "health"}
    forkers = {it["ProcPID"]: it for it in records if it["ProcChildren"] == SHARE}
    assert len(forkers) == len(DEPTHS)
    for pid, forker in forkers.items():
        (depth,) = (began[each] for each in [pid, *ancestors(forker)] if each in began)
        assert forker["ProcEvents"] == {"FORK": 1, "EXIT": 1} | ({} if depth else {"EXEC": 1})
        check_children(forker, [it for it in records if it["ProcPPID"] == pid])
    whole = Counter((it["ProcPID"], it["ProcStartTime"]) for it in records if "ProcEndTime" in it)
    assert set(whole.values()) == {1}


def ancestors(record: Record) -> list[int]:
    """Return the pids above a process."""
    return [each["Pid"] for each in record["ProcAncestors"]]


def check_children(forker: Record, children: list[Record]) -> None:
    """Check that these are the children of one that has forked its share of them."""
    assert len(children) == SHARE
    codes = Counter(it["ProcExitCode"] for it in children)
    assert codes == Counter(at % forking.CODES for at in range(SHARE))
    of_all = {"ProcEvents": {"FORK": 1, "EXIT": 1}, "ProcExe": forker["ProcExe"]}
    of_all |= {"ProcFilesWritten": 0, "ProcConnections": 0, "ProcChildren": 0}
    different = [it for it in children if {key: it.get(key) for key in of_all} != of_all]
    assert different == []
    assert len({it["ProcPidNS"] for it in children} | {forker["ProcPidNS"]}) == 1


def test_a_replay_has_the_same_records(tmp_path: Path) -> None:
    """Byte for byte, what is monitored too: the recording knows it."""
    recording = tmp_path / "recording"
    with Agent("-m", "process", "--record", str(recording)) as agent:
        subprocess.run(["sh", "-c", "(exit 3); kill -9 $$"], check=False)
        result = agent.stop()
    command = [sys.executable, "-m", "kflowd", "replay", "-o", "json-min", str(recording)]
    replayed = subprocess.run(command, check=True, capture_output=True).stdout
    records = [it for it in result.records if it["InfoMonitor"] == "process"]
    assert [it for it in parse(replayed) if it["InfoMonitor"] == "process"] == records
    ends = [it.get("ProcExitSignal", it.get("ProcExitCode")) for it in records]
    assert {3, "SIGKILL"} <= set(ends)
