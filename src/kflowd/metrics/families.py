# SPDX-License-Identifier: Apache-2.0
"""What is counted as families of Prometheus: made from the keys of health records.

HealthFileEvents is kflowd_file_events_total, with the words that docs/fields.md has.
"""

import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from kflowd.delivery import Waiting
from kflowd.metrics.load import of_load
from kflowd.model import KernelLoad
from kflowd.serialize import OutputCounters, UserCounters
from kflowd.serialize.blocks.health import OUTPUT, HealthKernel, HealthUser
from kflowd.serialize.build import health_key
from kflowd.serialize.keys import Says

PREFIX = "kflowd_"
# What can become less.
_GAUGES = {"HealthRecordsWaiting"}
# Fields of OutputCounters that are parts of what was lost, and why.
_LOST = {
    field: field.removeprefix("lost_")
    for field in OutputCounters.__struct_fields__
    if field.startswith("lost_")
}


class Counted(NamedTuple):
    """What a run has counted so far.

    Attributes:
        kernel: The kernel's counters by the key that they have in health records; {}: not asked.
        missed: Program runs that the kernel skipped.
        user: User space's counters.
        records: Records that were made.
        outputs: What each output did; Graphite is one more.
        waiting: What waits for each output, by its name.
        output_seconds: Processor time of each output's thread, by its name.
        stage_seconds: Processor time of the run loop, by stage.
        load: How the kernel side does; None: not asked.
        load_age: Seconds since it was asked.
        timed: The kernel counts runs of programs and their time.
    """

    kernel: Mapping[str, int]
    missed: int
    user: UserCounters
    records: int
    outputs: Sequence[OutputCounters]
    waiting: Mapping[str, Waiting] = {}
    output_seconds: Mapping[str, float] = {}
    stage_seconds: Mapping[str, float] = {}
    load: KernelLoad | None = None
    load_age: float = 0.0
    timed: bool = False


class Families:
    """Collects for a registry of prometheus_client.

    Args:
        count: Returns what is counted now; called by a thread of its own.
        version: Of kflowd.
    """

    def __init__(self, count: Callable[[], Counted], version: str) -> None:
        self._count = count
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        counted = self._count()
        yield InfoMetricFamily("kflowd_build", "What runs", value={"version": self._version})
        ours = {health_key(key): n for key, n in msgspec.structs.asdict(counted.user).items()}
        ours["HealthMissedRuns"] = counted.missed
        for block, values in ((HealthKernel, counted.kernel), (HealthUser, ours)):
            for key, words in _words(block).items():
                if key in values:
                    yield _family(key, words, values[key])
        yield CounterMetricFamily("kflowd_records", "records that were made", value=counted.records)
        yield from _outputs(counted.outputs)
        yield from _queues(counted.waiting)
        words = "processor time of the thread that writes to it"
        yield _by("kflowd_output_cpu_seconds", words, "output", counted.output_seconds)
        words = "processor time of the run loop"
        yield _by("kflowd_stage_cpu_seconds", words, "stage", counted.stage_seconds)
        if counted.load is not None:
            yield from of_load(counted.load, counted.load_age, timed=counted.timed)


def metric_name(key: str) -> str:
    """Return the name for a key of health records, without the `_total` of a counter."""
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", key.removeprefix("Health"))
    return PREFIX + words.lower()


def _words(block: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the keys of a block mean."""
    hints = typing.get_type_hints(block, include_extras=True)
    return {
        key: each.legend
        for key in block.__struct_fields__
        for each in hints[key].__metadata__
        if isinstance(each, Says)
    }


def _family(key: str, words: str, value: int) -> Metric:
    if key in _GAUGES:
        return GaugeMetricFamily(metric_name(key), words, value=value)
    return CounterMetricFamily(metric_name(key), words, value=value)


def _outputs(outputs: Sequence[OutputCounters]) -> Iterator[Metric]:
    label = ["output"]
    up = GaugeMetricFamily("kflowd_output_up", "1: it takes records now", labels=label)
    written = CounterMetricFamily("kflowd_output_written", OUTPUT["Written"], labels=label)
    queued = GaugeMetricFamily("kflowd_output_queued", OUTPUT["Queued"], labels=label)
    lost = CounterMetricFamily("kflowd_output_lost", OUTPUT["Lost"], labels=["output", "reason"])
    filtered = CounterMetricFamily("kflowd_output_filtered", OUTPUT["Filtered"], labels=label)
    for output in outputs:
        name = [output.name]
        up.add_metric(name, output.state == "up")
        written.add_metric(name, output.written)
        queued.add_metric(name, output.queued)
        filtered.add_metric(name, output.filtered)
        for field, reason in _LOST.items():
            lost.add_metric([output.name, reason], getattr(output, field))
    yield from (up, written, queued, lost, filtered)


def _queues(waiting: Mapping[str, Waiting]) -> Iterator[Metric]:
    label = ["output"]
    used = GaugeMetricFamily("kflowd_output_queue_bytes", "memory of what waits", labels=label)
    size = GaugeMetricFamily(
        "kflowd_output_queue_size_bytes", "memory that what waits may have", labels=label
    )
    age = GaugeMetricFamily(
        "kflowd_output_queue_age_seconds", "how long the oldest of it has waited", labels=label
    )
    for name, it in waiting.items():
        used.add_metric([name], it.bytes)
        size.add_metric([name], it.size)
        age.add_metric([name], it.age_ns / 1e9)
    yield from (used, size, age)


def _by(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
