# SPDX-License-Identifier: Apache-2.0
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kflowd.enrich.packages import reader as module
from kflowd.enrich.packages.dpkg import Dpkg
from kflowd.enrich.packages.index import Origin, Package
from kflowd.enrich.packages.reader import TRIES, Reader
from kflowd.enrich.packages.stamps import Stamp
from tests.unit.enrich.packages.make import Lines, Tree


class Ticks:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100

    def __call__(self) -> int:
        return self.now


def reading(tree: Tree) -> tuple[Reader, Lines, Ticks]:
    """Return a reader of a database, its messages, its clock."""
    log, clock = Lines(), Ticks()
    return Reader([Dpkg(str(tree.admin))], log, str(tree.admin.parent), clock), log, clock


def test_it_reads_again_when_the_database_has_changed(tmp_path: Path) -> None:
    """And only then; what is asked meanwhile is the last index."""
    tree = Tree(tmp_path)
    tree.add("a", "1", "/usr/bin/a")
    reader, log, _ = reading(tree)
    assert reader.look()
    index = reader.index
    assert index.find(b"/usr/bin/a") == Origin("1", 100)
    assert not reader.look()
    assert reader.index is index
    tree.add("b", "7", "/usr/bin/b")
    assert reader.look()
    assert reader.index.find(b"/usr/bin/b") == Origin("7", 100)
    assert index.find(b"/usr/bin/b") is None
    assert log.lines == []


def test_only_what_was_put_in_place_is_newer(tmp_path: Path) -> None:
    """Another package does not make files new that have come to the paths of this one."""
    tree = Tree(tmp_path)
    tree.add("a", "1", "/usr/bin/a")
    tree.add("b", "1", "/usr/bin/b")
    reader, _, clock = reading(tree)
    reader.look()
    clock.now = 200
    tree.add("b", "2", "/usr/bin/b")
    reader.look()
    assert reader.index.find(b"/usr/bin/a") == Origin("1", 100)
    assert reader.index.find(b"/usr/bin/b") == Origin("2", 200)


@pytest.mark.parametrize(
    ("first", "then", "newer"),
    [
        ("install ok unpacked", "install ok installed", True),
        ("install ok half-configured", "install ok installed", True),
        ("install ok triggers-pending", "install ok installed", False),
        ("install ok installed", "hold ok installed", False),
    ],
)
def test_configuring_may_still_change_files(
    first: str, then: str, newer: bool, tmp_path: Path
) -> None:
    """A maintainer script gives them modes and capabilities; a trigger is of another package."""
    tree = Tree(tmp_path)
    tree.add("a", "1", "/usr/bin/a", status=first)
    reader, _, clock = reading(tree)
    reader.look()
    clock.now = 200
    tree.stanzas["a:amd64"] = tree.stanzas["a:amd64"].replace(first, then)
    tree.write()
    assert reader.look()
    assert reader.index.find(b"/usr/bin/a") == Origin("1", 200 if newer else 100)


def test_a_reinstallation_is_newer(tmp_path: Path) -> None:
    """The version is the same, and the files are others."""
    tree = Tree(tmp_path)
    tree.add("a", "1", "/usr/bin/a")
    reader, _, clock = reading(tree)
    reader.look()
    clock.now = 200
    written = (tree.admin / "info/a.list").stat().st_ctime_ns
    while (tree.admin / "info/a.list").stat().st_ctime_ns == written:
        tree.add("a", "1", "/usr/bin/a")
    reader.look()
    assert reader.index.find(b"/usr/bin/a") == Origin("1", 200)


