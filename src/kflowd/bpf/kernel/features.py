# SPDX-License-Identifier: Apache-2.0
"""What the kernel allows, as a value: `probing` finds it out."""

import msgspec


class Feature(msgspec.Struct, frozen=True):
    """One thing that the kernel allows or not.

    Attributes:
        name: fentry, kprobe, tp_btf, cgroup, probe_read, task_btf, loop, cast, nonpreemptible,
            jit, btrfs, overlay.
        title: For people.
        ok: It works.
        why: What was found: the reason when it does not.
        change: What would have to change for it to work, "" when it works.
    """

    name: str
    title: str
    ok: bool
    why: str = ""
    change: str = ""
