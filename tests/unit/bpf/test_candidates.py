# SPDX-License-Identifier: Apache-2.0
"""What programs attach to, by their sections, and how that is told."""

import pytest

from kflowd.bpf.candidates import Target, hook_text, target


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("fexit/vfs_open", Target("fexit", "vfs_open")),
        ("kretprobe/__kernel_read", Target("kretprobe", "__kernel_read")),
        ("tp_btf/sys_exit", Target("tp", "sys_exit")),
        ("iter/task_file", Target("iter", "task_file")),
        ("cgroup_skb/ingress", Target("cgroup", "ingress")),
        ("cgroup/sock_create", Target("cgroup", "sock_create")),
        ("sockops", Target("cgroup", "sockops")),
    ],
)
def test_target_is_read_from_the_section(section: str, expected: Target) -> None:
    """The section says how and to what a program attaches."""
    assert target(section) == expected


def test_hook_text_names_the_way_once() -> None:
    """Targets of one way are listed together."""
    targets = [Target("tp", "sys_enter"), Target("tp", "sys_exit"), Target("fexit", "vfs_read")]
    assert hook_text(targets) == "tracepoint sys_enter, sys_exit; fexit vfs_read"
