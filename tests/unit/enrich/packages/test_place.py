# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kflowd.constants import SECOND_NS
from kflowd.enrich.packages.place import (
    TICK_NS,
    Clock,
    Identity,
    MountChanges,
    Mounts,
    in_place,
    running,
)

MOUNT = "36 35 98:0 / {} rw,noatime - ext4 {} rw\n"


def later() -> int:
    """Return a wall time so far behind all changes of files that none of them is younger."""
    time.sleep(2 * TICK_NS / SECOND_NS)
    return time.time_ns()


def identity(path: Path) -> Identity:
    """Return that of what is there."""
    found = path.lstat()
    return Identity(found.st_dev, found.st_ino)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a program that was installed."""
    path = tmp_path / "program"
    path.write_text("x")
    path.chmod(0o755)
    return path


def moved_in(program: Path) -> None:
    """Put an old file there by a rename."""
    os.rename(program.parent / "old", program)


def linked_in(program: Path) -> None:
    """Put an old file there by a link."""
    program.unlink()
    os.link(program.parent / "old", program)


def copied(program: Path) -> None:
    """Put a new file there, which may get the inode number of the old one."""
    program.unlink()
    program.write_text("y")


def rewritten(program: Path) -> None:
    """Write to the file that is there."""
    program.write_text("z")


def backdated(program: Path) -> None:
    """Put a new file there that says to be old."""
    copied(program)
    os.utime(program, ns=(5, 5))


@pytest.mark.parametrize("change", [moved_in, linked_in, copied, rewritten, backdated])
def test_what_has_come_later_is_not_in_place(change: Callable[[Path], None], program: Path) -> None:
    """Whatever its times say, and however it came."""
    (program.parent / "old").write_text("x")
    until = later()
    assert in_place(str(program), until, None) == identity(program)
    change(program)
    assert in_place(str(program), until, None) is None
    assert in_place(str(program), until, identity(program)) is None
    assert in_place(str(program), later(), None) == identity(program)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.chmod(0o4755),
        lambda path: os.chown(path, os.getuid(), os.getgid()),
        lambda path: os.utime(path, ns=(1, path.stat().st_mtime_ns)),
    ],
)
def test_another_mode_is_not_another_file(change: Callable[[Path], None], program: Path) -> None:
    """As long as its directory tells that nothing has come there since."""
    until = later()
    change(program)
    assert program.stat().st_ctime_ns > until - TICK_NS
    assert in_place(str(program), until, None) == identity(program)
    (program.parent / "other").write_text("")
    assert in_place(str(program), until, None) is None


def test_another_inode_is_not_what_was_seen(program: Path) -> None:
    """Of another device, too: a container's file of the same path."""
    dev, ino = identity(program)
    until = later()
    assert in_place(str(program), until, Identity(dev, ino)) == (dev, ino)
    assert in_place(str(program), until, Identity(dev, ino + 1)) is None
    assert in_place(str(program), until, Identity(dev + 1, ino)) is None


def test_what_is_no_file_is_not_in_place(tmp_path: Path) -> None:
    """Directories, what is gone, names that no file can have."""
    until = later()
    for path in (str(tmp_path), str(tmp_path / "none"), "/a\0b", str(tmp_path / ("x" * 5000))):
        assert in_place(path, until, None) is None


def test_a_link_is_itself(tmp_path: Path) -> None:
    """It may be of another package than its target."""
    link = tmp_path / "sh"
    link.symlink_to("dash")
    assert in_place(str(link), later(), None) == identity(link)


def test_a_mount_hides_what_is_below_it() -> None:
    """One that was made since, at the path or above it; those of before are the tree."""
    text = [MOUNT.format("/", "/dev/a") + MOUNT.format("/usr", "/dev/b")]
    changes: list[bool] = []
    mounts = Mounts(lambda: text[-1], lambda: bool(changes and changes.pop()))
    assert not mounts.over("/usr/bin/true")
    text.append(text[0] + MOUNT.format("/usr/bin/true", "/dev/a") + MOUNT.format("/opt/x", "x"))
    assert not mounts.over("/usr/bin/true")
    changes.append(True)
    assert mounts.over("/usr/bin/true")
    assert mounts.over("/opt/x/bin/y")
    assert not mounts.over("/opt/xy")
    assert not mounts.over("/usr/bin/false")
    text.append(text[0] + MOUNT.format("/", "overlay"))
    changes.append(True)
    assert mounts.over("/usr/bin/false")
    text.append(text[0])
    changes.append(True)
    assert not mounts.over("/usr/bin/true")


def test_mounts_of_now_are_no_change() -> None:
    """Those of this host: the tests change none of them."""
    assert not MountChanges()()
    assert not Mounts().over("/usr/bin/true")


def test_a_step_of_the_clock_is_seen() -> None:
    """Stamps of files made behind a step back are too early by that, and stay so."""
    now = {"wall": 1000, "boot": 10}
    clock = Clock(lambda: now["wall"], lambda: now["boot"])
    assert (clock.wall(10), clock.behind_ns) == (1000, 0)
    now.update(wall=1100, boot=20)
    assert (clock.wall(20), clock.behind_ns) == (1100, 0)
    now.update(wall=700, boot=30)
    assert (clock.wall(30), clock.behind_ns) == (700, 410)
    now.update(wall=1000, boot=40)
    assert (clock.wall(40), clock.behind_ns) == (1000, 120)


def test_what_a_process_runs_is_asked_by_its_start() -> None:
    """Of a process that has ended, or whose number another one has, nothing is known."""
    wanted = os.stat(sys.executable)
    ticks = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])
    start_ns = ticks * SECOND_NS // os.sysconf("SC_CLK_TCK")
    assert running(os.getpid(), start_ns) == Identity(wanted.st_dev, wanted.st_ino)
    assert running(os.getpid(), start_ns - SECOND_NS) is None
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert running(ended.pid, start_ns) is None
