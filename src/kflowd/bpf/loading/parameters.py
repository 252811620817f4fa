# SPDX-License-Identifier: Apache-2.0
"""What follows from settings and kernel for the objects: build, constants, sizes of maps."""

import mmap
from collections.abc import Iterable, Mapping

from kflowd.bpf.candidates import Hook
from kflowd.bpf.kernel.features import Feature
from kflowd.settings import TraceSettings
from kflowd.settings.walk import settings_of

CAST = "cast"  # the build of objects that contain no probe reads of kernel memory
NO_LOOP = "noloop"  # the build without bpf_loop
ARGUMENTS_PREFIX = "kf_nargs_"
UNUSED = 1  # entries of a map that no loaded program fills
PAGE = 4096


def hook_subsystems(monitor: Iterable[str]) -> frozenset[str]:
    """Return the subsystems of the hook table: UNIX sockets with the others, these two always."""
    wanted = {*monitor, "process", "clock"}
    if "socket" in wanted:
        wanted.add("unix")
    return frozenset(wanted)


def wanted_hooks(hooks: Iterable[Hook], config: TraceSettings) -> list[Hook]:
    """Return the classes of events that a configuration asks for."""
    subsystems = hook_subsystems(config.observed)
    return [
        hook
        for hook in hooks
        if hook.subsystem in subsystems and (not hook.option or getattr(config, hook.option))
    ]


def ring_size(wanted: int) -> int:
    """Return the size of a ring that the kernel takes: a power of two, whole pages."""
    return max(PAGE, 1 << max(0, wanted - 1).bit_length())


def constants(
    config: TraceSettings, features: Mapping[str, Feature], self_tgid: int = 0
) -> dict[str, int]:
    """Return the constants of the objects by name; `standby` has more of them.

    kf_nargs_* depend on the kernel's BTF.
    """
    of_settings = {
        it.option.constant: int(getattr(config, it.field) or 0)
        for it in settings_of(type(config))
        if it.option.constant
    }
    return of_settings | {
        "kf_self_tgid": self_tgid,
        "kf_export_at": config.export_at,
        "kf_page_size": mmap.PAGESIZE,
        "kf_file_share_process": config.file_entries // 2,
        "kf_file_share_user": config.file_entries // 4 * 3,
        "kf_can_probe": int(features["probe_read"].ok),
        "kf_task_btf": int(features["task_btf"].ok),
        "kf_can_cast": int(features["cast"].ok),
        # Late enough for batches, early enough that a burst does not fill the rest meanwhile.
        "kf_wakeup_bytes": ring_size(config.ring_bytes) // 4,
    }


def build_variant(features: Mapping[str, Feature]) -> str:
    """Return which build of the objects this kernel needs.

    Returns:
        "" for the usual one, "cast" where kernel memory may not be read by probe reads, "noloop"
        where bpf_loop is missing.
    """
    if not features["probe_read"].ok:
        return CAST
    return "" if features["loop"].ok else NO_LOOP


def map_entries(config: TraceSettings, *, cookies: bool) -> dict[str, int]:
    """Return the entries of the maps by name; those not named keep what their source says.

    Args:
        config: What is observed, and the sizes that were asked for.
        cookies: The kernel makes a socket's cookie wherever a program asks for it (5.12).
    """
    entries: dict[str, int] = {}
    for setting in settings_of(type(config)):
        for it in setting.option.maps:
            used = not it.subsystem or it.subsystem in config.observed
            wanted = it.times * getattr(config, setting.field) // it.per + it.more
            entries[it.name] = wanted if used else UNUSED
    entries["kf_ring"] = ring_size(entries["kf_ring"])
    if cookies:
        entries["kf_aliases"] = UNUSED
    if not config.observed:
        entries["kf_pending"] = UNUSED
    return entries
