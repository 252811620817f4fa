# SPDX-License-Identifier: Apache-2.0
"""Prints what kflowd costs here: `make bench`, as root. Figures and no tests: hosts are busy."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kflowd.bpf.source import Source, own_tgid
from kflowd.contract import layout
from kflowd.settings import TraceSettings
from tests.bench.applications import application_costs
from tests.bench.enrichers import run_costs, stage_costs
from tests.bench.http import http_costs
from tests.bench.laps import lap_costs
from tests.bench.plugins import plugin_costs
from tests.bench.stages import table, where_costs
from tests.bench.two_sinks import two_sinks
from tests.host.agent import COMMAND, ROOT, Agent, run
from tests.host.workloads import start

FILES = 20_011
DRAIN_RING_BYTES = 64 << 20
STARTS = 5


class Drained(NamedTuple):
    """What came out of a full ring."""

    records: int
    ring_bytes: int
    seconds: float


def sizes(batch: bytes) -> Iterator[int]:
    """Return the sizes of the records in a batch."""
    header = layout("struct kf_header")
    offset = 0
    while offset < len(batch):
        size: int = header.unpack_from(batch, offset)[header.index["size"]]
        yield size
        offset += size + -size % 8


def drain(folder: str) -> Drained:
    """Fill a large ring with file records while nobody reads, then empty it."""
    config = TraceSettings(monitor=frozenset({"file"}), ring_bytes=DRAIN_RING_BYTES)
    with Source(config, self_tgid=own_tgid()) as source:
        while source.drain(0):
            pass
        start("write_many", folder, FILES)
        batches = []
        began = time.perf_counter()
        while batch := source.drain(0):
            batches.append(batch)
        seconds = time.perf_counter() - began
    counted = [size for batch in batches for size in sizes(batch)]
    return Drained(len(counted), sum(counted), seconds)


def first_record(folder: str) -> float:
    """Return the seconds from the start of the program to its first record on a busy host."""
    command = [*COMMAND, "-m", "file", "-o", "json-min", "--count", "1"]
    with subprocess.Popen(
        ["sh", "-c", "while :; do : >$0/first; sleep 0.01; done", folder]
    ) as busy:
        began = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
        ) as agent:
            assert agent.stdout is not None
            agent.stdout.read(1)
            seconds = time.perf_counter() - began
            agent.stdout.read()
        busy.kill()
    return seconds


def running(folder: str) -> list[str]:
    """Return the cost of a run with many file records: CPU, memory, bytes."""
    with Agent("-m", "file") as agent:
        before = agent.cpu_seconds()
        start("write_many", folder, FILES)
        time.sleep(3)
        spent = agent.cpu_seconds() - before
        status = Path(f"/proc/{agent.process.pid}/status").read_text()
        result = agent.stop()
    rss = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    count = len(result.records)
    return [
        f"live, CPU per record, all of user space: {spent / count * 1e6:.1f} us ({count} records)",
        f"resident memory after that: {int(rss) / 1024:.1f} MiB",
        f"JSON (json-min) per record: {len(result.stdout) / count:.0f} bytes",
    ]


def main() -> None:
    """Print all figures."""
    print(table())
    print(f"\n{where_costs()}")
    print(f"\n{stage_costs()}")
    print(f"\n{application_costs()}")
    print(f"\n{plugin_costs()}")
    print(f"\n{lap_costs()}")
    report = json.loads(run("doctor", "--json").stdout)
    kernel_bytes = report["map_bytes"] + report["program_bytes"]
    print(f"\nkernel memory, maps and programs: {kernel_bytes / 2**20:.1f} MiB")
    print(f"\n{http_costs()}")
    with tempfile.TemporaryDirectory() as folder:
        drained = drain(folder)
        rate = drained.records / drained.seconds / 1e6
        print(f"drain: {rate:.2f} M records/s ({drained.records} records)")
        print(f"ring: {drained.ring_bytes / drained.records:.0f} bytes per record")
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(running(folder)))
        print(run_costs(FILES))
        print(two_sinks())
        starts = sorted(first_record(folder) for _ in range(STARTS))
        print(
            f"start to first record: {starts[0]:.2f} s at best, {starts[STARTS // 2]:.2f} s median"
        )


if __name__ == "__main__":
    main()
