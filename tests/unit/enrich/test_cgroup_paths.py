# SPDX-License-Identifier: Apache-2.0
import os
import time
from pathlib import Path

import pytest

from kflowd.enrich import cgroup_paths as module
from kflowd.enrich.cgroup_paths import CgroupPaths, told

TASK = 4711
V1 = "9:name=systemd:/elsewhere\n4:memory:/docker/abc\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a tree of groups, and beside it a proc."""
    (tmp_path / "proc" / str(TASK)).mkdir(parents=True)
    (tmp_path / "root" / "a.slice" / "b (deleted)").mkdir(parents=True)
    return tmp_path / "root"


def paths(root: Path, text: str | bytes) -> CgroupPaths:
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    (root.parent / "proc" / str(TASK) / "cgroup").write_bytes(raw)
    return CgroupPaths(str(root), root.parent / "proc")


def number(root: Path, path: str) -> int:
    return os.stat(f"{root}{path}").st_ino


@pytest.mark.parametrize("path", ["/", "/a.slice", "/a.slice/b (deleted)"])
def test_the_path_of_the_unified_hierarchy(root: Path, path: str) -> None:
    """Of v1 hierarchies, which the number is not of, nothing is taken."""
    assert paths(root, f"{V1}0::{path}\n").find(TASK, number(root, path)) == path


def test_a_task_that_has_moved_says_nothing(root: Path) -> None:
    """What it is in now is not what the record told."""
    found = paths(root, f"{V1}0::/a.slice\n")
    assert found.find(TASK, number(root, "/")) is None
    assert found.find(TASK, 1) is None


@pytest.mark.parametrize(
    "text",
    ["", V1, "0::/gone (deleted)\n", "0::/\0\n", b"0::/\xff\n", f"0::/{'a' * 5000}\n", "0::\n\n"],
)
def test_what_leads_nowhere_says_nothing(root: Path, text: str | bytes) -> None:
    """A group that is gone, a name that no path can have, no line at all."""
    assert paths(root, text).find(TASK, number(root, "/a.slice")) is None


def test_the_number_of_another_file_system_is_another(root: Path) -> None:
    """Inode numbers are of one device."""
    found = paths(root, "0::/../../../../../../../../../proc/self\n")
    assert found.find(TASK, os.stat("/proc/self").st_ino) is None


def test_without_a_mount_or_a_task_nothing_is_found(root: Path, tmp_path: Path) -> None:
    """As on a host without cgroup v2."""
    found = paths(root, "0::/\n")
    assert found.find(TASK + 1, number(root, "/")) is None
    assert CgroupPaths(None, tmp_path / "proc").find(TASK, number(root, "/")) is None
    assert CgroupPaths(str(tmp_path / "none"), tmp_path / "proc").find(TASK, 1) is None


def test_the_mount_is_that_of_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one of a part of it, and not one of cgroup v1."""
    lines = [
        "30 20 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
        "31 20 0:27 /part /mnt rw - cgroup2 cgroup2 rw",
        f"32 20 0:27 / {root} rw - cgroup2 cgroup2 rw",
    ]
    monkeypatch.setattr(module, "read_mountinfo", lambda: "\n".join(lines))
    assert CgroupPaths.of_host()._root == str(root)
    monkeypatch.setattr(module, "read_mountinfo", lambda: "\n".join(lines[:2]))
    assert CgroupPaths.of_host()._device == -1


def test_all_groups_by_their_numbers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are wanted and there; files and links are no groups."""
    (root / "cgroup.procs").touch()
    (root / "link").symlink_to(root / "a.slice")
    deep = "/a.slice/b (deleted)"
    found, now = paths(root, ""), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    wanted = {number(root, "/a.slice"), number(root, deep), number(root, "/cgroup.procs")}
    assert found.walk(wanted) == {number(root, "/a.slice"): "/a.slice", number(root, deep): deep}
    assert found.walk([1]) == {}
    monkeypatch.setattr(module, "MAX_WALKED", 1)
    assert found.walk(wanted) == {number(root, "/a.slice"): "/a.slice"}
    assert CgroupPaths(None).walk(wanted) == {}


def test_a_look_at_all_groups_is_not_taken_often(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many times as long as it took, there is no other."""
    found = paths(root, "")
    times = iter([100.0, 100.5, 105.4, 105.6, 105.6])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    assert [found.walk([1]) for _ in range(3)] == [{}, None, {}]


def test_a_path_is_told_as_json_has_room_for_it() -> None:
    """Other bytes are lost; it is whole or not told at all."""
    longest = "/" + "a" * (module.MAX_PATH - 1)
    assert told("/caf\udcc3\udca9.service") == "/café.service"
    assert told("/\udcff") == "/\ufffd"
    assert told(longest) == longest
    for path in (f"{longest}a", "/" + "\x01" * 200):
        assert told(path) == ""
