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
        outputs: What each output did.
    """

    kernel: Mapping[str, int]
    missed: int
    user: UserCounters
    records: int
    outputs: Sequence[OutputCounters]


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
