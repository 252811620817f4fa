# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kflowd.delivery import Waiting
from kflowd.metrics.families import Counted, Families, metric_name
from kflowd.serialize import OutputCounters, UserCounters
from kflowd.serialize.blocks.health import HealthKernel, HealthUser
from kflowd.serialize.build import kernel_keys

OUTPUT = OutputCounters('file /a"\n', "retrying", 5, 3, 9, 4, 0, 5, 0, 0, 8)
KERNEL = {key: 100 + at for key, at in kernel_keys().items()}


def samples(counted: Counted) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return what Prometheus would read, by name and labels."""
    registry = CollectorRegistry()
    registry.register(Families(lambda: counted, "1.2.3"))
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        assert family.documentation
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("HealthFileEvents", "kflowd_file_events"),
        ("HealthProcLostRing", "kflowd_proc_lost_ring"),
        ("HealthRecordsWaiting", "kflowd_records_waiting"),
    ],
)
def test_names(key: str, name: str) -> None:
    """Words with underscores, as Prometheus has them."""
    assert metric_name(key) == name


def test_all_that_health_records_count_is_there() -> None:
    """Under the name of its key, and nothing twice."""
    fields = UserCounters.__struct_fields__
    user = UserCounters(**{name: 200 + at for at, name in enumerate(fields)})
    found = samples(Counted(KERNEL, 7, user, 42, [OUTPUT]))
    for key in (*HealthKernel.__struct_fields__, *HealthUser.__struct_fields__):
        name = metric_name(key)
        assert (f"{name}_total" in found) != (name in found), key
    assert found["kflowd_file_events_total"][()] == KERNEL["HealthFileEvents"]
    assert found["kflowd_missed_runs_total"][()] == 7
    waiting = msgspec.structs.asdict(user)["records_waiting"]
    assert found["kflowd_records_waiting"][()] == waiting
    assert found["kflowd_records_total"][()] == 42
    assert found["kflowd_build_info"] == {(("version", "1.2.3"),): 1}


def test_each_output_has_its_own() -> None:
    """Whatever its name has in it; losses by reason, which add up to all."""
    found = samples(Counted({}, 0, UserCounters(), 0, [OUTPUT]))
    name = ("output", OUTPUT.name)
    assert found["kflowd_output_up"][(name,)] == 0
    assert found["kflowd_output_written_total"][(name,)] == OUTPUT.written
    assert found["kflowd_output_queued"][(name,)] == OUTPUT.queued
    assert found["kflowd_output_filtered_total"][(name,)] == OUTPUT.filtered
    lost = found["kflowd_output_lost_total"]
    assert lost[(name, ("reason", "full"))] == OUTPUT.lost_full
    assert sum(lost.values()) == OUTPUT.lost


def test_before_the_kernel_was_asked() -> None:
    """What is not known is not there, and no 0."""
    found = samples(Counted({}, 0, UserCounters(), 0, []))
    assert "kflowd_file_events_total" not in found
    assert "kflowd_names_lost_total" in found


def test_queues_and_times_have_the_names_of_what_they_are_of() -> None:
    """In bytes and seconds."""
    waiting = {"stdout": Waiting(300, 1000, 2_500_000_000)}
    found = samples(Counted({}, 0, UserCounters(), 0, [], waiting, {"stdout": 0.5}, {"drain": 1.5}))
    label = (("output", "stdout"),)
    assert found["kflowd_output_queue_bytes"] == {label: 300}
    assert found["kflowd_output_queue_size_bytes"] == {label: 1000}
    assert found["kflowd_output_queue_age_seconds"] == {label: 2.5}
    assert found["kflowd_output_cpu_seconds_total"] == {label: 0.5}
    assert found["kflowd_stage_cpu_seconds_total"] == {(("stage", "drain"),): 1.5}
    assert not any(name.startswith("kflowd_program") for name in found)
