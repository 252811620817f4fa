# SPDX-License-Identifier: Apache-2.0
"""When the places in structs of modules are looked up, and what becomes of them."""

from pathlib import Path
from typing import Any, Self

import pytest

from kflowd.bpf.kernel import layouts
from kflowd.bpf.kernel.layouts import Layouts, values
from kflowd.errors import BpfError

MAP = 71


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
