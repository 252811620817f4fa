# SPDX-License-Identifier: Apache-2.0
"""What fails, of exactly known outcome: the workload of test_failed.py."""

import ctypes
import os
import stat
from contextlib import suppress
from pathlib import Path

from tests.host.operations import refused
from tests.host.workloads import NOBODY, Facts

CALLS = 58  # that fail
LONG = "/".join("d" * 61 for _ in range(7))  # 433 bytes: longer than what is kept of a path

# By path below the folder and error, with what several records say added up.
FAILED: dict[tuple[str, str], dict[str, int]] = {
    ("missing", "ENOENT"): {"OPEN": 3},
    ("relative", "ENOENT"): {"OPEN": 2},
    ("here", "ENOENT"): {"OPEN": 5},
    ("there", "EEXIST"): {"CREATE": 2, "OPEN": 7},
    ("there", "EACCES"): {"OPEN_EXEC": 1},
    ("there", "EBADF"): {"MODIFY": 5},
    ("there", "EPERM"): {"ATTRIB": 1},
    ("mode", "ENOENT"): {"ATTRIB": 11},
    ("removed", "ENOENT"): {"DELETE": 3},
    ("to", "ENOENT"): {"MOVED_FROM": 2, "MOVED_TO": 2},
    ("linked", "ENOENT"): {"CREATE": 1},
    ("cut", "ENOENT"): {"MODIFY": 1},
    ("program", "ENOENT"): {"OPEN_EXEC": 3},
    ("secret", "EACCES"): {"OPEN": 5},
    ("secret/below", "ENOTDIR"): {"OPEN": 1},
}


def prepare(folder: Path) -> Path:
    """Make what is there before the agent."""
    (folder / "folder" / "entry").mkdir(parents=True)
    (folder / "there").write_bytes(b"t")
    (folder / "there").chmod(0o644)
    (folder / "secret").write_bytes(b"s")
    (folder / "secret").chmod(0o600)
    return folder


def attempts(base: str) -> Facts:
    """Try what fails, each often enough, and a little that does not."""
    folder = Path(base)
    inside = os.open(folder, os.O_PATH)
    os.chdir(folder)
    there = os.open(folder / "there", os.O_RDONLY)
    os.close(os.open(folder / "there", os.O_RDONLY))
    failed = refused(
        *3 * [lambda: os.open(folder / "missing", os.O_RDONLY)],
        *2 * [lambda: os.open("relative", os.O_RDWR, dir_fd=inside)],
        *5 * [lambda: os.open("here", os.O_WRONLY)],
        *7 * [lambda: os.open(folder / "there", os.O_CREAT | os.O_EXCL | os.O_WRONLY)],
        lambda: os.symlink("target", folder / "there"),
        lambda: os.mknod(folder / "there", stat.S_IFREG | 0o600),
        lambda: os.execv(folder / "there", ["there"]),
        *5 * [lambda: os.write(there, b"x")],
        *5 * [lambda: os.chmod(folder / "mode", 0o600)],
        *3 * [lambda: os.chown(folder / "mode", 1, 1)],
        *2 * [lambda: os.utime(folder / "mode")],
        lambda: os.setxattr(folder / "mode", "user.kflowd", b"x"),
        *3 * [lambda: os.unlink(folder / "removed")],
        *2 * [lambda: os.rename(folder / "from", folder / "to")],
        lambda: os.link(folder / "none", folder / "linked"),
        lambda: os.truncate(folder / "cut", 3),
        *3 * [lambda: os.execv(folder / "program", ["program"])],
        lambda: os.open(folder / "secret" / "below", os.O_RDONLY),
        *2 * [lambda: os.open(folder / LONG / "end", os.O_RDONLY)],
        # no path is attempted by these
        lambda: os.open("", os.O_RDONLY),
        _at_no_memory,
        lambda: os.close(1 << 20),
    )
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    failed += refused(
        *5 * [lambda: os.open(folder / "secret", os.O_RDONLY)],
        lambda: os.fchmod(there, 0o600),
    )
    os.close(there)
    return {"failed": failed}


def _at_no_memory() -> None:
    """Open what lies at an address where nothing is."""
    if ctypes.CDLL(None, use_errno=True).open(ctypes.c_void_p(8), os.O_RDONLY) < 0:
        raise OSError(ctypes.get_errno(), "open")


def search(base: str, paths: str) -> Facts:
    """Look for very many files that are not there."""
    for number in range(int(paths)):
        with suppress(FileNotFoundError):
            os.open(f"{base}/no-{number}", os.O_RDONLY)
    return {}
