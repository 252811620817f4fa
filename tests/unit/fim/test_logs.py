# SPDX-License-Identifier: Apache-2.0
import bz2
import gzip
import hashlib
import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kflowd.fim.logs import carrier_of
from tests.unit.fim.hosts import Host
from tests.unit.fim.states import state


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with two accepted generations of a log."""
    made = Host(tmp_path, policy="append")
    (made.tree / "app.log").write_text("one\n")
    (made.tree / "app.log.1").write_text("zero\n")
    made.init()
    return made


def append(path: Path, text: str) -> None:
    """Write at the end of a file."""
    with path.open("a") as file:
        file.write(text)


def test_a_log_may_grow(host: Host) -> None:
    """And what it has grown by may not change later."""
    log = host.tree / "app.log"
    append(log, "two\n")
    assert host.found() == []
    append(log, "three\n")
    assert host.found() == []
    log.write_text("one\nTWO\nthree\n")
    assert host.found() == [("modified", "app.log")]


def make_anew(log: Path) -> None:
    """Put another file in its place."""
    log.unlink()
    log.write_text("new\n")


def open_to_all(log: Path) -> None:
    """Let it grow, and others write it."""
    append(log, "x")
    log.chmod(0o666)


@pytest.mark.parametrize(
    "change",
    [
        lambda log: log.write_text("on"),
        lambda log: log.write_text("other\nand longer"),
        lambda log: log.unlink(),
        make_anew,
        open_to_all,
    ],
)
def test_nothing_else_may_happen(host: Host, change: Callable[[Path], object]) -> None:
    """It is cut, written over, gone, made anew, or its mode is another."""
    change(host.tree / "app.log")
    assert [it[1] for it in host.found()] == ["app.log"]


def rotate(tree: Path) -> None:
    """Rename each generation and begin a new one, as logrotate does."""
    (tree / "app.log.1").rename(tree / "app.log.2")
    (tree / "app.log").rename(tree / "app.log.1")
    (tree / "app.log").write_text("")


def rotate_compressed(tree: Path) -> None:
    """The same, and the oldest is compressed."""
    rotate(tree)
    (tree / "app.log.2.gz").write_bytes(gzip.compress((tree / "app.log.2").read_bytes()))
    (tree / "app.log.2").unlink()


def copy_and_cut(tree: Path) -> None:
    """The same with copies, as copytruncate does."""
    shutil.copy(tree / "app.log.1", tree / "app.log.2")
    shutil.copy(tree / "app.log", tree / "app.log.1")
    os.truncate(tree / "app.log", 0)


@pytest.mark.parametrize("way", [rotate, rotate_compressed, copy_and_cut])
def test_a_log_may_be_rotated(host: Host, way: Callable[[Path], None]) -> None:
    """Its old content is beside it; what is written after that may not change."""
    append(host.tree / "app.log", "more\n")
    way(host.tree)
    append(host.tree / "app.log", "fresh\n")
    assert host.found() == []
    (host.tree / "app.log").write_text("FRESH\n")
    (host.tree / "app.log.1").write_text("forged\n")
    assert {it[1] for it in host.found()} == {"app.log", "app.log.1"}


def test_a_rotation_hides_no_change(host: Host) -> None:
    """What was accepted and is nowhere by then is a finding."""
    rotate(host.tree)
    (host.tree / "app.log.2").write_text("forged\n")
    assert "app.log.1" in {it[1] for it in host.found()} | {it[-1] for it in host.found()}


@pytest.mark.parametrize(
    "name", ["x.log.1", "x.log-20260101", "x.log.3.gz", "x.log.2.xz", "x.log.1.bz2"]
)
def test_the_old_content_is_found_by_what_it_is(tmp_path: Path, name: str) -> None:
    """Not by the name, which others may give; damaged and short ones are none."""
    data = b"line\n" * 9
    before = state(size=len(data), sha256=hashlib.sha256(data).digest())
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "xz": lzma.compress,
        "bz2": bz2.compress,
    }
    pack = packers.get(name.rpartition(".")[2], bytes)
    log = bytes(tmp_path / "x.log")
    (tmp_path / name).write_bytes(pack(data[:-1]))
    assert carrier_of(log, before) is None
    for damaged in (b"\x1f\x8bdamaged", gzip.compress(data)[:10] + b"\xff" * 20):
        (tmp_path / name).write_bytes(damaged)
        assert carrier_of(log, before) is None
    (tmp_path / name).write_bytes(pack(data + b"more"))
    assert carrier_of(log, before) == bytes(tmp_path / name)
    assert carrier_of(bytes(tmp_path / "nothing" / "x.log"), before) is None


def test_what_cannot_be_read_is_no_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was accepted, and though nothing is easily in another file."""
    host = Host(tmp_path, policy="append")
    (host.tree / "app.log").write_text("")
    host.init()

    def refuse(_number: int, _size: int, _at: int) -> bytes:
        raise OSError(5, "Input/output error")

    (host.tree / "app.log").write_text("new")
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", refuse)
        assert [it[1] for it in host.found()] == ["app.log"]
        host.decide("accepted")
    (host.tree / "app.log.1.gz").write_bytes(gzip.compress(b""))
    assert "app.log" in [it[1] for it in host.found()]
