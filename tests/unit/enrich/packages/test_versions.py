# SPDX-License-Identifier: Apache-2.0
import os
import time
from pathlib import Path
from typing import Any

import pytest

from kflowd.constants import SECOND_NS
from kflowd.enrich.packages.dpkg import Dpkg
from kflowd.enrich.packages.place import TICK_NS, Clock, Mounts
from kflowd.enrich.packages.reader import Reader
from kflowd.enrich.packages.versions import MAX_IMAGES, PackageVersions
from kflowd.model import Actor, ExeFlag, FileFlag, ProcessExit, ProcessSource
from tests.unit.enrich.packages.make import Lines, Tree
from tests.unit.make import actor, inode, named_file, process, seen

HERE = 11


def pause() -> int:
    """Let what was done be older than what comes; return the time (CLOCK_BOOTTIME)."""
    time.sleep(2 * TICK_NS / SECOND_NS)
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Host:
    """Installed programs, their database, and the enricher; in the mount namespace HERE."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "usr"
        self.folder.mkdir()
        self.tree = Tree(folder)
        self.install("1:1.0")
        pause()
        self.reader = Reader([Dpkg(str(self.tree.admin))], Lines())
        self.mounted = False
        mounts = Mounts(
            lambda: f"1 0 1:2 / {self.folder} rw - x x x\n" if self.mounted else "", lambda: True
        )
        self.reader.look()
        self.versions = PackageVersions(self.reader, mounts, Clock(), HERE)
        self.now = pause()

    @property
    def path(self) -> Path:
        """Of the program."""
        return self.folder / "program"

    def install(self, version: str) -> None:
        """Do what dpkg does: a new file in the place of the old one, then the database."""
        new = self.folder / "program.dpkg-new"
        new.write_text(version)
        new.chmod(0o755)
        new.rename(self.path)
        self.tree.add("program", version, str(self.path))

    def follow(self) -> bool:
        """Read the database again, and tell the enricher."""
        self.reader.look()
        return self.versions.refresh(0)

    def run(self, number: int = 1, **changes: Any) -> Actor:
        """Start the program in a process; return its actor, without a version."""
        who = process(**{"tgid": number, "execs": 1, "mnt_ns": HERE, **changes.pop("process", {})})
        start = seen(**{"process": who, "ts_ns": self.now, "exe": str(self.path), **changes})
        self.versions.observe(start)
        return actor(process=who, seen=start)

    def version(self, who: Actor) -> str:
        """Return what a record of an actor has now."""
        made = Actor(who.process, seen=who.seen)
        self.versions.enrich_actor(made)
        return made.version

    def file(self, at: Path | None = None, **changes: Any) -> str:
        """Return what a file record has, by what is at a path now."""
        path = at or self.path
        found = path.lstat()
        dev = os.major(found.st_dev) << 20 | os.minor(found.st_dev)
        known = {"mode": found.st_mode, "ino": found.st_ino, "dev": dev}
        value = named_file(
            **{
                "path": str(path),
                "last_ns": self.now,
                "inode": inode(**{**known, **changes.pop("inode", {})}),
                **changes,
            }
        )
        self.versions.enrich_file(value)
        return value.version


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with a program of version 1:1.0."""
    return Host(tmp_path)


def test_a_program_has_the_version_of_its_package(host: Host) -> None:
    """And its file; another file has none."""
    assert host.version(host.run()) == "1:1.0"
    assert host.file() == "1:1.0"
    other = host.folder / "other"
    other.write_text("")
    other.chmod(0o755)
    assert host.file(other) == ""
    assert host.version(host.run(2, exe=str(other))) == ""
    assert host.version(host.run(3, exe="")) == ""
    assert host.version(actor()) == ""


def test_an_upgrade_changes_neither_what_runs_nor_what_was_seen(host: Host) -> None:
    """Each program keeps the version that it was started with, and so do its children."""
    before = host.run()
    old = host.path.stat()
    opened = host.path.open()
    host.install("2:2.0")
    host.now = pause()
    # not known yet: the database has been read before the new file came
    assert host.file() == ""
    between = host.run(2)
    assert host.version(between) == ""
    assert host.follow()
    assert host.version(before) == "1:1.0"
    fork = process(tgid=3, execs=1, mnt_ns=HERE)
    told = seen(process=fork, source=ProcessSource.FORK, creator=(1, 5 * SECOND_NS), exe="")
    host.versions.observe(told)
    assert host.version(actor(process=fork, seen=told)) == "1:1.0"
    # it was started when the new file was there, which is known by now to be of version 2
    assert host.version(between) == "2:2.0"
    assert host.file() == "2:2.0"
    assert host.file(inode={"ino": old.st_ino}) == ""
    opened.close()


def test_what_was_started_before_has_not_the_version_of_now(host: Host) -> None:
    """Nobody asked when the program was the old one; it is told late, and not known any more."""
    early = host.now
    pause()
    host.install("2:2.0")
    pause()
    host.follow()
    assert host.version(host.run(ts_ns=early)) == ""
    assert host.file(last_ns=early) == ""
    host.now = pause()
    assert host.version(host.run(2)) == "2:2.0"


def test_what_replaces_a_file_without_its_package_has_no_version(host: Host) -> None:
    """Also when another package is installed afterwards."""
    copy = host.folder / "copy"
    copy.write_text("evil")
    copy.chmod(0o755)
    copy.rename(host.path)
    host.now = pause()
    assert host.file() == ""
    host.tree.add("other", "7", "/usr/bin/kf-other")
    assert host.follow()
    host.now = pause()
    assert host.file() == ""
    assert host.version(host.run()) == ""


