# SPDX-License-Identifier: Apache-2.0
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kflowd.delivery.formats.documents import date
from kflowd.fim.reading import MOST_NS, SAMPLE, Reader, Wanted, extended
from kflowd.fim.state import State, encode, state_of

WANTED = Wanted(max_size=1 << 30)


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[..., State]]:
    """Return what reads a name in the test's folder."""
    folder = os.open(tmp_path, os.O_RDONLY)
    reader = Reader(lambda uid: f"u{uid}", lambda gid: f"g{gid}")
    yield lambda name, wanted=WANTED: reader.read(folder, name.encode(), wanted)
    os.close(folder)


def test_a_file_has_all_that_stat_says_and_its_digest(
    tmp_path: Path, read: Callable[..., State]
) -> None:
    """Also when it was made, where the file system tells."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    found, status = read("a"), path.stat()
    assert found.sha256 == hashlib.sha256(b"abc").digest()
    assert (found.type, found.size, found.mode) == ("regular", 3, stat.S_IMODE(status.st_mode))
    assert (found.inode, found.device, found.links) == (status.st_ino, status.st_dev, 1)
    assert (found.user, found.group) == (f"u{status.st_uid}", f"g{status.st_gid}")
    assert found.mtime_ns == status.st_mtime_ns
    assert found.birth_ns is None or abs(found.birth_ns - status.st_ctime_ns) < 10**9
    assert found == read("a")


def test_nothing_blocks_and_no_link_is_followed(tmp_path: Path, read: Callable[..., State]) -> None:
    """W14: FIFOs and sockets are looked at and not opened; of a link its target is told."""
    os.mkfifo(tmp_path / "p")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
    (tmp_path / "l").symlink_to(b"/\xff".decode("utf-8", "surrogateescape"))
    (tmp_path / "d").mkdir()
    types = [read(it).type for it in "psld"]
    assert types == ["fifo", "socket", "symlink", "directory"]
    assert read("l").target == b"/\xff"
    assert all(read(it).sha256 is None for it in "psld")


def test_what_is_too_large_is_sampled(tmp_path: Path, read: Callable[..., State]) -> None:
    """A change in the middle is seen, and the digest is said to be of samples."""
    path = tmp_path / "a"
    path.write_bytes(bytes(8 * SAMPLE))
    small = Wanted(max_size=4096)
    one = read("a", small)
    with path.open("r+b") as file:
        file.seek(4 * SAMPLE)
        file.write(b"x")
    assert one.sampled
    assert read("a", small).sha256 != one.sha256
    assert not read("a", Wanted(max_size=4096, whole=True)).sampled


def test_the_beginning_has_a_digest_of_its_own(tmp_path: Path, read: Callable[..., State]) -> None:
    """That of a log as it was accepted; a file that is shorter by now has none."""
    (tmp_path / "a").write_bytes(b"abcdef")
    found = read("a", Wanted(1 << 20, prefix=3))
    assert (found.prefix_size, found.prefix_sha256) == (3, hashlib.sha256(b"abc").digest())
    assert read("a", Wanted(1 << 20, prefix=0)).prefix_sha256 == hashlib.sha256().digest()
    assert read("a", Wanted(1 << 20, prefix=9)).prefix_sha256 is None


def test_content_is_kept_if_it_is_wanted_and_small(tmp_path: Path) -> None:
    """For who reads what it says."""
    (tmp_path / "a").write_bytes(b"abc")
    folder = os.open(tmp_path, os.O_RDONLY)
    reader = Reader(str, str)
    for keep, kept in ((0, None), (2, None), (3, b"abc")):
        reader.read(folder, b"a", Wanted(1 << 20, keep=keep))
        assert reader.kept == kept
    os.close(folder)


def test_a_file_that_another_one_replaces_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was opened is compared with what was looked at."""
    for name in "ab":
        (tmp_path / name).write_text(name)
    folder = os.open(tmp_path, os.O_RDONLY)
    real = os.open
    swapped: list[bytes] = []

    def swap(path: bytes, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == b"a" and not swapped:
            swapped.append(path)
            (tmp_path / "b").rename(tmp_path / "a")
        return real(path, flags, *rest, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap)
    found = Reader(str, str).read(folder, b"a", WANTED)
    assert swapped
    assert found.sha256 == hashlib.sha256(b"b").digest()
    assert found.inode == (tmp_path / "a").stat().st_ino
    os.close(folder)


def test_a_file_that_does_not_hold_still_is_flagged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W18: it is read some times, and then said to be unstable."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    folder = os.open(tmp_path, os.O_RDONLY)
    real = os.pread

    def grow(descriptor: int, size: int, at: int) -> bytes:
        with path.open("ab") as file:
            file.write(b"x")
        return real(descriptor, size, at)

    monkeypatch.setattr(os, "pread", grow)
    assert Reader(str, str).read(folder, b"a", WANTED).note == "unstable"
    os.close(folder)


def test_extended_attributes_are_told_apart() -> None:
    """Labels as text, capabilities decoded, of others a digest; what went meanwhile is left out."""
    found = extended(
        [
            ("security.selinux", b"a:b:c\0"),
            ("user.x", b"1"),
            ("user.gone", None),
            ("security.capability", b"\1"),
            ("system.posix_acl_access", b"\2\0\0\0"),
        ]
    )
    assert found["label"] == "a:b:c"
    assert found["capabilities"] == "unknown:01"
    assert found["acl"] == ()
    assert found["xattrs"] == {"user.x": hashlib.sha256(b"1").hexdigest()}


def test_what_is_gone_is_no_state(read: Callable[..., State]) -> None:
    """Who asks is told."""
    with pytest.raises(FileNotFoundError):
        read("nothing")


def test_a_time_of_more_than_64_bits_is_the_last_one() -> None:
    """Whoever owns a file may set one, where the file system keeps it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        for path, seconds in (("a", 99999999999999), ("b", -99999999999999)):
            (Path(name) / path).write_text("")
            os.utime(Path(name) / path, (seconds, seconds))
        folder = os.open(name, os.O_RDONLY)
        reader = Reader(lambda _: "", lambda _: "")
        found = [reader.read(folder, it, WANTED) for it in (b"a", b"b")]
        os.close(folder)
    assert [it.mtime_ns for it in found] == [MOST_NS, -MOST_NS - 1]
    assert [state_of(encode(it), b"/a") for it in found] == found
    assert date(MOST_NS).startswith("2262-")


def test_names_of_attributes_are_told_apart() -> None:
    """One that is no UTF-8 is none that another may have as text."""
    raw = os.fsdecode(b"user.\xff")
    found = extended([(raw, b"1"), ("user.\\xff", b"2")])["xattrs"]
    assert set(found) == {"hex:757365722eff", "user.\\xff"}
