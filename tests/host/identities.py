# SPDX-License-Identifier: Apache-2.0
"""Files whose device or inode number is not what their super block and inode say.

`python3 identities.py KIND FOLDER` mounts what KIND names below FOLDER, in a mount namespace of its
own, uses each file in the same way, and prints what stat(2) says of them.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

WRITES, READS = 3, 2
WRITTEN = {"OPEN": 1, "MODIFY": WRITES, "ATTRIB": 1, "CLOSE_WRITE": 1}
READ = {"OPEN": 1, "ACCESS": READS, "CLOSE_NOWRITE": 1}
CLONE_NEWNS = 0x20000
BTRFS_BYTES = 128 << 20
SWEPT_SECONDS = 5  # within these the agent has seen that a module was loaded
truth: list[dict[str, object]] = []


def call(*words: str | Path) -> None:
    """Run a program quietly."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def load(*modules: str) -> None:
    """Load modules that are not built in; the agent needs a moment to see it."""
    for module in modules:
        subprocess.run(["modprobe", "-q", module], check=False)
    time.sleep(SWEPT_SECONDS)


def note(path: Path, file: os.stat_result, events: dict[str, int]) -> None:
    """Note what happened to a file."""
    truth.append(
        {"path": str(path), "dev": file.st_dev, "ino": file.st_ino, "events": dict(events)}
    )


def write(path: Path) -> None:
    """Open a file that is there, write, change its mode, close."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    for _ in range(WRITES):
        os.write(descriptor, b"w")
    os.fchmod(descriptor, 0o604)
    note(path, os.fstat(descriptor), WRITTEN)
    os.close(descriptor)


def read(path: Path) -> None:
    """Open, read, close."""
    descriptor = os.open(path, os.O_RDONLY)
    for _ in range(READS):
        os.pread(descriptor, 1, 0)
    note(path, os.fstat(descriptor), READ)
    os.close(descriptor)


def fill(path: Path) -> None:
    """Make a file in another process."""
    call("sh", "-c", 'printf content > "$0"', path)


def btrfs(folder: Path) -> None:
    """Two subvolumes and a snapshot, each with the same inode number, and one in a second place."""
    load("loop", "btrfs")
    # beside the folder: whose mount namespace ends may be the one who closes it
    image = folder.with_suffix(".image")
    mounted, bound = folder / "mounted", folder / "bound"
    mounted.mkdir()
    bound.mkdir()
    call("truncate", f"--size={BTRFS_BYTES}", image)
    call("mkfs.btrfs", "-q", image)
    call("mount", "-o", "loop", image, mounted)
    for name in ("one", "two", "three"):
        call("btrfs", "subvolume", "create", mounted / name)
        fill(mounted / name / "file")
    fill(mounted / "file")
    call("btrfs", "subvolume", "snapshot", mounted / "one", mounted / "snapshot")
    call("mount", "--bind", mounted / "three", bound)
    for place in (mounted / "one", mounted / "two", mounted / "snapshot", mounted, bound):
        write(place / "file")
        read(place / "file")
    assert len({each["ino"] for each in truth}) == 1
    assert len({each["dev"] for each in truth}) == 5


KINDS: dict[str, Callable[[Path], None]] = {"btrfs": btrfs}


def main(kind: str, where: str) -> None:
    """Mount, use, and tell."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNS) == 0
    call("mount", "--make-rprivate", "/")
    KINDS[kind](Path(where))
    print(json.dumps({"pid": os.getpid(), "files": truth}), flush=True)
    sys.stdin.read()  # the mounts stay until the test has its records


if __name__ == "__main__":
    main(*sys.argv[1:])
