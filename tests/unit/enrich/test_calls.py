# SPDX-License-Identifier: Apache-2.0
import errno
import os
from pathlib import Path

import pytest

from kflowd.enrich.calls import NO_SYMLINKS, look, openat2

FLAGS = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def test_statx_tells_what_stat_tells(tmp_path: Path) -> None:
    """Each member is another number, so that none can stand for another."""
    path = tmp_path / "file"
    path.write_bytes(b"n" * 4711)
    path.chmod(0o4751)
    os.utime(path, ns=(1, -3_000_000_007))
    descriptor = os.open(path, FLAGS)
    try:
        found, known = look(descriptor), os.stat(path)
    finally:
        os.close(descriptor)
    times = (known.st_ctime_ns, known.st_mtime_ns)
    assert found[:5] == (known.st_mode, known.st_ino, known.st_size, *times)
    assert found[5:] == (os.major(known.st_dev), os.minor(known.st_dev))


def test_a_path_is_opened_from_a_folder_on(tmp_path: Path) -> None:
    """Bytes that are no text are a name, too; a symbolic link on the way is refused."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with open(os.fsencode(tmp_path) + b"/real/\xff", "wb"):
        pass
    folder = os.open(tmp_path, os.O_PATH)
    try:
        descriptor = openat2(folder, b"real/\xff", FLAGS, NO_SYMLINKS)
        assert look(descriptor).ino == os.stat(os.fsencode(tmp_path) + b"/real/\xff").st_ino
        os.close(descriptor)
        with pytest.raises(OSError, match="symbolic") as refused:
            openat2(folder, b"link/\xff", FLAGS, NO_SYMLINKS)
        assert refused.value.errno == errno.ELOOP
    finally:
        os.close(folder)


def test_a_closed_descriptor_is_an_error() -> None:
    """As of any system call."""
    with pytest.raises(OSError, match="descriptor"):
        look(-5)
