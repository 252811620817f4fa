# SPDX-License-Identifier: Apache-2.0
"""Random operations on files by several processes, with a log of what they did.

`python3 random_files.py SEED OPERATIONS FOLDER` mounts file systems below FOLDER, in a mount
namespace of its own. There processes in namespaces of their own work in turn: one operation each,
and what it did and to which name is written down before the next one begins. Prints a JSON object.
"""

import ctypes
import fcntl
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

IMAGE_BYTES = {"ext4": 32 << 20, "xfs": 320 << 20, "btrfs": 256 << 20}
LOWER_FILES = 23  # of overlayfs, which copies those that are changed into its upper layer
SUBVOLUMES = ("one", "two", "snapshot")  # the last one is of the first
KINDS = ("plain", "plain", "mounts", "mounts", "user", "user")
OPEN_AT_MOST = 5
SWEPT_SECONDS = 5  # within these the agent has seen that a module was loaded
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_BIND, MS_PRIVATE_ALL = 0x1000, 0x44000
libc = ctypes.CDLL(None, use_errno=True)


class Event(NamedTuple):
    """What happened, to which file, under which name."""

    event: str
    device: int
    inode: int
    path: str


def call(result: int) -> None:
    """Raise what a function of the C library failed with."""
    if result != 0:
        raise OSError(ctypes.get_errno(), "calling libc")


def mount(what: str, where: Path, kind: str = "none", flags: int = 0, data: str = "") -> None:
    """Mount a file system, or a folder in a second place."""
    names = (what.encode(), os.fsencode(where), kind.encode())
    call(libc.mount(*names, flags, data.encode() or None))


def mount_all(folder: Path) -> list[Path]:
    """Mount a file system of each kind below a folder and return where files may be."""
    call(libc.unshare(CLONE_NEWNS))
    mount("none", Path("/"), flags=MS_PRIVATE_ALL)
    for module in ("loop", "overlay", *IMAGE_BYTES):  # or it is built in
        subprocess.run(["modprobe", "-q", module], check=False)
    time.sleep(SWEPT_SECONDS)
    for kind, size in IMAGE_BYTES.items():
        image, target = folder / f"{kind}.image", folder / kind
        target.mkdir()
        with image.open("wb") as file:
            file.truncate(size)
        subprocess.run([f"mkfs.{kind}", "-q", image], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["mount", "-o", "loop", image, target], check=True)
    (folder / "tmpfs").mkdir()
    mount("tmpfs", folder / "tmpfs", "tmpfs")
    volumes = subvolumes(folder / "btrfs")
    tmpfs = folder / "tmpfs"
    stacked = [
        overlay(folder / "ext4", folder / "apart", tmpfs),
        overlay(tmpfs, folder / "stacked", tmpfs),
    ]
    roots = [*(folder / kind for kind in ("ext4", "xfs", "tmpfs")), *volumes, *stacked]
    for place in (root / name for root in roots for name in ("a", "b")):
        place.mkdir(exist_ok=True)
        place.chmod(0o777)
    return roots


def overlay(below: Path, merged: Path, above: Path) -> Path:
    """Mount overlayfs over files, with its upper layer in another file system or the same."""
    lower, upper, work = (
        place / f"{merged.name}-{name}"
        for place, name in ((below, "lower"), (above, "upper"), (above, "work"))
    )
    for place in (lower / "a", lower / "b", upper, work, merged):
        place.mkdir(parents=True)
    for number in range(LOWER_FILES):
        path = lower / "ab"[number % 2] / f"lower-{number}"
        path.write_text("content" * number)
        path.chmod(0o666)
        if number % 3 == 0:  # each of its names becomes a file of its own when it is copied up
            os.link(path, path.with_name(f"linked-{number}"))
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mount("none", merged, "overlay", data=options)
    return merged


def subvolumes(mounted: Path) -> list[Path]:
    """Make subvolumes of btrfs: they number their inodes alike."""
    one, two, snapshot = found = [mounted / name for name in SUBVOLUMES]
    for words in ("create", one), ("create", two), ("snapshot", one, snapshot):
        subprocess.run(["btrfs", "subvolume", *words], check=True, stdout=subprocess.DEVNULL)
    return found


