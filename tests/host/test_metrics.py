# SPDX-License-Identifier: Apache-2.0
"""Metrics of the real agent, while it runs."""

import time
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.host.agent import Agent, health_records, run
from tests.host.test_outputs import closed_port

FILES = 307


def asked(port: int) -> dict[str, float]:
    """Return the numbers without labels, by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {it.name: it.value for family in families for it in family.samples if not it.labels}


def test_metrics_follow_a_run(folder: Path) -> None:
    """They are what the last health record says, and their own connections are no records."""
    port = closed_port()
    with Agent("--listen", f"127.0.0.1:{port}", "-m", "file") as agent:
        for number in range(FILES):
            (folder / f"file{number}").write_bytes(b"x")
        agent.settle()
        time.sleep(2)
        found = asked(port)
        result = agent.stop()

    assert result.exit_code == 0, result.stderr
    assert found["kflowd_records_total"] >= FILES
    assert found["kflowd_file_events_total"] >= 4 * FILES
    assert found["kflowd_file_records_total"] >= FILES
    assert found["kflowd_file_lost_ring_total"] == 0
    assert found["process_resident_memory_bytes"] > 1 << 20
    last = health_records(result.records)[-1]
    assert found["kflowd_file_events_total"] <= last["HealthFileEvents"]


def test_an_address_in_use_is_one_line() -> None:
    """Before anything is loaded."""
    port = closed_port()
    with Agent("--listen", f"127.0.0.1:{port}", "-m", "file"):
        done = run("--listen", f"127.0.0.1:{port}", "--duration", "1")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"kflowd: metrics: listening at 127.0.0.1:{port}: Address already in use"
    )
