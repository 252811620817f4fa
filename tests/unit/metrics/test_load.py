# SPDX-License-Identifier: Apache-2.0
from kflowd.metrics.load import of_load
from kflowd.model import KernelLoad, ProgramUse, Waited

LOAD = KernelLoad(
    {"file/open": ProgramUse(3, 50, 2_500_000_000)},
    {"kf_files": 1 << 20},
    5000,
    1 << 23,
    Waited(1_500_000_000, 4096, 300),
)


def samples(*, timed: bool) -> dict[tuple[str, ...], float]:
    """Return what there is, by name and values of labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in of_load(LOAD, 0.25, timed=timed)
        for sample in family.samples
    }


def test_all_of_it_in_seconds_and_bytes() -> None:
    """Maps and programs each with their name."""
    assert samples(timed=True) == {
        ("kflowd_drain_lag_seconds",): 1.5,
        ("kflowd_ring_used_bytes",): 4096,
        ("kflowd_ring_size_bytes",): 1 << 23,
        ("kflowd_backlog_bytes",): 300,
        ("kflowd_program_memory_bytes",): 5000,
        ("kflowd_kernel_age_seconds",): 0.25,
        ("kflowd_map_memory_bytes", "kf_files"): 1 << 20,
        ("kflowd_program_misses_total", "file/open"): 3,
        ("kflowd_program_runs_total", "file/open"): 50,
        ("kflowd_program_seconds_total", "file/open"): 2.5,
    }


def test_times_that_nobody_counts_are_not_there() -> None:
    """They would be 0, which is something else."""
    assert set(samples(timed=True)) - set(samples(timed=False)) == {
        ("kflowd_program_runs_total", "file/open"),
        ("kflowd_program_seconds_total", "file/open"),
    }
