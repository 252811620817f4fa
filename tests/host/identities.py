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
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

WRITES, READS = 3, 2
WRITTEN = {"OPEN": 1, "MODIFY": WRITES, "ATTRIB": 1, "CLOSE_WRITE": 1}
READ = {"OPEN": 1, "ACCESS": READS, "CLOSE_NOWRITE": 1}
CLONE_NEWNS = 0x20000
BTRFS_BYTES = 128 << 20
SWEPT_SECONDS = 5  # within these the agent has seen that a module was loaded
LAYERS = ("middle", "bottom")
NO_FILES = ("fifo-", "pipe-", "redirected")
truth: list[dict[str, object]] = []
programs: list[dict[str, object]] = []


def call(*words: str | Path) -> None:
    """Run a program quietly."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def load(*modules: str) -> None:
    """Load modules that are not there; the agent needs a moment to see it."""
    missing = [it for it in modules if not Path("/sys/module", it).exists()]
    for module in missing:
        subprocess.run(["modprobe", "-q", module], check=False)
    if missing:
        time.sleep(SWEPT_SECONDS)


def note(path: Path, events: dict[str, int], like: Path | None = None) -> None:
    """Note what happened to a file, or is about to; like: another name of it."""
    file = (like or path).stat()
    truth.append(
        {"path": str(path), "dev": file.st_dev, "ino": file.st_ino, "events": dict(events)}
    )


def write(path: Path) -> None:
    """Open a file that is there, write, change its mode, close."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    for _ in range(WRITES):
        os.write(descriptor, b"w")
    os.fchmod(descriptor, 0o604)
    note(path, WRITTEN)
    os.close(descriptor)


def read(path: Path) -> None:
    """Open, read, close."""
    descriptor = os.open(path, os.O_RDONLY)
    for _ in range(READS):
        os.pread(descriptor, 1, 0)
    note(path, READ)
    os.close(descriptor)


def fill(path: Path) -> None:
    """Make a file in another process."""
    call("sh", "-c", 'printf content > "$0"', path)


def mount_btrfs(image: Path, mounted: Path) -> None:
    """Make a file system in an image and mount it."""
    load("loop", "btrfs")
    mounted.mkdir(exist_ok=True)
    call("truncate", f"--size={BTRFS_BYTES}", image)
    call("mkfs.btrfs", "-q", image)
    call("mount", "-o", "loop", image, mounted)


def btrfs(folder: Path) -> None:
    """Two subvolumes and a snapshot, each with the same inode number, and one in a second place."""
    mounted, bound = folder / "mounted", folder / "bound"
    bound.mkdir()
    # beside the folder: whose mount namespace ends may be the one who closes it
    mount_btrfs(folder.with_suffix(".image"), mounted)
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


class Overlay(NamedTuple):
    """How overlayfs is mounted.

    Attributes:
        options: Of the mount.
        apart: The layers are in three file systems, else in one.
        upper: There is an upper layer.
        stacked: The lowest layer is an overlayfs itself.
        on_btrfs: The layers are subvolumes.
    """

    options: str = "xino=off"
    apart: bool = True
    upper: bool = True
    stacked: bool = False
    on_btrfs: bool = False


OVERLAYS = {
    "one": Overlay(apart=False),
    "apart": Overlay(),
    "numbered": Overlay("xino=on"),
    "indexed": Overlay("xino=off,index=on"),
    "sparing": Overlay("xino=off,metacopy=on,redirect_dir=on"),
    "fixed": Overlay(upper=False),
    "fixed-numbered": Overlay("xino=on", upper=False),
    "stacked": Overlay(stacked=True),
    "stacked-numbered": Overlay("xino=on", stacked=True),
    "btrfs": Overlay(apart=False, on_btrfs=True),
}
LAYER = """
cd "$1" && mkdir -p folder directory && mkfifo fifo-$2 && cp /bin/true program-$2
for name in file linked; do printf content > $name-$2; done
ln linked-$2 link-$2
for name in attribute length moved gone held split linked; do printf content > folder/$name-$2; done
ln folder/linked-$2 folder/link-$2 && ln folder/split-$2 folder/other-$2
printf content > directory/file-$2
"""


