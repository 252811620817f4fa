# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from kflowd.enrich.cgroup_handles import CgroupHandles


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_what_is_not_there_has_no_path(tmp_path: Path) -> None:
    """The group, or the hierarchy, which nobody asks then; nothing is left open."""
    before = descriptors()
    handles = CgroupHandles(str(tmp_path), lambda _mount, _number: -116)
    assert handles.path(7) is None
    os.close(handles._mount)

    def asked(_mount: int, _number: int) -> int:
        raise AssertionError

    assert CgroupHandles(str(tmp_path / "nowhere"), asked).path(1) is None
    assert descriptors() == before


@pytest.mark.parametrize(
    ("below", "path"),
    [("a/b", "/a/b"), (".", None), ("../other", None), ("../root-two", None)],
)
def test_the_path_is_that_below_the_root(below: str, path: str | None, tmp_path: Path) -> None:
    """What is opened elsewhere, by another mount, is none of it."""
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "root-two").mkdir()
    asked: list[int] = []

    def opened(mount: int, number: int) -> int:
        asked.append(number)
        assert os.path.samestat(os.fstat(mount), os.stat(root))
        return os.open(root / below, os.O_PATH)

    handles = CgroupHandles(str(root), opened)
    before = descriptors()
    assert handles.path(7) == path
    assert asked == [7]
    assert descriptors() == before
    os.close(handles._mount)
