# SPDX-License-Identifier: Apache-2.0
"""Constants and map sizes that follow from what is asked for."""

import re
from pathlib import Path

import pytest

from kflowd.bpf.hooks import DIRECTORIES, HOOKS
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.loading import builds
from kflowd.bpf.loading.object import BpfObject
from kflowd.bpf.loading.parameters import (
    build_variant,
    constants,
    hook_subsystems,
    map_entries,
    ring_size,
    wanted_hooks,
)
from kflowd.settings import TraceSettings
from kflowd.settings.walk import settings_of

EBPF = Path(__file__).parents[4] / "ebpf"

FEATURES = {
    "probe_read": Feature("probe_read", "x", ok=False),
    "task_btf": Feature("task_btf", "x", ok=True),
    "cast": Feature("cast", "x", ok=True),
}


def test_constants_follow_from_features_and_options() -> None:
    """What the kernel refuses is switched off, what the user asks for switched on."""
    config = TraceSettings(events=7, pseudo_fs=True, ring_bytes=1 << 16)
    assert constants(config, FEATURES, 4711) == {
        "kf_self_tgid": 4711,
        "kf_page_size": 4096,
        "kf_file_share_process": 8192,
        "kf_file_share_user": 12288,
        "kf_can_probe": 0,
        "kf_task_btf": 1,
        "kf_can_cast": 1,
        "kf_export_at": 7,
        "kf_pseudo_fs": 1,
        "kf_directories": 0,
        "kf_sock_entries": 16384,
        "kf_unix_entries": 8192,
        "kf_wakeup_bytes": 1 << 14,
    }


def test_classes_of_an_option_are_wanted_by_it_alone() -> None:
    """Those of directories are, with the option, and all others with or without it."""
    some = {hook.key for hook in HOOKS if hook.option == DIRECTORIES}
    assert some == {"file.mkdir", "file.rmdir", "file.list"}
    without = [hook.key for hook in wanted_hooks(HOOKS, TraceSettings())]
    wanted = [hook.key for hook in wanted_hooks(HOOKS, TraceSettings(directories=True))]
    assert set(wanted) - set(without) == some
    assert [key for key in wanted if key not in some] == without


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
    entries = map_entries(TraceSettings(monitor=frozenset(("file",))), cookies=False)
    assert entries["kf_files"] == 16384
    of_sockets = ("kf_tcp", "kf_udp", "kf_owners", "kf_aliases", "kf_folds", "kf_unix")
    assert {entries[name] for name in of_sockets} == {1}


@pytest.mark.parametrize(("cookies", "aliases"), [(True, 1), (False, 14)])
def test_aliases_take_memory_where_cookies_are_missing(cookies: bool, aliases: int) -> None:
    """A kernel that makes cookies everywhere needs no aliases, another one for each owner."""
    entries = map_entries(TraceSettings(sock_entries=7), cookies=cookies)
    assert (entries["kf_owners"], entries["kf_aliases"]) == (14, aliases)


def test_folds_are_few_and_never_none() -> None:
    """One for each sixteen entries, and some that small tables need as well."""
    entries = map_entries(TraceSettings(sock_entries=1600, unix_entries=16), cookies=True)
    assert (entries["kf_folds"], entries["kf_unix_folds"]) == (164, 65)


def test_processes_are_always_observed() -> None:
    """The process table serves every record; UNIX sockets come with sockets."""
    assert hook_subsystems(("file",)) == {"file", "process", "clock"}
    assert hook_subsystems(("socket",)) == {"socket", "unix", "process", "clock"}


def test_what_settings_name_is_in_the_objects() -> None:
    """Each constant and each map that a field of the settings names exists on the kernel side."""
    known: set[str] = set()
    for name in builds.names():
        with BpfObject(name) as it:
            known |= {*it.variables(".rodata"), *it.shared_maps}
    options = [setting.option for setting in settings_of(TraceSettings)]
    named = {option.constant for option in options if option.constant}
    named |= {it.name for option in options for it in option.maps}
    assert len(named) == 17
    assert named <= known


def test_maps_that_settings_size_have_no_size_of_their_own() -> None:
    """A default stands at the field alone: the source of such a map says KF_SIZED."""
    sized = re.compile(r"max_entries, KF_SIZED\);[^}]*\} (\w+) SEC")
    found = {each for path in EBPF.rglob("*.h") for each in sized.findall(path.read_text())}
    options = [setting.option for setting in settings_of(TraceSettings)]
    assert found == {it.name for option in options for it in option.maps}