def mount_overlay(folder: Path, how: Overlay) -> Path:
    """Make layers with files and mount them. Return where."""
    layers = top, middle, bottom = [folder / name for name in ("top", "middle", "bottom")]
    merged, lowest, stacked = folder / "merged", bottom, folder / "stacked"
    if how.on_btrfs:
        mount_btrfs(folder.with_suffix(".image"), folder)
    elif not how.apart:
        call("mount", "-t", "tmpfs", "none", folder)
    for place in layers:
        if how.on_btrfs:
            call("btrfs", "subvolume", "create", place)
        place.mkdir(exist_ok=True)
    for place in layers[:2] if how.apart else ():  # the third is in the folder's file system
        call("mount", "-t", "tmpfs", "none", place)
    for place in (merged, stacked, top / "upper", top / "work"):
        place.mkdir()
    for place in (middle, bottom):
        call("sh", "-c", LAYER, "sh", place, place.name)
    if how.stacked:
        call("mount", "-t", "overlay", "none", "-o", f"lowerdir={bottom}:{middle}", stacked)
        lowest = stacked
    options = f"lowerdir={middle}:{lowest},{how.options}"
    if how.upper:
        options += f",upperdir={top}/upper,workdir={top}/work"
    call("mount", "-t", "overlay", "none", "-o", options, merged)
    return merged


def overlay(folder: Path, how: Overlay) -> None:
    """Read files of layers, change them, which copies them up, and read them again."""
    load("overlay")
    merged = mount_overlay(folder, how)
    lower = [merged / f"{name}-{layer}" for layer in LAYERS for name in ("file", "linked")]
    for layer in LAYERS:
        execute(merged / f"program-{layer}")
    for path in lower:
        read(path)
    if how.upper:
        fill(merged / "made")
        for use in (write, read):
            for path in (*lower, merged / "made"):
                use(path)
        change_names(merged)
    devices = {each["dev"] for each in truth}
    assert (len(devices) > 1) == (how.apart and "xino=on" not in how.options)


def change_names(merged: Path) -> None:
    """Change lower files by name, and by name while they are open; then what is no file."""
    for layer in LAYERS:
        folder = merged / "folder"
        for name in ("attribute", "linked"):
            os.chmod(folder / f"{name}-{layer}", 0o604)
            note(folder / f"{name}-{layer}", {"ATTRIB": 1})
        os.truncate(folder / f"length-{layer}", 3)
        note(folder / f"length-{layer}", {"MODIFY": 1})
        os.rename(folder / f"moved-{layer}", folder / f"to-{layer}")
        note(folder / f"to-{layer}", {"MOVED_FROM": 1, "MOVED_TO": 1})
        os.link(folder / f"to-{layer}", folder / f"second-{layer}")
        # the kernel looks the new name up again; if a layer cannot be asked by handle (another
        # overlayfs), that one is from then on another file
        note(folder / f"second-{layer}", {"CREATE": 1}, like=folder / f"to-{layer}")
        for name in ("gone", "link", "second"):
            note(folder / f"{name}-{layer}", {"DELETE": 1})
            os.unlink(folder / f"{name}-{layer}")
        for name in ("held", "split"):
            hold(folder / f"{name}-{layer}")
        os.chmod(merged / f"fifo-{layer}", 0o604)
        os.rename(merged / f"fifo-{layer}", merged / f"pipe-{layer}")
    with suppress(OSError):  # EXDEV, unless it may be redirected
        os.rename(merged / "directory", merged / "redirected")
        read(merged / "redirected" / f"file-{LAYERS[0]}")


def hold(path: Path) -> None:
    """Change a file by its name while it is open."""
    descriptor = os.open(path, os.O_RDONLY)
    note(path, {"OPEN": 1})
    os.chmod(path, 0o604)
    note(path, {"ATTRIB": 1, "CLOSE_NOWRITE": 1})
    os.close(descriptor)


def execute(path: Path) -> None:
    """Run a program."""
    file = path.stat()
    programs.append({"path": str(path), "dev": file.st_dev, "ino": file.st_ino})
    subprocess.run([path], check=True)


KINDS: dict[str, Callable[[Path], None]] = {
    "btrfs": btrfs,
    **{f"overlay-{name}": partial(overlay, how=how) for name, how in OVERLAYS.items()},
}


def main(kind: str, where: str) -> None:
    """Mount, use, and tell."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNS) == 0
    call("mount", "--make-rprivate", "/")
    KINDS[kind](Path(where))
    print(json.dumps({"pid": os.getpid(), "files": truth, "programs": programs}), flush=True)
    sys.stdin.read()  # the mounts stay until the test has its records


if __name__ == "__main__":
    main(*sys.argv[1:])