def enter(kind: str, roots: list[Path], folder: Path) -> list[Path]:
    """Enter namespaces of a kind and return where this process knows the file systems."""
    if kind == "plain":
        return roots
    user, group = os.getuid(), os.getgid()
    call(libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if kind == "user" else 0)))
    if kind == "user":
        Path("/proc/self/uid_map").write_text(f"0 {user} 1\n")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1\n")
    # one is seen in a second place, as the volume of a container is
    bound = folder / "bound"
    mount(str(roots[0]), bound, flags=MS_BIND)
    return [bound, *roots]


class Worker:
    """One process: it knows what it has open, and finds the rest in the folders."""

    def __init__(self, seed: str, number: int, roots: list[Path], lock: int) -> None:
        self.random = random.Random(f"{seed}-{number}")
        self.number, self.roots, self.lock = number, roots, lock
        self.names = 0
        self.open: dict[int, bool] = {}  # descriptor: may it be written
        self.log: list[Event] = []
        self.children: dict[int, list[Event]] = {}

    def work(self, operations: int) -> None:
        """Do random operations, and close what is open."""
        kinds: list[Callable[[], None]] = [
            *(self.make, self.reopen, self.reopen, self.write, self.write, self.read, self.read),
            *(self.close, self.rename, self.replace, self.link, self.symlink, self.unlink),
            *(self.change, self.cut, self.resize, self.copy, self.inherit),
        ]
        for _ in range(operations):
            with self._turn():
                self.random.choice(kinds)()
        while self.open:
            with self._turn():
                self.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        fcntl.lockf(self.lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self.lock, fcntl.LOCK_UN)

    # ---- what is known ----

    def _note(self, path: Path | str, file: os.stat_result, *events: str) -> None:
        self.log += [Event(each, file.st_dev, file.st_ino, str(path)) for each in events]

    def _note_open(self, descriptor: int, *events: str) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        self._note(path, os.fstat(descriptor), *events)

    def _folder(self) -> Path:
        return self.random.choice(self.roots) / self.random.choice("ab")

    def _new(self, folder: Path | None = None) -> Path:
        self.names += 1
        return (folder or self._folder()) / f"{self.number}-{self.names}"

    def _old(self, folder: Path | None = None) -> Path | None:
        folder = folder or self._folder()
        names = sorted(os.listdir(folder))
        return folder / self.random.choice(names) if names else None

    def _regular(self) -> Path | None:
        path = self._old()
        return path if path and not path.is_symlink() else None

    def _any_open(self) -> int | None:
        return self.random.choice(sorted(self.open)) if self.open else None

    # ---- operations ----

    def make(self) -> None:
        """Make a file and keep it open."""
        if len(self.open) < OPEN_AT_MOST:
            descriptor = os.open(self._new(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
            self.open[descriptor] = True
            self._note_open(descriptor, "CREATE", "OPEN")

    def reopen(self) -> None:
        """Open a file of anybody's."""
        path = self._regular()
        if path is None or len(self.open) >= OPEN_AT_MOST:
            return
        flags = self.random.choice(
            (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_APPEND)
        )
        descriptor = os.open(path, flags)
        self.open[descriptor] = bool(flags & os.O_ACCMODE)
        self._note_open(descriptor, "OPEN", *(["MODIFY"] if flags & os.O_TRUNC else []))

    def write(self) -> None:
        """Write some times."""
        descriptor = self._any_open()
        if descriptor is not None and self.open[descriptor]:
            for _ in range(self.random.randint(1, 5)):
                os.write(descriptor, b"w" * self.random.randint(1, 5000))
                self._note_open(descriptor, "MODIFY")

    def read(self) -> None:
        """Read, from the beginning, what there is."""
        descriptor = self._any_open()
        if descriptor is None:
            return
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if mode != os.O_WRONLY and os.pread(descriptor, self.random.randint(1, 9000), 0):
            self._note_open(descriptor, "ACCESS")

    def close(self) -> None:
        """Close one."""
        descriptor = self._any_open()
        if descriptor is not None:
            written = self.open.pop(descriptor)
            self._note_open(descriptor, "CLOSE_WRITE" if written else "CLOSE_NOWRITE")
            os.close(descriptor)

    def rename(self) -> None:
        """Give a file another name, in this folder or the other one of its file system."""
        path = self._old()
        if path is not None:
            target = self._new(path.parents[1] / self.random.choice("ab"))
            os.rename(path, target)
            self._note(path, os.lstat(target), "MOVED_FROM")
            self._note(target, os.lstat(target), "MOVED_TO")

    def replace(self) -> None:
        """Rename a file over another one."""
        path = self._old()
        target = self._old(path.parents[1] / self.random.choice("ab")) if path else None
        if path is None or target is None or os.path.samestat(os.lstat(path), os.lstat(target)):
            return
        self._note(target, os.lstat(target), "REPLACED")
        os.rename(path, target)
        self._note(path, os.lstat(target), "MOVED_FROM")
        self._note(target, os.lstat(target), "MOVED_TO")

    def link(self) -> None:
        """Make a hard link."""
        path = self._regular()
        if path is not None:
            target = self._new(path.parent)
            os.link(path, target)
            self._note(target, os.lstat(target), "CREATE")

    def symlink(self) -> None:
        """Make a symbolic link."""
        path = self._new()
        os.symlink("nowhere", path)
        self._note(path, os.lstat(path), "CREATE")

    def unlink(self) -> None:
        """Delete a name."""
        path = self._old()
        if path is not None:
            self._note(path, os.lstat(path), "DELETE")
            os.unlink(path)

    def change(self) -> None:
        """Change mode or times, by name or descriptor."""
        path, descriptor = self._regular(), self._any_open()
        if descriptor is not None and self.random.random() < 0.5:
            mode = self.random.choice((0o600, 0o644, 0o666))
            with suppress(FileExistsError):  # overlayfs cannot copy up what has lost its name
                os.fchmod(descriptor, mode)
                self._note_open(descriptor, "ATTRIB")
        elif path is not None and self.random.random() < 0.5:
            os.chmod(path, self.random.choice((0o600, 0o644, 0o666)))
            self._note(path, os.lstat(path), "ATTRIB")
        elif path is not None:
            os.utime(path)
            self._note(path, os.lstat(path), "ATTRIB")

    def cut(self) -> None:
        """Change the length of a file by its name."""
        path = self._regular()
        if path is not None:
            os.truncate(path, self.random.randint(0, 3000))
            self._note(path, os.lstat(path), "MODIFY")

    def resize(self) -> None:
        """Change the length of an open file."""
        descriptor = self._any_open()
        if descriptor is not None and self.open[descriptor]:
            os.ftruncate(descriptor, self.random.randint(0, 3000))
            self._note_open(descriptor, "MODIFY")

    def copy(self) -> None:
        """Copy a part of one open file to another, inside the kernel."""
        source, target = self._any_open(), self._any_open()
        if source is None or target is None or not self.open[target]:
            return
        modes = [fcntl.fcntl(each, fcntl.F_GETFL) for each in (source, target)]
        here, there = os.fstat(source), os.fstat(target)
        possible = modes[0] & os.O_ACCMODE != os.O_WRONLY and not modes[1] & os.O_APPEND
        possible = possible and here.st_dev == there.st_dev and here.st_ino != there.st_ino
        if not possible:
            return
        with suppress(OSError):  # EXDEV: overlayfs on file systems that differ [6.1]
            if os.copy_file_range(source, target, 2000, 0, 0):
                self._note_open(source, "ACCESS")
                self._note_open(target, "MODIFY")

    def inherit(self) -> None:
        """Let a child use what is open here."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            self.log = []
            self.write()
            self.read()
            self.change()
            os.write(writer, json.dumps(self.log).encode())
            os._exit(0)
        os.close(writer)
        with open(reader, "rb") as facts:
            self.children[child] = [Event(*each) for each in json.load(facts)]
        assert os.waitpid(child, 0)[1] == 0


def main(seed: str, operations: str, where: str) -> None:
    """Mount, let all work, and say what they did by process."""
    folder = Path(where)
    roots = mount_all(folder)
    (folder / "bound").mkdir()
    lock = os.memfd_create("lock")
    workers = []
    for number, kind in enumerate(KINDS):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            worker = Worker(seed, number, enter(kind, roots, folder), lock)
            worker.work(int(operations) // len(KINDS))
            with open(writer, "w") as facts:
                json.dump({os.getpid(): worker.log, **worker.children}, facts)
            os._exit(0)
        os.close(writer)
        workers.append((pid, reader))
    done: dict[str, list[list[object]]] = {}
    for pid, reader in workers:
        with open(reader) as facts:
            done |= json.load(facts)
        assert os.waitpid(pid, 0)[1] == 0
    print(json.dumps(done), flush=True)
    sys.stdin.read()  # the mounts stay until the test has its records


if __name__ == "__main__":
    main(*sys.argv[1:])