def test_shared_paths_have_a_version_while_all_agree(tmp_path: Path) -> None:
    """Of two architectures, one of them upgraded first; paths through merged directories, too."""
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    tree = Tree(tmp_path)
    tree.add("libx", "1", "/usr/lib/x", same=True)
    tree.add("libx", "1", "/lib/x", same=True, architecture="i386")
    reader, _, clock = reading(tree)
    reader.look()
    assert reader.index.find(b"/usr/lib/x") == Origin("1", 100)
    assert reader.index.find(b"/lib/x") is None
    clock.now = 200
    tree.add("libx", "2", "/usr/lib/x", same=True)
    reader.look()
    assert reader.index.find(b"/usr/lib/x") is None
    clock.now = 300
    tree.add("libx", "2", "/lib/x", same=True, architecture="i386")
    reader.look()
    assert reader.index.find(b"/usr/lib/x") == Origin("2", 300)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda status: status.write_bytes(b"\0" * 512 + b"\n"), "dpkg: status has no package"),
        (lambda status: status.write_bytes(b"Package: a\nStatus: i"), "dpkg: status is cut short"),
        (lambda status: status.unlink(), "dpkg: [Errno 2] No such file"),
        (lambda status: (status.unlink(), status.mkdir()), "dpkg: [Errno 21] Is a directory"),
    ],
)
def test_a_database_that_cannot_be_read_is_one_line(
    spoil: Callable[[Path], object], reason: str, tmp_path: Path
) -> None:
    """And no version, until it can be; then files that came meanwhile have none either."""
    tree = Tree(tmp_path)
    tree.add("a", "1", "/usr/bin/a")
    reader, log, clock = reading(tree)
    reader.look()
    status = tree.admin / "status"
    spoil(status)
    assert reader.look()
    assert reader.index.find(b"/usr/bin/a") is None
    (tree.admin / "diversions").write_text("")
    assert reader.look()
    assert [line.partition(": ")[2][: len(reason)] for line in log.lines] == [reason]
    if status.is_dir():
        status.rmdir()
    clock.now = 200
    tree.write()
    assert reader.look()
    assert reader.index.find(b"/usr/bin/a") == Origin("1", 100)


def test_what_could_not_be_read_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if nothing changes: there were no descriptors, the database was locked."""
    tree = Tree(tmp_path)
    (tree.admin / "status").write_text("torn")
    reader, log, _ = reading(tree)
    assert reader.look()
    assert not reader.look()
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    (tree.admin / "status").write_text("torn again")
    assert reader.look()
    assert reader.look()
    assert len(log.lines) == 1


def test_a_host_without_packages_is_told_once(tmp_path: Path) -> None:
    """Its records have empty versions."""
    log = Lines()
    reader = Reader([Dpkg(str(tmp_path / "none"))], log)
    reader.look()
    reader.look()
    assert log.lines == ["no package versions: packages: no package database on this host"]


class Moving:
    """A database that changes while it is read."""

    name = "moving"

    def __init__(self, times: int) -> None:
        self.left = times
        self.version = 0

    def stamp(self) -> Stamp:
        """Return the version."""
        return (self.version,)

    def read(self) -> Iterator[tuple[Package, list[bytes]]]:
        """Yield the version of now, and go on to the next."""
        version = str(self.version)
        if self.left:
            self.left -= 1
            self.version += 1
        yield Package("a", version, version), [b"/a"]


def test_versions_beside_each_other_keep_their_time() -> None:
    """As of kernels: neither is taken for a change of the other."""
    database, clock = Beside(0), Ticks()
    reader = Reader([database], Lines(), clock=clock)
    reader.look()
    clock.now, database.version = 200, 1
    reader.look()
    assert reader.index.find(b"/a1") == Origin("1", 100)
    assert reader.index.find(b"/a2") == Origin("2", 100)


@pytest.mark.parametrize(("times", "reads"), [(0, 1), (2, 3), (9, 3)])
def test_what_changes_while_it_is_read_is_read_again(times: int, reads: int) -> None:
    """Some times; then the next look does it."""
    database = Moving(times)
    reader = Reader([database], Lines())
    reader.look()
    origin = reader.index.find(b"/a")
    assert origin is not None
    assert origin.version == str(reads - 1)
    assert reads <= TRIES
    assert reader.look() == (times >= TRIES)


class Beside(Moving):
    """A database with a package in two versions."""

    def read(self) -> Iterator[tuple[Package, list[bytes]]]:
        """Yield both."""
        for version in ("1", "2"):
            yield Package("a", version, version), [b"/a" + version.encode()]


class Broken(Moving):
    """A database that raises what nobody expects."""

    def read(self) -> Iterator[tuple[Package, list[bytes]]]:
        """Raise an error."""
        raise ZeroDivisionError("kf")


def test_the_thread_survives_what_nobody_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for it goes on, the reason is told, and a later state is read."""
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    log = Lines()
    broken, fine = Broken(0), Moving(0)
    databases: list[Moving] = [broken]
    reader = Reader(databases, log)
    reader.start()
    assert reader.wait(10)
    assert log.lines == ["no package versions: packages: kf"]
    databases[0] = fine
    fine.version = 5
    waited = threading.Event()
    for _ in range(1000):
        if reader.index.find(b"/a"):
            break
        waited.wait(0.01)
    assert reader.index.find(b"/a") is not None