def test_during_an_upgrade_there_is_no_version(host: Host) -> None:
    """Between the first file and the last one nobody knows whose they are."""
    stanza = host.tree.stanzas["program:amd64"]
    host.tree.stanzas["program:amd64"] = stanza.replace(
        "install ok installed", "install reinstreq half-installed"
    )
    host.tree.write()
    host.follow()
    assert host.file() == ""
    assert host.version(host.run()) == ""


def test_the_same_path_in_another_namespace_is_not_ours(host: Host) -> None:
    """A container has its own file there: another inode, and /proc does not tell."""
    assert host.version(host.run(process={"mnt_ns": HERE + 1, "tgid": 2**22 + 1})) == ""
    assert host.file(inode={"dev": 1 << 20 | 1}) == ""


def test_our_file_in_another_namespace_is_ours(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a service that has but its own /tmp: what it runs is told by /proc, while it runs."""
    found = host.path.stat()
    asked: list[tuple[int, int]] = []

    def running(tgid: int, start_ns: int) -> tuple[int, int]:
        asked.append((tgid, start_ns))
        return found.st_dev, found.st_ino

    monkeypatch.setattr("kflowd.enrich.packages.versions.running", running)
    assert host.version(host.run(process={"mnt_ns": HERE + 1})) == "1:1.0"
    assert asked == [(1, 5 * SECOND_NS)]
    assert host.version(host.run(2)) == "1:1.0"
    assert len(asked) == 1


@pytest.mark.parametrize("flags", [ExeFlag.DELETED, ExeFlag.FILELESS, FileFlag.PATH_TRUNCATED])
def test_a_program_without_a_whole_path_has_none(flags: int, host: Host) -> None:
    """Its path may be that of another file."""
    assert host.version(host.run(exe_flags=flags)) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"flags": FileFlag.PATH_GUESSED},
        {"flags": FileFlag.PATH_DELETED},
        {"flags": FileFlag.PATH_UNREACHABLE},
        {"flags": FileFlag.PATH_NO_MOUNT},
        {"flags": FileFlag.NO_INODE},
        {"path": ""},
        {"inode": {"mode": 0o100644}},
        {"inode": {"mode": 0o040755}},
        {"inode": {"dev": 0}},
    ],
)
def test_a_file_that_is_not_known_has_none(changes: dict[str, Any], host: Host) -> None:
    """By path and inode; nor one that cannot be run."""
    assert host.file(**changes) == ""


def test_what_was_mounted_over_it_has_none(host: Host) -> None:
    """The file may be as old as it likes."""
    host.mounted = True
    assert host.file() == ""
    assert host.version(host.run()) == ""


def test_a_snapshot_adds_nothing_to_what_was_told(host: Host) -> None:
    """But a program that nobody told of."""
    assert host.version(host.run()) == "1:1.0"
    again = host.run(source=ProcessSource.SNAPSHOT, exe="/other")
    assert host.version(again) == "1:1.0"
    other = host.run(source=ProcessSource.SNAPSHOT, exe="/other", process={"execs": 2})
    assert host.version(other) == ""


def test_each_program_of_a_process_has_its_own(host: Host) -> None:
    """The last ones are kept."""
    first = host.run()
    second = host.run(exe="/other", process={"execs": 2})
    assert [host.version(first), host.version(second)] == ["1:1.0", ""]
    for number in range(MAX_IMAGES):
        host.run(process={"execs": 3 + number})
    assert host.version(second) == ""
    assert host.version(first) == ""


def test_tables_are_bounded(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who exited first goes first; an exit alone loses nothing."""
    monkeypatch.setattr("kflowd.enrich.packages.versions.MAX_PROCESSES", 3)
    actors = [host.run(number) for number in range(1, 4)]
    host.versions.observe(ProcessExit(host.now, process(tgid=2)))
    host.versions.observe(ProcessExit(host.now, process(tgid=99)))
    assert [host.version(who) for who in actors] == ["1:1.0"] * 3
    host.run(4)
    host.run(5)
    assert [host.version(who) for who in actors] == ["", "", "1:1.0"]


def test_a_clock_that_was_set_back_stamps_files_too_early(host: Host) -> None:
    """What came behind the step is not taken for what came before the reading."""
    wall = {"step": 0}
    clock = Clock(lambda: time.time_ns() + wall["step"])
    host.versions = PackageVersions(host.reader, Mounts(str, bool), clock, HERE)
    assert host.file() == "1:1.0"
    wall["step"] = -3600 * SECOND_NS
    host.install("1:1.0")
    os.utime(host.path)
    assert host.file() == ""


def test_an_index_that_comes_late_is_used(tmp_path: Path) -> None:
    """What ran before gets its version then, as its file is as old."""
    host = Host(tmp_path)
    reader = Reader([Dpkg(str(host.tree.admin))], Lines())
    host.versions = PackageVersions(reader, Mounts(str, bool), Clock(), HERE)
    who = host.run()
    assert host.version(who) == ""
    assert not host.versions.refresh(0)
    reader.look()
    assert host.versions.refresh(0)
    assert host.version(who) == "1:1.0"
    assert not host.versions.refresh(0)


def test_the_live_one_reads_this_host() -> None:
    """It waits for the first reading; the interpreter's own state is no matter."""
    versions = PackageVersions.live()
    versions.prepare()
    assert versions.refresh(0)
