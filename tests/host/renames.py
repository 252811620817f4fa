# SPDX-License-Identifier: Apache-2.0
"""Renames that concern two files, or none: what they replace, exchange or leave as it is.

`prepare` makes the files; `renames`, in a process of its own, returns the records that must follow.
"""

import ctypes
import os
from pathlib import Path

from tests.host.workloads import Facts

AT_FDCWD, NOREPLACE, EXCHANGE, WHITEOUT = -100, 1, 2, 4
MOVED = {"MOVED_FROM": 1, "MOVED_TO": 1}
DELETED = {"DELETE": 1}
# of which the tracepoint mode says that they are renamed: no file, or two names of one
UNSURE = ("self", "swap-folder", "pipe-c")


def prepare(folder: Path) -> Path:
    """Make what is renamed, each file with its own size."""
    folder.mkdir()
    files = (
        *("over-a", "over-b", "linked-a", "linked-b", "swap-a", "swap-b", "self"),
        *("pipe-a", "under-pipe", "under-link", "whiteout-a", "swap-file"),
    )
    for number, name in enumerate(files):
        (folder / name).write_bytes(b"r" * (number + 3))
    os.link(folder / "linked-b", folder / "linked-kept")
    os.link(folder / "self", folder / "self-link")
    os.mkfifo(folder / "pipe-b")
    os.mkfifo(folder / "pipe-c")
    os.symlink("nowhere", folder / "symbolic")
    (folder / "swap-folder").mkdir()
    return folder


def _rename(old: str, new: str, flags: int) -> bool:
    """Call renameat2(2); return whether it has succeeded."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(old), os.fsencode(new)
    return bool(libc.renameat2(AT_FDCWD, paths[0], AT_FDCWD, paths[1], flags) == 0)


def renames(folder: str) -> Facts:
    """Rename what `prepare` has made.

    Returns:
        expected: File, FileOrigin, FileEvents, FileInode, FileInodeLinkCount and FileSize of each
            record; failed: how many calls fail.
    """
    expected: list[list[object]] = []

    def record(name: str, origin: str, events: dict[str, int], path: str) -> None:
        it = os.lstat(f"{folder}/{path}")
        expected.append([name, origin, events, it.st_ino, it.st_nlink, it.st_size])

    for old, new, replaces in (
        ("over-a", "over-b", True),
        ("linked-a", "linked-b", True),  # whose inode keeps another name
        ("symbolic", "under-link", True),
        ("pipe-a", "pipe-b", False),  # no pipe has a record
    ):
        record(new, old, MOVED, old)
        if replaces:
            record(new, "", DELETED, new)
        os.rename(f"{folder}/{old}", f"{folder}/{new}")
    record("under-pipe", "", DELETED, "under-pipe")
    os.rename(f"{folder}/pipe-c", f"{folder}/under-pipe")
    record("swap-b", "swap-a", MOVED, "swap-a")
    record("swap-a", "swap-b", MOVED, "swap-b")
    assert _rename(f"{folder}/swap-a", f"{folder}/swap-b", EXCHANGE)
    record("swap-folder", "swap-file", MOVED, "swap-file")
    assert _rename(f"{folder}/swap-folder", f"{folder}/swap-file", EXCHANGE)
    record("whiteout-b", "whiteout-a", MOVED, "whiteout-a")
    assert _rename(f"{folder}/whiteout-a", f"{folder}/whiteout-b", WHITEOUT)
    # two names of one file: nothing happens
    os.rename(f"{folder}/self", f"{folder}/self")
    os.rename(f"{folder}/self", f"{folder}/self-link")
    assert _rename(f"{folder}/self", f"{folder}/self-link", EXCHANGE)
    refused = (("swap-a", "swap-b", NOREPLACE), ("swap-a", "missing", EXCHANGE))
    failed = sum(
        not _rename(f"{folder}/{old}", f"{folder}/{new}", how) for old, new, how in refused
    )
    return {"expected": expected, "failed": failed}
