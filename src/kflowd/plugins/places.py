# SPDX-License-Identifier: Apache-2.0
"""Which files are plugins, and whether they are safe: what is loaded runs with root's rights.

Nobody but root may be able to change a file, or to put another in its place: each directory from
the root of the tree on is root's, is written by nobody else, and is no link to another.
"""

import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

from kflowd.errors import UsageError
from kflowd.settings.plugins import MOST_PLUGINS, PluginSettings

SUFFIX = ".py"
MAX_SOURCE = 1 << 20
GROUP = "kflowd.plugins"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", re.ASCII)


class Place(NamedTuple):
    """Where a plugin is.

    Attributes:
        name: What it is called: that of its file without the suffix, or of its entry point.
        path: Its file, None: it is an entry point.
    """

    name: str
    path: str | None = None


def places_of(settings: PluginSettings) -> list[Place]:
    """Return the plugins that are to be loaded.

    Raises:
        UsageError: A file is not safe, or there are too many.
    """
    found = [Place(each.name) for each in settings.entry_points]
    if settings.plugins is not None:
        found += _files(settings.plugins)
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"-P/--plugins: two plugins are called {name}")
    if len(found) > MOST_PLUGINS:
        raise UsageError(f"-P/--plugins: {len(found)} plugins are too many: {MOST_PLUGINS} at most")
    return found


def _files(path: Path) -> list[Place]:
    whole = Path(os.path.abspath(path))
    _check_parents(whole)
    status = _safe(whole)
    if stat.S_ISREG(status.st_mode):
        return [_plugin(whole)]
    if not stat.S_ISDIR(status.st_mode):
        raise _refused(whole, "is neither a file nor a directory")
    try:
        names = sorted(os.listdir(whole))
    except OSError as error:
        raise _refused(whole, str(error.strerror)) from None
    files = [whole / name for name in names if name.endswith(SUFFIX) and name[0] not in "._"]
    if not files:
        raise _refused(whole, f"has no plugin (*{SUFFIX})")
    return [_plugin(each) for each in files]


def _plugin(path: Path) -> Place:
    status = _safe(path)
    if not stat.S_ISREG(status.st_mode) or path.suffix != SUFFIX or not _NAME.fullmatch(path.stem):
        raise _refused(path, f"is no file NAME{SUFFIX}, NAME of letters, digits, _ and -")
    if status.st_size > MAX_SOURCE:
        raise _refused(path, f"is larger than {MAX_SOURCE >> 20} MiB")
    return Place(path.stem, str(path))


def _check_parents(path: Path) -> None:
    for each in reversed(path.parents):
        if not stat.S_ISDIR(_safe(each).st_mode):
            raise _refused(each, "is no directory")


def _safe(path: Path) -> os.stat_result:
    """Return the status of a file that nobody but root and ourselves can change.

    Raises:
        UsageError: Others can, or it is not there.
    """
    try:
        status = os.lstat(path)
    except OSError as error:
        raise _refused(path, str(error.strerror)) from None
    if stat.S_ISLNK(status.st_mode):
        raise _refused(path, "is a symbolic link")
    if status.st_uid not in {0, os.geteuid()}:
        raise _refused(path, "belongs to another user than root")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _refused(path, "can be written by others")
    return status


def _refused(path: Path, cause: str) -> UsageError:
    return UsageError(f"-P/--plugins: {path} {cause}")
