# SPDX-License-Identifier: Apache-2.0
"""When the places in structs of modules are looked up, and what becomes of them."""

from pathlib import Path
from typing import Any, Self

import pytest

from kflowd.bpf.ffi import lib
from kflowd.bpf.kernel import layouts
from kflowd.bpf.kernel.layouts import MODULES, Layouts, features, values
from kflowd.errors import BpfError

MAP, SPAN = 71, 43


class FakeKernel:
    """Types of a kernel: structs by module and name."""

    def __init__(self, structs: dict[tuple[str, str], dict[str, int]]) -> None:
        self.structs = structs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def offsets(self, module: str, struct: str, *members: str) -> tuple[int, ...] | None:
        """Return where members are, None if one is missing."""
        known = self.structs.get((module, struct), {})
        return tuple(known[it] for it in members) if known.keys() >= set(members) else None

    def span(self, module: str, struct: str) -> int | None:
        """Return the bytes of a struct, None if it is unknown."""
        return SPAN if (module, struct) in self.structs else None


BTRFS = {
    ("btrfs", "btrfs_inode"): {"root": 8, "vfs_inode": 537},
    ("btrfs", "btrfs_root"): {"anon_dev": 1009},
}


def test_the_places_of_btrfs() -> None:
    """The root lies ahead of the inode; a struct alone is not enough."""
    kernel: Any = FakeKernel(BTRFS)
    assert values(kernel) == {"btrfs_root": 529, "btrfs_dev": 1009}
    for lacking in BTRFS:
        kernel = FakeKernel({name: it for name, it in BTRFS.items() if name != lacking})
        assert values(kernel) == {}


OVERLAY = {
    ("overlay", "ovl_fs"): {"fs": 17, "xino_mode": 131, "numfs": 5},
    ("overlay", "ovl_sb"): {"sb": 3, "pseudo_dev": 11},
}
PATH = {("overlay", "ovl_path"): {"layer": 5, "dentry": 13}}
LISTED = PATH | {
    ("overlay", "ovl_inode"): {"vfs_inode": 31, "oe": 731},
    ("overlay", "ovl_entry"): {"__lowerstack": 7},
}
FIRST = PATH | {("overlay", "ovl_inode"): {"vfs_inode": 31, "lowerpath": 741}}
INODE = {("overlay", "ovl_inode"): {"vfs_inode": 31, "lower": 751}}


@pytest.mark.parametrize(
    ("lower", "where"),
    [
        (LISTED, (700, lib.KF_OVL_LISTED, 20)),
        (FIRST, (710, lib.KF_OVL_FIRST, 13)),
        (INODE, (720, lib.KF_OVL_INODE, 0)),
    ],
)
def test_the_places_of_overlayfs(
    lower: dict[tuple[str, str], dict[str, int]], where: tuple[int, int, int]
) -> None:
    """An inode has a list of lower files, the first, or its inode; nothing is half known."""
    kernel: Any = FakeKernel(OVERLAY | lower)
    found = values(kernel)
    assert found == {
        "ovl_list": 17,
        "ovl_xino": 131,
        "ovl_count": 5,
        "ovl_sb": 3,
        "ovl_dev": 11,
        "ovl_size": SPAN,
        "ovl_lower": where[0],
        "ovl_path": where[1],
        "ovl_dentry": where[2],
    }
    for lacking in OVERLAY | lower:
        kernel = FakeKernel({name: it for name, it in (OVERLAY | lower).items() if name != lacking})
        assert values(kernel) == {}


def test_what_is_known_is_said(tmp_path: Path) -> None:
    """Known; loaded and not known; not loaded, and whether modules have types at all."""
    types, modules = tmp_path / "types", tmp_path / "modules"
    types.mkdir()
    (types / "vmlinux").touch()
    for name in MODULES:
        (modules / name).mkdir(parents=True)
    kernel: Any = FakeKernel(BTRFS)
    said = features(kernel, types, modules)
    assert [(it.name, it.ok, it.why) for it in said] == [
        ("btrfs", True, ""),
        ("overlay", False, "the kernel shows no types of it"),
    ]
    (modules / "overlay").rmdir()
    assert features(kernel, types, modules)[1].why == "the kernel shows no types of modules"
    (types / "ext4").touch()
    assert features(kernel, types, modules)[1].ok
    assert features(kernel, types, modules)[1].why == "not loaded: looked for when it is"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """What was written into the map."""
    found: list[dict[str, int]] = []

    def write(map_fd: int, members: dict[str, int]) -> None:
        assert map_fd == MAP
        found.append(members)

    monkeypatch.setattr(layouts, "_write", write)
    return found


def test_modules_that_come_and_go_are_seen(tmp_path: Path, written: list[dict[str, int]]) -> None:
    """The map is written at first, and whenever the types of a module are others."""
    structs: dict[tuple[str, str], dict[str, int]] = {}
    opened: Any = lambda: FakeKernel(structs)  # noqa: E731
    it = Layouts(MAP, opened, tmp_path)
    it.refresh()
    it.refresh()
    assert written == [{}]
    structs.update(BTRFS)
    (tmp_path / "btrfs").write_text("")
    it.refresh()
    it.refresh()
    assert written == [{}, values(opened())]
    structs.clear()
    (tmp_path / "btrfs").unlink()
    it.refresh()
    assert written == [{}, {"btrfs_root": 529, "btrfs_dev": 1009}, {}]


def test_without_the_map_nothing_is_read(tmp_path: Path) -> None:
    """No object of a run has it: files are not observed."""
    opened: Any = lambda: pytest.fail("opened")  # noqa: E731
    Layouts(None, opened, tmp_path).refresh()


@pytest.mark.parametrize("failure", [BpfError("no types"), OSError(12, "no memory"), MemoryError()])
def test_types_that_cannot_be_read_end_nothing(
    failure: Exception, tmp_path: Path, written: list[dict[str, int]]
) -> None:
    """Nothing is known for now, and it is tried again."""

    def opened() -> Any:
        if failures:
            raise failures.pop()
        return FakeKernel(BTRFS)

    failures = [failure]
    it = Layouts(MAP, opened, tmp_path)
    it.refresh()
    it.refresh()
    it.refresh()
    assert written == [{}, {"btrfs_root": 529, "btrfs_dev": 1009}]
