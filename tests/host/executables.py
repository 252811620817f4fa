# SPDX-License-Identifier: Apache-2.0
"""Becomes a shell whose executable is of a kind: with a name, without one, in memory alone.

Run as a script: KIND, a copy of the shell that it may remove, and three files. The shell writes the
first at once; the second, and the third by a child without exec, when it is told to.
"""

import os
import shutil
import sys
from collections.abc import Callable

SCRIPT = 'echo a > "$1"; read line; echo b > "$2"; (echo c > "$3"); read line'


def named(path: str) -> str:
    """Return an executable as usual."""
    return path


def unlinked(path: str) -> int:
    """Return one whose only name is removed before it is executed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    os.unlink(path)
    return descriptor


def one_of_two_names(path: str) -> int:
    """Return one that is executed by a name that is gone, and has another."""
    os.link(path, f"{path}.other")
    return unlinked(path)


def replaced(path: str) -> int:
    """Return one that another file was renamed over, as updates of packages do."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    shutil.copy(path, f"{path}.new")
    os.rename(f"{path}.new", path)
    return descriptor


def never_named(path: str) -> int:
    """Return one that was made without a name (O_TMPFILE)."""
    writer = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o700)
    return _filled(writer, path)


def memfd(path: str) -> int:
    """Return one that is in memory alone."""
    return _filled(os.memfd_create("kf-fileless", os.MFD_CLOEXEC), path)


def script(path: str) -> int:
    """Return a script that is in memory alone: its interpreter has a name."""
    if not os.path.exists("/dev/fd"):  # a machine of ours lacks what the kernel names
        os.symlink("/proc/self/fd", "/dev/fd")
    descriptor = os.memfd_create("kf-script", 0)
    os.write(descriptor, f"#!{path}\n{SCRIPT}\n".encode())
    return descriptor


def _filled(writer: int, path: str) -> int:
    with open(path, "rb") as source:
        os.write(writer, source.read())
    os.fchmod(writer, 0o700)
    reader = os.open(f"/proc/self/fd/{writer}", os.O_RDONLY | os.O_CLOEXEC)
    os.close(writer)  # nobody may write to what is executed
    return reader


KINDS: dict[str, tuple[Callable[[str], int | str], list[str]]] = {
    "named": (named, []),
    "unlinked": (unlinked, ["DELETED"]),
    "one_of_two_names": (one_of_two_names, ["DELETED"]),
    "replaced": (replaced, ["DELETED"]),
    "never_named": (never_named, ["DELETED"]),
    "memfd": (memfd, ["FILELESS"]),
    "script": (script, []),
}

if __name__ == "__main__":
    kind, shell, *files = sys.argv[1:]
    what = KINDS[kind][0](shell)
    head = ["sh"] if kind == "script" else ["sh", "-c", SCRIPT, "sh"]
    os.execve(what, [*head, *files], {})
