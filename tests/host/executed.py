# SPDX-License-Identifier: Apache-2.0
"""Workloads that execute programs, and files that exec or the end of a mapping closes.

As in tests/host/workloads.py each has an exactly known outcome; `forked` runs it.
"""

import ctypes
import mmap
import os
import shutil
from contextlib import suppress
from pathlib import Path

from tests.host.workloads import WRITE_BYTES, Facts

LOADERS = (b"/lib64/ld-linux-x86-64.so.2\0", b"/lib/ld-linux-aarch64.so.1\0")
SCRIPT, PROGRAM, LOADER = "kf-script", "kf-program", "kf-loader"


def prepare(folder: Path) -> list[Path | str]:
    """Put a script, its interpreter and the loader of that into a folder, found from there."""
    image = Path(shutil.which("true") or "/bin/true").read_bytes()
    loader = next(each for each in LOADERS if each in image)
    own = f"./{LOADER}".encode().ljust(len(loader), b"\0")
    (folder / PROGRAM).write_bytes(image.replace(loader, own, 1))
    (folder / LOADER).write_bytes(Path(os.fsdecode(loader[:-1])).read_bytes())
    (folder / SCRIPT).write_text(f"#!./{PROGRAM} argument\n")
    for name in (SCRIPT, PROGRAM, LOADER):
        (folder / name).chmod(0o755)
    return [folder]


def script(folder: str) -> Facts:
    """Go where a script is, run it and wait for it."""
    os.chdir(folder)
    child = os.posix_spawn(SCRIPT, [SCRIPT, "first"], {})
    os.waitpid(child, 0)
    return {"child": child, "moved": 1}


def failed(path: str) -> Facts:
    """Fail to run what is no program."""
    with suppress(OSError):
        os.execv(path, [path])
    return {"failed": 1}


def closed_by_exec(closed: str, kept: str) -> Facts:
    """Write two files and run a program that is given one of them and leaves it alone."""
    child = os.fork()
    if child == 0:
        for path, inherited in ((closed, False), (kept, True)):
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
            os.write(descriptor, b"x" * WRITE_BYTES)
            os.set_inheritable(descriptor, inherited)
        program = shutil.which("true") or "/bin/true"
        os.execv(program, [program])
    os.waitpid(child, 0)
    return {"child": child}


def mapped(unmapped: str, left: str, both: str) -> Facts:
    """Map files: one is unmapped, one mapped to the end, of one the descriptor stays open, too."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    for path in (unmapped, left, both):
        descriptor = os.open(path, os.O_RDONLY)
        size = ctypes.c_size_t(mmap.PAGESIZE)
        place = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_PRIVATE, descriptor, 0)
        assert place != ctypes.c_void_p(-1).value
        if path != both:
            os.close(descriptor)
        if path == unmapped:
            assert libc.munmap(ctypes.c_void_p(place), size) == 0
    return {}
