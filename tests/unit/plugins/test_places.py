# SPDX-License-Identifier: Apache-2.0
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kflowd.errors import UsageError
from kflowd.plugins.places import Place, places_of
from kflowd.settings.plugins import EntryPoint, PluginSettings


@pytest.fixture(autouse=True)
def _parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what is above the directory of the test for safe: /tmp is everybody's."""
    above = set(map(str, tmp_path.parents))
    lstat = os.lstat

    def status(path: os.PathLike[str]) -> os.stat_result:
        found: list[Any] = list(lstat(path))
        if str(path) in above:
            found[stat.ST_MODE] &= ~0o022
        return os.stat_result(found)

    monkeypatch.setattr(os, "lstat", status)
    tmp_path.chmod(0o755)


def plugin(path: Path, text: str = "") -> Path:
    path.write_text(text)
    path.chmod(0o644)
    return path


def found(path: Path) -> list[Place]:
    return places_of(PluginSettings(plugins=path))


def test_files_of_a_directory_are_plugins(tmp_path: Path) -> None:
    """Those that Python can load, in the order of their names; one file is one plugin."""
    for name in ("b.py", "a-1.py", "_helper.py", ".hidden.py", "notes.txt"):
        plugin(tmp_path / name)
    a, b = Place("a-1", str(tmp_path / "a-1.py")), Place("b", str(tmp_path / "b.py"))
    assert found(tmp_path) == [a, b]
    assert found(tmp_path / "b.py") == [b]
    assert places_of(PluginSettings(entry_points=(EntryPoint("x"),))) == [Place("x")]
    assert places_of(PluginSettings()) == []


def shared(path: Path) -> None:
    path.chmod(0o664)


def others(path: Path) -> None:
    path.chmod(0o646)


def link(path: Path) -> None:
    path.rename(path.with_suffix(".txt"))
    path.symlink_to(path.with_suffix(".txt"))


def parent(path: Path) -> None:
    path.parent.chmod(0o775)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def large(path: Path) -> None:
    os.truncate(path, (1 << 20) + 1)


def strange(path: Path) -> None:
    path.rename(path.with_name("a b.py"))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (shared, "can be written by others"),
        (others, "can be written by others"),
        (parent, "can be written by others"),
        (link, "is a symbolic link"),
        (pipe, "is no file NAME.py"),
        (strange, "is no file NAME.py"),
        (large, "is larger than 1 MiB"),
        (Path.unlink, "has no plugin"),
    ],
)
def test_what_is_not_safe_is_refused(
    tmp_path: Path, change: Callable[[Path], None], cause: str
) -> None:
    """In one line that names it."""
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    change(plugin(folder / "one.py"))
    with pytest.raises(UsageError, match=f"^-P/--plugins: /.* {cause}"):
        found(folder)


def test_files_of_others_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's are not, whoever runs kflowd."""
    plugin(tmp_path / "one.py")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    if os.getuid() == 0:
        assert found(tmp_path)
        os.chown(tmp_path / "one.py", 4712, 0)
    with pytest.raises(UsageError, match="belongs to another user than root"):
        found(tmp_path)


def test_links_to_directories_and_what_is_not_there_are_refused(tmp_path: Path) -> None:
    """Also above the file."""
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    plugin(folder / "one.py")
    (tmp_path / "link").symlink_to(folder)
    for path in (tmp_path / "link", tmp_path / "link" / "one.py"):
        with pytest.raises(UsageError, match="/link is a symbolic link"):
            found(path)
    with pytest.raises(UsageError, match="/none No such file or directory"):
        found(tmp_path / "none")
    with pytest.raises(UsageError, match="is no directory"):
        found(folder / "one.py" / "two.py")


def test_plugins_are_few_and_have_names_of_their_own(tmp_path: Path) -> None:
    """Each has a process, and is named in messages."""
    for number in range(9):
        plugin(tmp_path / f"p{number}.py")
    with pytest.raises(UsageError, match="9 plugins are too many: 8 at most"):
        found(tmp_path)
    same = PluginSettings(plugins=tmp_path / "p0.py", entry_points=(EntryPoint("p0"),))
    with pytest.raises(UsageError, match="two plugins are called p0"):
        places_of(same)
