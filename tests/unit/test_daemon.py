# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kflowd.daemon import PidFile
from kflowd.errors import KflowdError

HEAD = "import os, sys, time; from kflowd.daemon import detach, Child; it = detach()\n"
PARENT = "if isinstance(it, int): sys.exit(it)\n"


@pytest.mark.parametrize(
    ("child", "code", "said"),
    [
        ("print('to stdout'); it.ready(); print('late', file=sys.stderr)", 0, ""),
        ("print('why', file=sys.stderr); sys.exit(3)", 3, "why\n"),
        ("os.kill(os.getpid(), 9)", 137, ""),
        ("sys.exit(0 if os.getsid(0) == os.getpid() and not os.read(0, 1) else 1)", 0, ""),
    ],
)
def test_the_parent_ends_as_the_child_begins(child: str, code: int, said: str) -> None:
    """With 0 when that is ready, else with its exit code and what it said."""
    run = subprocess.run(
        [sys.executable, "-c", f"{HEAD}{PARENT}{child}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.returncode, run.stdout, run.stderr) == (code, "", said)


def test_a_pid_file_is_there_until_the_end(tmp_path: Path) -> None:
    """For all to read; and one of another stays."""
    path = tmp_path / "pid"
    before = os.umask(0o077)
    try:
        with PidFile(path):
            assert path.read_text() == f"{os.getpid()}\n"
            assert path.stat().st_mode & 0o777 == 0o644
        assert not path.exists()
        with PidFile(path):
            path.rename(tmp_path / "moved")
            path.write_text("other")
        assert path.read_text() == "other"
    finally:
        os.umask(before)


def test_what_a_dead_process_left_is_replaced(tmp_path: Path) -> None:
    """That of one that runs is not."""
    path = tmp_path / "pid"
    with subprocess.Popen(["true"]) as ended:
        pass
    path.write_text(f"{ended.pid}\n")
    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
    path.write_text("1\n")
    with pytest.raises(KflowdError, match="process 1, whose it is, runs"):
        PidFile(path)
    assert path.read_text() == "1\n"


def test_what_is_no_pid_file_is_left_alone(tmp_path: Path) -> None:
    """A text, a directory, a link: one line each."""
    (tmp_path / "text").write_text("precious\n")
    (tmp_path / "link").symlink_to(tmp_path / "new")
    for name, why in (("text", "no file of a process"), ("link", "symbolic"), (".", "directory")):
        with pytest.raises(KflowdError, match=why):
            PidFile(tmp_path / name)
    assert (tmp_path / "text").read_text() == "precious\n"
    assert not (tmp_path / "new").exists()
