# SPDX-License-Identifier: Apache-2.0
"""Floods of file operations, each of exactly known outcome; run as a program of their own."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

WRITTEN = b"s" * 101
NOBODY = 65534


def life(folder: str, numbers: Iterable[int]) -> None:
    """Create, write, rename and delete files, each before the next: f7 becomes g7."""
    for number in numbers:
        descriptor = os.open(f"{folder}/f{number}", os.O_CREAT | os.O_WRONLY, 0o640)
        os.write(descriptor, WRITTEN)
        os.close(descriptor)
        os.rename(f"{folder}/f{number}", f"{folder}/g{number}")
        os.unlink(f"{folder}/g{number}")


def many(folder: str, files: str, processes: str) -> None:
    """Let processes share the files, and print what that took: seconds, and those of processors."""
    began = time.monotonic()
    children = []
    for first in range(int(processes)):
        child = os.fork()
        if child == 0:
            life(folder, range(first, int(files), int(processes)))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(time.monotonic() - began, used.ru_utime + used.ru_stime)


def names(folder: str, files: str) -> None:
    """Fill the ring; then give each open file a second name and take the first away."""
    life(folder, range(int(files)))
    for number in range(int(files)):
        descriptor = os.open(f"{folder}/one{number}", os.O_CREAT | os.O_WRONLY, 0o640)
        os.link(f"{folder}/one{number}", f"{folder}/two{number}")
        os.unlink(f"{folder}/one{number}")
        os.close(descriptor)


def opened(folder: str, files: str, user: str = str(NOBODY)) -> None:
    """As a user without privileges, open files and hold them until standard input ends."""
    limit = int(files) + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    os.chmod(folder, 0o777)
    os.chdir(folder)
    os.setgroups([])
    os.setuid(int(user))
    for number in range(int(files)):
        os.open(f"held{number}", os.O_CREAT | os.O_WRONLY, 0o640)
    print("open", flush=True)
    sys.stdin.read()


def executed(folder: str, files: str) -> None:
    """Fill the ring, become a shell, and write two files there, one for each line of input."""
    life(folder, range(int(files)))
    script = 'echo ready; read line; : >"$0/early"; echo early; read line; : >"$0/late"; echo late'
    os.execv("/bin/sh", ["sh", "-c", script, folder])


def run(workload: str, *arguments: str | int | Path) -> subprocess.Popen[str]:
    """Start a workload."""
    command = [sys.executable, "-I", "-S", __file__, workload, *map(str, arguments)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


if __name__ == "__main__":
    by_name = {each.__name__: each for each in (many, names, opened, executed)}
    with suppress(BrokenPipeError):
        by_name[sys.argv[1]](*sys.argv[2:])
