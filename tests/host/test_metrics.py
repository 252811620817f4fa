# SPDX-License-Identifier: Apache-2.0
"""Metrics of the real agent, while it runs."""

import time
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.host.agent import Agent, health_records, run
from tests.host.test_outputs import closed_port

FILES = 307
STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
Found = dict[str, dict[tuple[str, ...], float]]


def asked(port: int) -> Found:
    """Return the numbers by name, and by the values of their labels."""
    found: Found = {}
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        for family in text_string_to_metric_families(answer.read().decode()):
            for it in family.samples:
                found.setdefault(it.name, {})[tuple(it.labels.values())] = it.value
    return found


def test_metrics_follow_a_run(folder: Path) -> None:
    """They are what the last health record says, and their own connections are no records."""
    port = closed_port()
    with Agent("--listen", f"127.0.0.1:{port}", "-m", "file") as agent:
        for number in range(FILES):
            (folder / f"file{number}").write_bytes(b"x")
        agent.settle()
        time.sleep(2)
        found = asked(port)
        map_bytes = agent.map_bytes()
        result = agent.stop()

    assert result.exit_code == 0, result.stderr
    single = {name: values[()] for name, values in found.items() if () in values}
    assert single["kflowd_records_total"] >= FILES
    assert single["kflowd_file_events_total"] >= 4 * FILES
    assert single["kflowd_file_records_total"] >= FILES
    assert single["kflowd_file_lost_ring_total"] == 0
    assert single["process_resident_memory_bytes"] > 1 << 20
    last = health_records(result.records)[-1]
    assert single["kflowd_file_events_total"] <= last["HealthFileEvents"]

    # the kernel side: what waited, its memory, its programs
    assert 0 < single["kflowd_drain_lag_seconds"] < 30
    assert 0 < single["kflowd_ring_used_bytes"] <= single["kflowd_ring_size_bytes"] == 8 << 20
    assert single["kflowd_kernel_age_seconds"] < 3
    maps = sum(found["kflowd_map_memory_bytes"].values())
    assert 1 << 20 < maps <= map_bytes
    assert single["kflowd_program_memory_bytes"] > 1 << 12
    assert len(found["kflowd_program_misses_total"]) > 5
    assert "kflowd_program_runs_total" not in found
    # and what user space took
    stages = found["kflowd_stage_cpu_seconds_total"]
    assert all(stages[stage,] > 0 for stage in ("load", "drain", "enrich", "serialize"))
    assert sum(stages.values()) < single["process_cpu_seconds_total"]
    assert found["kflowd_output_queue_age_seconds"] == {("stdout",): 0}


def test_times_of_programs_are_counted_for_a_run_that_wants_them(folder: Path) -> None:
    """As long as it lasts; the setting of the host stays as it is."""
    before = STATS.read_text()
    port = closed_port()
    options = ("--listen", f"127.0.0.1:{port}", "--program-times", "-m", "file")
    with Agent(*options) as agent:
        for number in range(FILES):
            (folder / f"file{number}").write_bytes(b"x")
        agent.settle()
        time.sleep(2)
        found = asked(port)
        assert STATS.read_text() == before
        agent.stop()
    runs, seconds = found["kflowd_program_runs_total"], found["kflowd_program_seconds_total"]
    assert max(runs.values()) >= FILES
    busiest = max(runs, key=lambda it: runs[it])
    assert 0 < seconds[busiest] / runs[busiest] < 1e-3


def test_an_address_in_use_is_one_line() -> None:
    """Before anything is loaded."""
    port = closed_port()
    with Agent("--listen", f"127.0.0.1:{port}", "-m", "file"):
        done = run("--listen", f"127.0.0.1:{port}", "--duration", "1")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"kflowd: metrics: listening at 127.0.0.1:{port}: Address already in use"
    )


def test_a_graphite_that_is_away_ends_no_run() -> None:
    """It costs the metrics that it does not get, which are counted; the end is not late."""
    where = f"127.0.0.1:{closed_port()}"
    with Agent("--graphite", where, "--interval", "1s", "-m", "file") as agent:
        time.sleep(3)
        began = time.monotonic()
        result = agent.stop()
        assert time.monotonic() - began < 5
    assert result.exit_code == 0, result.stderr
    assert f"  metrics, graphite {where}: 0 written, " in result.stderr
