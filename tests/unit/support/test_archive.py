# SPDX-License-Identifier: Apache-2.0
import errno
import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from kflowd.errors import KflowdError
from kflowd.support.archive import Archive
from kflowd.support.parts import File

FILES = [File("README.txt", b"r"), File("a.txt", b"x" * 100_000)]


@pytest.mark.parametrize("name", ["a.tar.gz", "a", "a.tar.zst"])
def test_an_archive_holds_the_files(tmp_path: Path, name: str) -> None:
    """In a folder of its own, for its owner alone, in the form that its name asks for."""
    path = tmp_path / name
    before = os.umask(0)
    try:
        with Archive(path) as archive:
            archive.write(FILES)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    data = path.read_bytes()
    if name.endswith("zst"):
        data = zstandard.ZstdDecompressor().stream_reader(data).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as read:
        found = {it.name: read.extractfile(it).read() for it in read}  # type: ignore[union-attr]
        assert all(it.mode == 0o600 and it.isreg() for it in read)
    assert found == {f"kflowd-support/{name}": data for name, data in FILES}


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "fifo", "folder"])
def test_what_is_there_is_refused(tmp_path: Path, kind: str) -> None:
    """And stays what it was; a link is not followed."""
    path, other = tmp_path / "a", tmp_path / "other"
    if kind == "file":
        path.write_bytes(b"mine")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(other)
        if kind == "link":
            other.write_bytes(b"mine")
    before = path.lstat()
    with pytest.raises(KflowdError, match=f"^writing {path}: it is there already$"):
        Archive(path)
    assert path.lstat() == before
    assert not other.exists() or other.read_bytes() == b"mine"


def test_what_cannot_be_made_is_a_line(tmp_path: Path) -> None:
    """Ahead of all work."""
    with pytest.raises(KflowdError, match="No such file or directory$"):
        Archive(tmp_path / "no" / "a")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_half_an_archive_is_none(tmp_path: Path, error: type[BaseException]) -> None:
    """Whatever ended it; a file that has its name by now stays."""
    path = tmp_path / "a"
    with pytest.raises(error), Archive(path):
        raise error
    assert not path.exists()

    def replace() -> None:
        path.unlink()
        path.write_bytes(b"other")
        raise error

    with pytest.raises(error), Archive(path):
        replace()
    assert path.read_bytes() == b"other"


def test_a_full_disk_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is left."""

    def refuse(_number: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a"
    with Archive(path) as archive:
        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(KflowdError, match="No space left on device$"):
            archive.write(FILES)
        monkeypatch.undo()
    assert not path.exists()
