# SPDX-License-Identifier: Apache-2.0
import errno
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kflowd.delivery.sinks import FileSink
from kflowd.delivery.sinks import file as module
from kflowd.delivery.sinks.framing import RECORD
from kflowd.settings import RotateSettings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records"


@contextmanager
def no_more_than(size: int) -> Iterator[None]:
    """Let files grow to so many bytes: what a full disk is, one byte exactly."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_records_are_appended(path: Path) -> None:
    """For the owner's eyes, on lines or as on standard output; what was there stays."""
    path.write_bytes(b"old\n")
    for separator in (b"\n", RECORD):
        sink = FileSink(path, separator=separator, head=b"HEAD\n")
        assert sink.write([b"1", b"2"], 0) == (2, 0)
        sink.close()
    assert path.read_bytes() == b"old\n1\n2\n1\n\x1e\n2\n\x1e\n"
    path.unlink()
    old = os.umask(0)
    FileSink(path, head=b"HEAD\n").open()
    os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.read_bytes() == b"HEAD\n"


def test_a_line_that_a_host_left_unfinished_is_ended(path: Path) -> None:
    """The next record is none of its."""
    path.write_bytes(b'{"a": 1}\n{"b"')
    sink = FileSink(path)
    sink.write([b"{}"], 0)
    sink.close()
    assert path.read_bytes() == b'{"a": 1}\n{"b"\n{}\n'


@pytest.mark.parametrize("room", [0, 1, 6, 7, 13, 15, 16])
def test_a_full_disk_has_whole_records(path: Path, room: int) -> None:
    """All that fit, nothing of the next; when there is room again the file goes on."""
    texts = [b"number" + str(n).encode() for n in range(3)]
    sink = FileSink(path)
    sink.open()
    whole = 0
    with no_more_than(room):
        try:
            whole, offset = sink.write(texts, 0)
            assert offset == 0
        except OSError as error:
            assert error.errno in (errno.EFBIG, errno.ENOSPC)
    assert path.read_bytes() == b"".join(it + b"\n" for it in texts[:whole])
    assert whole == room // 8
    assert sink.write(texts[whole:], 0) == (3 - whole, 0)
    assert path.read_bytes() == b"".join(it + b"\n" for it in texts)
    sink.close()


def test_where_nothing_can_be_taken_back_a_record_has_a_line_of_its_own(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file to which can only be appended."""

    def refused(_number: int, _size: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "ftruncate", refused)
    sink = FileSink(path)
    with no_more_than(12):
        assert sink.write([b"number0", b"number1"], 0) == (1, 0)
    assert sink.write([b"number1"], 0) == (1, 0)
    assert path.read_bytes() == b"number0\nnumb\nnumber1\n"
    sink.close()


@pytest.mark.parametrize("how", ["renamed", "removed", "replaced", "asked"])
def test_a_file_that_was_rotated_by_others_is_left(
    path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself within a second, at once when asked."""
    if how != "asked":
        monkeypatch.setattr(module, "LOOK_NS", 0)
    sink = FileSink(path)
    sink.write([b"1"], 0)
    old = path.with_name("old")
    if how == "removed":
        path.unlink()
    else:
        path.rename(old)
    if how == "replaced":
        path.write_bytes(b"new\n")
    if how == "asked":
        sink.close()
    sink.write([b"2"], 0)
    assert path.read_bytes() == (b"new\n2\n" if how == "replaced" else b"2\n")
    assert how == "removed" or old.read_bytes() == b"1\n"
    sink.close()


def test_what_is_no_file_of_ours_is_refused(path: Path) -> None:
    """A link, a FIFO without a reader, a directory, a device, one with two names, one of others."""
    other = path.with_name("other")
    other.write_bytes(b"")

    def refused() -> int | None:
        with pytest.raises(OSError, match=".") as caught:
            FileSink(path).write([b"1"], 0)
        if not path.is_dir():
            path.unlink()
        return caught.value.errno

    path.symlink_to(other)
    assert refused() == errno.ELOOP
    os.link(other, path)
    assert refused() == errno.EPERM
    os.mkfifo(path)
    assert refused() == errno.EINVAL
    path.write_bytes(b"")
    if os.geteuid() == 0:
        os.chown(path, 1, 1)
        assert refused() == errno.EPERM
        subprocess.run(["mknod", path, "c", "1", "3"], check=True)
        assert refused() == errno.EINVAL
    else:
        path.unlink()
    path.mkdir()
    assert refused() == errno.EISDIR
    assert other.read_bytes() == b""


def test_a_size_that_a_file_does_not_exceed(path: Path) -> None:
    """Unless a record is larger; no record is in two files."""
    rotate = RotateSettings(size=100, keep=100)
    sink = FileSink(path, rotate=rotate, head=b"H\n")
    texts = [b"x" * (n % 60) for n in range(200)]
    left = list(texts)
    while left:
        whole, _ = sink.write(left, 0)
        left = left[whole:]
    sink.close()
    files = sorted(path.parent.iterdir(), key=lambda it: -int(it.suffix[1:] or 0))
    assert all(it.stat().st_size <= 102 for it in files)
    lines = [line for it in files for line in it.read_bytes().split(b"\n")[1:-1]]
    assert lines == texts
    assert len(files) > 50
    big = FileSink(path, rotate=rotate)
    assert big.write([b"y" * 1000, b"z"], 0)[0] == 1
    assert big.write([b"z"], 0)[0] == 1
    big.close()
    assert path.with_name("records.1").read_bytes().endswith(b"y" * 1000 + b"\n")


def test_an_age_at_which_a_file_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the next record."""
    now = [time.monotonic_ns()]
    monkeypatch.setattr(time, "monotonic_ns", lambda: now[0])
    sink = FileSink(path, rotate=RotateSettings(age_ns=10_000_000_000))
    for text, later_ns in ((b"1", 0), (b"2", 9_000_000_000), (b"3", 1_000_000_000)):
        now[0] += later_ns
        sink.write([text], 0)
    sink.close()
    assert path.read_bytes() == b"3\n"
    assert path.with_name("records.1").read_bytes() == b"1\n2\n"
