# SPDX-License-Identifier: Apache-2.0
"""What QEMU boots: a kernel's image, its initramfs, and a drive with its modules."""

import gzip
import inspect
import lzma
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.vm import cache, cpio, mirror
from tests.vm.errors import VmError
from tests.vm.host import call, need
from tests.vm.image import MIB, make_ext4, root_image, tree_size
from tests.vm.kernels import Kernel

_GUEST = Path(__file__).with_name("guest")
# What the initramfs needs to reach the root file system and to speak to the host; those of them
# that a kernel has built in are skipped.
_DRIVERS = ("virtio_pci", "virtio_blk", "virtio_console", "ext4", "crc32c_generic")


@dataclass(frozen=True)
class Boot:
    """A kernel made ready.

    Attributes:
        release: what `uname -r` will say.
        vmlinuz: the image that QEMU boots.
        initramfs: the first part of the initramfs; what a run asks for is put behind it.
        modules: an ext4 image with the tree of /lib/modules.
    """

    release: str
    vmlinuz: Path
    initramfs: bytes
    modules: Path


def prepare(kernel: Kernel, *, refresh: bool = False) -> Boot:
    """Return the boot files of `kernel`, fetched and built if they are not in the cache.

    Args:
        kernel: which one.
        refresh: look for a newer package first.
    """
    with cache.lock(f"suite-{kernel.suite}-{kernel.arch.name}"):
        folder = _kernel_folder(kernel, refresh=refresh)
    files = {
        "init": (_GUEST / "initramfs.sh").read_bytes(),
        "bin/busybox": _busybox(root_image(kernel.arch)),
    }
    initramfs = (folder / "drivers.cpio").read_bytes() + cpio.archive(files)
    release = (folder / "release").read_text()
    return Boot(release, folder / "vmlinuz", initramfs, folder / "modules.ext4")


def _kernel_folder(kernel: Kernel, *, refresh: bool) -> Path:
    """Return the folder of the unpacked kernel; which package it is, is asked once."""
    inputs = cache.key(kernel.suite, kernel.pattern, kernel.arch.name)
    choice = cache.directory() / f"package-{kernel.name}-{inputs}"
    if choice.exists() and not refresh:
        package = choice.read_text()
    else:
        suite = mirror.Suite(kernel.suite, kernel.arch.name, refresh=refresh)
        package = suite.newest(kernel.pattern)

    def build(target: Path) -> None:
        suite = mirror.Suite(kernel.suite, kernel.arch.name)
        suite.unpack(suite.parts(package), target / "files")
        _arrange(target)

    made_by = cache.key(inputs, package, _DRIVERS, inspect.getsource(_arrange))
    folder = cache.entry(f"kernel-{kernel.name}", made_by, "", build)
    choice.write_text(package)
    return folder


def _arrange(folder: Path) -> None:
    """Turn the unpacked `files` into `vmlinuz`, `release`, `drivers.cpio` and `modules.ext4`."""
    files = folder / "files"
    trees = [path for path in files.glob("**/lib/modules/*") if path.is_dir()]
    images = list(files.glob("**/vmlinuz*"))
    if len(trees) != 1 or len(images) != 1:
        raise VmError(f"unpacking a kernel: {len(trees)} module trees, {len(images)} images")
    (folder / "vmlinuz").write_bytes(_bootable(images[0].read_bytes()))
    images[0].unlink()
    tree, release = trees[0], trees[0].name
    # depmod wants lib/modules at the top, newer packages have it in usr
    base = tree.parents[2]
    call([need("depmod", "kmod"), "-b", str(base), release])
    drivers = {
        f"modules/{number:02}-{module_name(path.name)}": _plain(path)
        for number, path in enumerate(_load_order(tree))
    }
    (folder / "drivers.cpio").write_bytes(cpio.archive(drivers))
    make_ext4(tree.parent, folder / "modules.ext4", size=64 + 2 * tree_size(tree) // MIB)
    (folder / "release").write_text(release)
    cache.remove(files)


def _bootable(image: bytes) -> bytes:
    """Return an image that QEMU can boot: the payload of an EFI "zboot" file, else what it is."""
    if image[4:8] != b"zimg":
        return image
    offset, size = (int.from_bytes(image[at : at + 4], "little") for at in (8, 12))
    kind = image[24:56].split(b"\0")[0]
    if kind != b"gzip":
        raise VmError(f"unpacking a kernel: image compressed with {kind.decode()}")
    return gzip.decompress(image[offset : offset + size])


def _busybox(root: Path) -> bytes:
    """Return the static busybox of the root file system."""

    def build(target: Path) -> None:
        program = need("debugfs", "e2fsprogs")
        call([program, "-R", f"dump /usr/bin/busybox {target}", str(root)])
        if not target.exists() or not target.stat().st_size:
            raise VmError("finding busybox: not in the root file system")

    name, _, inputs = root.stem.rpartition("-")
    return cache.entry(f"busybox-{name}", inputs, "", build).read_bytes()


def _load_order(modules: Path) -> list[Path]:
    """Return the files of the drivers and of what they depend on, dependencies first."""
    depends = parse_depends((modules / "modules.dep").read_text().splitlines())
    ordered: list[str] = []

    def add(path: str) -> None:
        for needed in depends[path]:
            add(needed)
        if path not in ordered:
            ordered.append(path)

    for driver in _DRIVERS:
        for path in depends:
            if module_name(path) == driver:
                add(path)
    return [modules / path for path in ordered]


def parse_depends(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return modules.dep as a mapping from a module's path to the paths that it depends on."""
    split = (line.split(":", 1) for line in lines if ":" in line)
    return {path: needed.split() for path, needed in split}


def module_name(path: str) -> str:
    """Return the kernel's name of the module in the file `path`."""
    return re.sub(r"\.ko(\.\w+)?$", "", Path(path).name).replace("-", "_")


def _plain(module: Path) -> bytes:
    """Return a module's bytes, decompressed."""
    data = module.read_bytes()
    if module.suffix == ".xz":
        return lzma.decompress(data)
    if module.suffix != ".ko":
        raise VmError(f"unpacking {module.name}: unknown compression")
    return data
