# SPDX-License-Identifier: Apache-2.0
"""What the source is asked for."""

import msgspec


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What to observe and how much memory to use.

    Attributes:
        subsystems: Of "file" and "socket".
        attach_mode: Only hooks of this one: fentry, kprobe, tracepoint; None: the best of each.
        export_at: Flush a file aggregate at this number of events; 0: no limit.
        idle_ns: Report what has been idle for so long.
        active_ns: Report what has been active for so long.
        pseudo_fs: Observe files of proc, sysfs and their like too.
        ring_bytes: Size of the ring: a power of two.
        file_entries: File aggregates at a time.
        sock_entries: TCP and UDP aggregates at a time.
        unix_entries: UNIX socket aggregates at a time.
        verbose: Show libbpf's warnings on stderr.
        self_tgid: Process that is not observed; 0: none.
    """

    subsystems: frozenset[str] = frozenset(("file", "socket"))
    attach_mode: str | None = None
    export_at: int = 0
    idle_ns: int = 15_000_000_000
    active_ns: int = 1_800_000_000_000
    pseudo_fs: bool = False
    ring_bytes: int = 8 << 20
    file_entries: int = 16384
    sock_entries: int = 16384
    unix_entries: int = 8192
    verbose: bool = False
    self_tgid: int = 0

    @property
    def hook_subsystems(self) -> frozenset[str]:
        """The subsystems of the hook table: processes always, UNIX sockets with the others."""
        wanted = set(self.subsystems) | {"process"}
        if "socket" in wanted:
            wanted.add("unix")
        return frozenset(wanted)
