# SPDX-License-Identifier: Apache-2.0
"""The kernel side as families of Prometheus: its programs, its memory, what waits in the ring."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from kflowd.model import KernelLoad


def of_load(load: KernelLoad, age: float, *, timed: bool) -> Iterator[Metric]:
    """Yield the families.

    Args:
        load: What was seen.
        age: Seconds since then.
        timed: The kernel counts runs and their time: else there are none.
    """
    waited = load.waited
    for name, words, value in (
        ("drain_lag_seconds", "longest that a record waited for the drain", waited.lag_ns / 1e9),
        ("ring_used_bytes", "most that was in the ring", waited.ring_bytes),
        ("ring_size_bytes", "what the ring has room for", load.ring_size),
        ("backlog_bytes", "out of the ring and not worked on yet", waited.backlog_bytes),
        ("program_memory_bytes", "kernel memory of all programs", load.program_bytes),
        ("kernel_age_seconds", "since the kernel was asked: 1 at most, or the run lags", age),
    ):
        yield GaugeMetricFamily(f"kflowd_{name}", words, value=value)
    words = "kernel memory of a map"
    memory = GaugeMetricFamily("kflowd_map_memory_bytes", words, labels=["map"])
    for name, size in load.map_bytes.items():
        memory.add_metric([name], size)
    yield memory
    yield from _programs(load, timed=timed)


def _programs(load: KernelLoad, *, timed: bool) -> Iterator[Metric]:
    label = ["program"]
    words = "runs that the kernel skipped, of which a standby may have made some"
    misses = CounterMetricFamily("kflowd_program_misses", words, labels=label)
    runs = CounterMetricFamily("kflowd_program_runs", "runs of a BPF program", labels=label)
    seconds = CounterMetricFamily("kflowd_program_seconds", "what runs took", labels=label)
    for name, use in load.programs.items():
        misses.add_metric([name], use.misses)
        runs.add_metric([name], use.runs)
        seconds.add_metric([name], use.run_ns / 1e9)
    yield misses
    if timed:
        yield from (runs, seconds)
