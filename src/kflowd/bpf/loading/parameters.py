# SPDX-License-Identifier: Apache-2.0
"""What follows from configuration and kernel for the objects: build, constants, sizes of maps."""

from collections.abc import Mapping

from kflowd.bpf.config import SourceConfig
from kflowd.bpf.kernel.features import Feature

CAST = "cast"  # the build of objects that contain no probe reads of kernel memory
ARGUMENTS_PREFIX = "kf_nargs_"
UNUSED = 1  # entries of a map that no loaded program fills
PAGE = 4096


def ring_size(wanted: int) -> int:
    """Return the size of a ring that the kernel takes: a power of two, whole pages."""
    return max(PAGE, 1 << max(0, wanted - 1).bit_length())


def constants(config: SourceConfig, features: Mapping[str, Feature]) -> dict[str, int]:
    """Return the constants of the objects by name; `standby` has more of them.

    kf_nargs_* depend on the kernel's BTF.
    """
    return {
        "kf_self_tgid": config.self_tgid,
        "kf_can_probe": int(features["probe_read"].ok),
        "kf_task_btf": int(features["task_btf"].ok),
        "kf_export_at": config.export_at,
        "kf_pseudo_fs": int(config.pseudo_fs),
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
    return "" if features["loop"].ok else "noloop"


def map_entries(config: SourceConfig, *, cookies: bool) -> dict[str, int]:
    """Return the entries of the maps by name; those not named keep what their source says.

    Args:
        config: What is observed, and the sizes that were asked for.
        cookies: The kernel makes a socket's cookie wherever a program asks for it (5.12).
    """
    files = "file" in config.subsystems
    sockets = "socket" in config.subsystems
    entries = {
        "kf_ring": ring_size(config.ring_bytes),
        "kf_files": config.file_entries if files else UNUSED,
        "kf_socks": config.sock_entries if sockets else UNUSED,
        # Sockets have an owner from their creation on, also those without traffic.
        "kf_owners": 2 * config.sock_entries if sockets else UNUSED,
        "kf_aliases": 2 * config.sock_entries if sockets and not cookies else UNUSED,
        "kf_unix": config.unix_entries if sockets else UNUSED,
    }
    if not files and not sockets:
        entries["kf_pending"] = UNUSED
    return entries
