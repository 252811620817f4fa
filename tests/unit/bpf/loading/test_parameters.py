# SPDX-License-Identifier: Apache-2.0
"""Constants and map sizes that follow from what is asked for."""

import pytest

from kflowd.bpf.config import SourceConfig
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.loading.parameters import build_variant, constants, map_entries, ring_size

FEATURES = {
    "probe_read": Feature("probe_read", "x", ok=False),
    "task_btf": Feature("task_btf", "x", ok=True),
}


def test_constants_follow_from_features_and_options() -> None:
    """What the kernel refuses is switched off, what the user asks for switched on."""
    config = SourceConfig(export_at=7, self_tgid=4711, pseudo_fs=True, ring_bytes=1 << 16)
    assert constants(config, FEATURES) == {
        "kf_self_tgid": 4711,
        "kf_can_probe": 0,
        "kf_task_btf": 1,
        "kf_export_at": 7,
        "kf_pseudo_fs": 1,
        "kf_wakeup_bytes": 1 << 14,
    }


@pytest.mark.parametrize(
    ("probe_read", "loop", "wanted"),
    [(True, True, ""), (True, False, "noloop"), (False, True, "cast"), (False, False, "cast")],
)
def test_each_kernel_gets_the_build_that_fits(probe_read: bool, loop: bool, wanted: str) -> None:
    """Where probe reads are refused nothing else helps; bpf_loop is asked for next."""
    features = {
        "probe_read": Feature("probe_read", "x", ok=probe_read),
        "loop": Feature("loop", "x", ok=loop),
    }
    assert build_variant(features) == wanted


@pytest.mark.parametrize(
    ("wanted", "size"), [(1, 4096), (4096, 4096), (4097, 8192), (65536, 65536), (65537, 131072)]
)
def test_a_ring_is_a_power_of_two_of_pages(wanted: int, size: int) -> None:
    """What the kernel would refuse is rounded up."""
    assert ring_size(wanted) == size


def test_maps_of_what_is_off_take_no_memory() -> None:
    """Without sockets, their maps have one entry."""
    entries = map_entries(SourceConfig(subsystems=frozenset(("file",))), cookies=False)
    assert entries["kf_files"] == 16384
    of_sockets = ("kf_socks", "kf_owners", "kf_aliases", "kf_unix")
    assert {entries[name] for name in of_sockets} == {1}


@pytest.mark.parametrize(("cookies", "aliases"), [(True, 1), (False, 14)])
def test_aliases_take_memory_where_cookies_are_missing(cookies: bool, aliases: int) -> None:
    """A kernel that makes cookies everywhere needs no aliases, another one for each owner."""
    entries = map_entries(SourceConfig(sock_entries=7), cookies=cookies)
    assert (entries["kf_owners"], entries["kf_aliases"]) == (14, aliases)
