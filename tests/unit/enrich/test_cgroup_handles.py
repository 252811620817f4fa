# SPDX-License-Identifier: Apache-2.0
import ctypes
import os
from pathlib import Path

import pytest

from kflowd.enrich.cgroup_handles import KERNFS, CgroupHandles, Handle


def test_the_handle_is_that_of_the_kernel() -> None:
    """struct file_handle: two 32-bit numbers, and behind them what the type says."""
    assert ctypes.sizeof(Handle) == 16
    raw = bytes(Handle(8, KERNFS, 0x1122334455667788))
    assert raw[:4] == (8).to_bytes(4, "little")
    assert raw[4:8] == (0xFE).to_bytes(4, "little")
    assert int.from_bytes(raw[8:], "little") == 0x1122334455667788


def test_another_file_system_has_no_such_numbers(tmp_path: Path) -> None:
    """Nor is there one where there is no directory; nothing is left open."""
    before = len(os.listdir("/proc/self/fd"))
    handles = CgroupHandles(str(tmp_path))
    assert handles.path(tmp_path.stat().st_ino) is None
    assert CgroupHandles(str(tmp_path / "nowhere")).path(1) is None
    os.close(handles._mount)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("below", "path"),
    [("a/b", "/a/b"), (".", None), ("../other", None)],
)
def test_the_path_is_that_below_the_root(
    below: str, path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is opened elsewhere, by another mount, is none of it."""
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    handles = CgroupHandles(str(root))
    asked: list[int] = []

    def opened(_mount: int, handle: Handle, flags: int) -> int:
        asked.append(handle.number)
        return os.open(root / below, flags)

    monkeypatch.setattr(handles, "_open", opened)
    before = len(os.listdir("/proc/self/fd"))
    assert handles.path(7) == path
    assert asked == [7]
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(handles._mount)
