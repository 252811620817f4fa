# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from kflowd.constants import SECOND_NS
from kflowd.enrich import hierarchies as module
from kflowd.enrich.hierarchies import Hierarchies, chosen, paths_of

ID = "7e" * 32
TGID, START_NS = 4711, 123_456_789_012
TICKS = 12_345
UNIFIED = "0::/system.slice/web.service\n"


def stat(flags: int = 0x400040, ticks: int = TICKS, name: str = "a) b (c") -> str:
    """Return what /proc/PID/stat has, up to the start time and what is behind it."""
    return f"{TGID} ({name}) S 1 4711 4711 0 -1 {flags} {'0 ' * 12}{ticks} 8392704 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Return a proc with one process, in a container of v1."""
    (tmp_path / str(TGID)).mkdir()
    put(tmp_path, "cgroup", f"4:memory:/docker/{ID}\n{UNIFIED}")
    put(tmp_path, "stat", stat())
    return tmp_path


def put(proc: Path, name: str, text: str) -> None:
    (proc / str(TGID) / name).write_bytes(text.encode("utf-8", "surrogateescape"))


def test_the_path_of_a_process(proc: Path) -> None:
    """Its start time is in ticks, as many a second as the host says."""
    assert Hierarchies(proc).read(TGID, START_NS) == f"/docker/{ID}"
    put(proc, "stat", stat(ticks=START_NS * 250 // SECOND_NS))
    assert Hierarchies(proc, hertz=250).read(TGID, START_NS) == f"/docker/{ID}"


@pytest.mark.parametrize(
    "text", [stat(ticks=TICKS + 1), stat(flags=0x400044), "", "4711 (a) S 1", stat(name=") S 1")]
)
def test_who_is_another_or_exits_says_nothing(proc: Path, text: str) -> None:
    """Who exits has left the groups of v1: proc says the root of all."""
    put(proc, "stat", text)
    known = text == stat(name=") S 1")  # a name is a name, whatever it is
    assert Hierarchies(proc).read(TGID, START_NS) == (f"/docker/{ID}" if known else None)


@pytest.mark.parametrize("name", ["cgroup", "stat"])
def test_who_is_gone_says_nothing(proc: Path, name: str) -> None:
    """Ahead of the reading or meanwhile."""
    (proc / str(TGID) / name).unlink()
    assert Hierarchies(proc).read(TGID, START_NS) is None


def test_a_text_that_is_cut_says_nothing(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a path could be missing."""
    monkeypatch.setattr(module, "MAX_BYTES", 20)
    assert Hierarchies(proc).read(TGID, START_NS) is None


def test_hierarchies_have_an_order() -> None:
    """Not that of proc, which is by number; of others nothing is taken."""
    text = (
        "12:cpuset:/a\n11:devices:/b\n9:cpu,cpuacct:/c:d\n8:pids:/e\n4:memory:/f\n"
        "2:name=other:/g\n1:name=systemd:/h\nx\n3:freezer\n"
    )
    assert paths_of(text + UNIFIED) == ["/h", "/f", "/e", "/c:d", "/b"]
    assert paths_of(UNIFIED) == []
    assert paths_of("") == []


@pytest.mark.parametrize(
    ("paths", "path"),
    [
        ([], None),
        (["/", "/"], "/"),
        (["/system.slice/ssh.service", "/other"], "/system.slice/ssh.service"),
        (["/", "/", "/other", "/last"], "/other"),
        (["/", "/jobs/7", "/a.service", "/b.service"], "/a.service"),
        # cgroupfs driver: systemd's hierarchy has the service of who started it
        (["/system.slice/docker.service", f"/docker/{ID}", "/lxc/web"], f"/docker/{ID}"),
    ],
)
def test_a_container_is_taken_before_what_is_none(paths: list[str], path: str | None) -> None:
    """In whichever hierarchy it is; a unit before another group, and that before none."""
    assert chosen(paths) == path


def of_host(proc: Path, text: str, monkeypatch: pytest.MonkeyPatch, number: int | None) -> bool:
    mine = proc / "self"
    (mine / "ns").mkdir(parents=True)
    (mine / "cgroup").write_text(text)
    if number is not None:
        (mine / "ns" / "cgroup").touch()
        inode = (mine / "ns" / "cgroup").stat().st_ino
        monkeypatch.setattr(module, "INITIAL_NAMESPACE", inode + number)
    return Hierarchies.of_host(proc).there


@pytest.mark.parametrize(
    ("text", "number", "there"),
    [
        (UNIFIED, 0, False),
        (f"1:name=systemd:/\n{UNIFIED}", 0, True),
        ("3:pids:/\n", None, True),  # a kernel without cgroup namespaces, and without v2
        ("5:net_cls:/\n2:name=other:/\n0::/\n", 0, False),
        # paths begin somewhere
        ("3:pids:/\n", 1, False),
        ("", 0, False),
    ],
)
def test_which_hierarchies_there_are_is_found_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, number: int | None, there: bool
) -> None:
    """Of all, wherever they are mounted: proc lists them."""
    assert of_host(tmp_path, text, monkeypatch, number) == there


def test_without_proc_there_are_none(tmp_path: Path) -> None:
    """And ticks are those of the host."""
    assert not Hierarchies.of_host(tmp_path).there
    assert Hierarchies.of_host(tmp_path)._tick_ns == SECOND_NS // os.sysconf("SC_CLK_TCK")
