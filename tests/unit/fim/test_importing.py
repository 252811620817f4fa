# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from kflowd.errors import UsageError
from kflowd.fim.importing import import_config


def test_a_file_is_converted(tmp_path: Path) -> None:
    """Text and notes."""
    path = tmp_path / "aide.conf"
    path.write_bytes(b"/etc$ R\n@@include x\n")
    found = import_config(path)
    assert "[[fim.rule]]" in found.text
    assert found.notes[0] == "line 2: @@include x: import that file, too"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "none of the formats that are read: "),
        (b"<syscheck>\n<x>", "line 2: no XML: mismatched tag"),
    ],
)
def test_what_is_wrong_is_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    """With the name of the file, and the line where there is one."""
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        import_config(path)
    assert str(error.value).startswith(f"importing {path}: {said}")


def test_nothing_but_a_file_is_read(tmp_path: Path) -> None:
    """A pipe that nobody writes to is not waited for, a directory is none."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    missing = tmp_path / "missing"
    for path, said in ((pipe, "no regular"), (tmp_path, "no regular"), (missing, "No such file")):
        with pytest.raises(OSError, match=said):
            import_config(path)
