# SPDX-License-Identifier: Apache-2.0
"""Workloads at the edges: calls that fail, files that are none, names that mislead.

As in tests/host/workloads.py each has an exactly known outcome; `forked` runs it.
"""

import ctypes
import os
import resource
import stat

from tests.host.workloads import READ_BYTES, WRITE_BYTES, Facts


def shared_to_the_end(path: str) -> Facts:
    """Give a file two descriptors, write, and end without closing either."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.dup2(descriptor, 50)
    os.write(descriptor, b"x" * WRITE_BYTES)
    return {}


def failed_closes(first: str, second: str) -> Facts:
    """Try three calls that would close a file, if they did not fail."""
    libc = ctypes.CDLL(None, use_errno=True)
    one, other = os.open(first, os.O_RDONLY), os.open(second, os.O_RDONLY)
    results = [libc.dup3(one, other, 0xDEAD), libc.syscall(436, other, other, 8)]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (other, limit[1]))
    results.append(libc.dup2(one, other))
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    os.read(other, READ_BYTES)
    os.close(one)
    os.close(other)
    return {"failed": sum(result < 0 for result in results)}


def cut_and_write(path: str) -> Facts:
    """Open a file that has content so that it is cut, write 3 bytes, close."""
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(descriptor, b"new")
    os.close(descriptor)
    return {}


def other_kinds(folder: str) -> Facts:
    """Change, rename and remove what is no file: a directory, a pipe, a device."""
    path = f"{folder}/kind"
    for make in (
        os.mkdir,
        os.mkfifo,
        lambda name: os.mknod(name, 0o600 | stat.S_IFCHR, os.makedev(1, 3)),
    ):
        make(path)
        os.chmod(path, 0o700)
        os.rename(path, f"{path}-2")
        if make is os.mkdir:
            os.rmdir(f"{path}-2")
        else:
            os.unlink(f"{path}-2")
    return {}


def changed_root(folder: str) -> Facts:
    """Behind a chroot, change a file by its path there."""
    os.chroot(folder)
    os.chmod("/inside", 0o600)
    return {}
