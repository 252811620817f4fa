# SPDX-License-Identifier: Apache-2.0
"""The cache directory: where it is, names made from inputs, locking, atomic replacement."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DAY = 86400.0
WEEK = 7 * DAY


def directory() -> Path:
    """Return the cache directory, made if need be."""
    named = os.environ.get("KFLOWD_VM_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(named) if named else base / "kflowd-vm"
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def key(*inputs: object) -> str:
    """Return a short name for `inputs`: equal inputs, equal name."""
    digest = hashlib.sha256()
    for item in inputs:
        data = item if isinstance(item, bytes) else repr(item).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:16]


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process at a time build what is called `name`."""
    with (directory() / f".lock-{name}").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def entry(
    name: str, inputs: str, suffix: str, build: Callable[[Path], None], *, keep: float = WEEK
) -> Path:
    """Return the cached file or directory `name-inputs+suffix`, built if it is missing.

    Args:
        name: what it is.
        inputs: the key of everything that it is made from.
        suffix: the end of the file name.
        build: makes it at the path that it is given; nothing is kept if it raises.
        keep: seconds after which other entries of the same name are removed if nobody used them.
    """
    path = directory() / f"{name}-{inputs}{suffix}"
    with lock(name):
        if not path.exists():
            fresh = path.with_name(f".new-{path.name}")
            remove(fresh)
            try:
                build(fresh)
                fresh.rename(path)
            finally:
                remove(fresh)
        os.utime(path)
        _prune(f"{name}-{'[0-9a-f]' * 16}{suffix}", keep)
    return path


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a directory for one run; those of runs that were killed are removed after a day."""
    _prune("run-*", DAY)
    with tempfile.TemporaryDirectory(prefix="run-", dir=directory()) as name:
        yield Path(name)


def remove(path: Path) -> None:
    """Remove a file or a tree; nothing happens if it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _prune(pattern: str, keep: float) -> None:
    """Remove what nobody has used for `keep` seconds."""
    for old in directory().glob(pattern):
        try:
            if time.time() - old.stat().st_mtime > keep:
                remove(old)
        except FileNotFoundError:
            continue  # another process was faster
