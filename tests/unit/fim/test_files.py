# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from kflowd.fim.files import opened


def test_regular_files_alone_are_opened(tmp_path: Path) -> None:
    """A FIFO is not waited for; a link leads to a file only where it may."""
    path, link = tmp_path / "a", tmp_path / "l"
    path.write_bytes(b"abc")
    link.symlink_to(path)
    os.mkfifo(tmp_path / "p")
    for name in (path, bytes(path), link):
        with opened(name) as file:
            assert file.read() == b"abc"
    for each in (tmp_path / "p", tmp_path, Path("/dev/null")):
        with pytest.raises(OSError, match="no regular file"):
            opened(each)
    with pytest.raises(OSError, match="symbolic links"):
        opened(link, follow=False)
