# SPDX-License-Identifier: Apache-2.0
import os
import shutil
from pathlib import Path

import pytest

from kflowd.fim.reading import Reader
from kflowd.fim.rules import RuleSet
from kflowd.fim.walking import MOST_DEEP, Walk
from kflowd.settings.fim import FimRule, PathGlob


def walk_of(*paths: str, **more: object) -> Walk:
    """Return a walk over trees."""
    rule = FimRule(name="r", paths=tuple(map(PathGlob, paths)))
    return Walk(RuleSet([rule]), Reader(lambda _: "", lambda _: ""), **more)  # type: ignore[arg-type]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree whose names sort otherwise as texts than as components."""
    for name in ("a", "a.b", "a-", "b"):
        (tmp_path / "t" / name).mkdir(parents=True)
        (tmp_path / "t" / name / "x").write_text(name)
    (tmp_path / "t" / "z").symlink_to("a")
    return tmp_path / "t"


def test_names_come_in_the_order_of_their_components(tree: Path) -> None:
    """A directory is ahead of what is in it, and that of what stands behind it; links are kept."""
    found = [it.path.removeprefix(os.fsencode(tree)) for it in walk_of(str(tree))()]
    in_order = b" /a /a/x /a- /a-/x /a.b /a.b/x /b /b/x /z".split(b" ")
    assert found == in_order


def test_it_goes_on_behind_any_name(tree: Path) -> None:
    """What came before is left out, whatever the name was."""
    every = [it.path for it in walk_of(str(tree))()]
    for number, path in enumerate(every):
        assert [it.path for it in walk_of(str(tree))(path)] == every[number + 1 :], path
    gone = os.fsencode(tree) + b"/a/a"
    assert [it.path for it in walk_of(str(tree))(gone)] == every[2:]


def test_wildcards_are_those_of_now(tree: Path) -> None:
    """W28, W37: what appears later is found by the next walk; what is not there is no error."""
    walk = walk_of(f"{tree}/*/y", f"{tree}/nothing/q")
    assert list(walk()) == []
    (tree / "a" / "y").write_text("")
    assert [it.path for it in walk()] == [os.fsencode(tree / "a" / "y")]


def test_names_of_any_bytes_and_length(tree: Path) -> None:
    """W15: 255 bytes, line breaks, what is no UTF-8."""
    names = [b"x" * 255, b"a\nb", b"\xff\xfe", b" "]
    for name in names:
        (tree / os.fsdecode(name)).write_text("")
    found = {it.path.rpartition(b"/")[2] for it in walk_of(str(tree))()}
    assert found >= set(names)


def test_a_folder_that_cannot_be_listed_is_told(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are walked."""
    told: list[bytes] = []
    real = os.open

    def refuse(path: object, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == b"a" and flags & os.O_DIRECTORY:
            raise OSError(5, "Input/output error")
        return real(path, flags, *rest, dir_fd=dir_fd)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    walk = walk_of(str(tree), failed=lambda path, _error: told.append(path))
    found = [it.path for it in walk()]
    assert told == [os.fsencode(tree / "a")]
    assert os.fsencode(tree / "b" / "x") in found


def test_a_tree_that_is_too_deep_is_told(tmp_path: Path) -> None:
    """Whoever may make a directory may make thousands in each other: they end no walk."""
    base = tmp_path / "t"
    base.mkdir()
    folder = os.open(base, os.O_RDONLY)
    for _ in range(MOST_DEEP + 200):
        os.mkdir("d", dir_fd=folder)
        deeper = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    (base / "x").write_text("")
    told: list[bytes] = []
    walk = walk_of(f"{base}/**/x", f"{base}/d", failed=lambda path, _error: told.append(path))
    found = [it.path for it in walk()]
    assert found[-1] == os.fsencode(base / "x")
    assert len(found) == 1 + FimRule().recurse + 1
    (path,) = told
    assert path.count(b"/") == MOST_DEEP + 1
    shutil.rmtree(base)
