# SPDX-License-Identifier: Apache-2.0
"""The root of cgroup2 in mountinfo."""

import pytest

from kflowd.bpf.kernel.cgroup import find_mount

HYBRID = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:7 master:1 - cgroup2 cgroup2 rw
"""
PART = "41 31 0:38 /docker/abc /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
SPACE = "41 31 0:38 / /mnt/my\\040cgroup rw - cgroup2 none rw\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HYBRID, "/sys/fs/cgroup/unified"),
        (PART, None),
        (PART + HYBRID, "/sys/fs/cgroup/unified"),
        (SPACE, "/mnt/my cgroup"),
        ("", None),
        ("nonsense\n", None),
    ],
)
def test_the_mount_of_the_root_is_found(text: str, expected: str | None) -> None:
    """A mount of a part of the hierarchy does not do; escapes are undone."""
    assert find_mount(text) == expected
