# SPDX-License-Identifier: Apache-2.0
"""Attributes of inodes as words: flags, access control lists, capabilities. Pure.

Layouts are those of the kernel: include/uapi/linux/{fs,posix_acl_xattr,capability}.h.
"""

import functools
from collections.abc import Mapping

ACL_ACCESS, ACL_DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
CAPABILITY = "security.capability"
SELINUX = "security.selinux"

# FS_..._FL, without what says how a file system keeps the file (extents, indexed directories)
FLAGS: Mapping[int, str] = {
    0x00000001: "secure_delete",
    0x00000002: "undelete",
    0x00000004: "compress",
    0x00000008: "sync",
    0x00000010: "immutable",
    0x00000020: "append_only",
    0x00000040: "no_dump",
    0x00000080: "no_atime",
    0x00000800: "encrypted",
    0x00004000: "journal_data",
    0x00008000: "no_tail_merge",
    0x00010000: "dir_sync",
    0x00020000: "top_directory",
    0x00100000: "verity",
    0x00800000: "no_copy_on_write",
    0x02000000: "dax",
    0x20000000: "project_inherit",
    0x40000000: "case_fold",
}
_ACL_VERSION = 2
_ACL_ENTRY = 8
_TAGS = {0x01: "user", 0x02: "user", 0x04: "group", 0x08: "group", 0x10: "mask", 0x20: "other"}
_NAMED = {0x02, 0x08}
_CAP_REVISIONS = {1: 12, 2: 20, 3: 24}  # bytes
_CAP_EFFECTIVE = 0x01
CAPABILITIES = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid"),
    *("setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw"),
    *("ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct"),
    *("sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod"),
    *("lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog"),
    *("wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore"),
)


@functools.cache
def flag_words(flags: int) -> tuple[str, ...]:
    """Return the words of inode flags, in the order of their bits."""
    return tuple(word for bit, word in FLAGS.items() if flags & bit)


def acl_entries(value: bytes, prefix: str = "") -> tuple[str, ...]:
    """Return the entries of an access control list: "user:1000:rw-".

    What is no such list is one entry of its bytes, so that a change of it is seen.

    Args:
        value: Of the extended attribute.
        prefix: "default:" for what a directory's new files get.
    """
    if len(value) < 4 or _number(value, 0) != _ACL_VERSION or (len(value) - 4) % _ACL_ENTRY:
        return (f"{prefix}unknown:{value.hex()}",)
    found = []
    for at in range(4, len(value), _ACL_ENTRY):
        tag, bits = _number(value, at, 2), _number(value, at + 2, 2)
        owner = str(_number(value, at + 4)) if tag in _NAMED else ""
        rights = "".join(it if bits & bit else "-" for it, bit in (("r", 4), ("w", 2), ("x", 1)))
        found.append(f"{prefix}{_TAGS.get(tag, hex(tag))}:{owner}:{rights}")
    return tuple(found)


def capability_text(value: bytes) -> str:
    """Return file capabilities: "cap_net_bind_service,cap_net_raw=ep", with "[rootid=N]" if set."""
    magic = _number(value, 0)
    revision = magic >> 24
    if _CAP_REVISIONS.get(revision) != len(value):
        return f"unknown:{value.hex()}"
    words = 1 if revision == 1 else 2
    permitted = sum(_number(value, 4 + 8 * it) << (32 * it) for it in range(words))
    inheritable = sum(_number(value, 8 + 8 * it) << (32 * it) for it in range(words))
    effective = "e" if magic & _CAP_EFFECTIVE else ""
    groups: dict[str, list[str]] = {}
    for number in range(32 * words):
        in_p, in_i = permitted >> number & 1, inheritable >> number & 1
        if in_p or in_i:
            kind = f"{effective}{'i' if in_i else ''}{'p' if in_p else ''}"
            known = number < len(CAPABILITIES)
            name = f"cap_{CAPABILITIES[number]}" if known else str(number)
            groups.setdefault(kind, []).append(name)
    text = " ".join(f"{','.join(names)}={kind}" for kind, names in groups.items()) or "="
    root = _number(value, 20) if revision == 3 else 0
    return f"{text} [rootid={root}]" if root else text


def _number(data: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(data[at : at + size], "little")
