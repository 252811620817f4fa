# SPDX-License-Identifier: Apache-2.0
"""Where file systems that are modules keep what stat(2) shows, as the kernel side reads it.

Modules come and go while kflowd runs: the first mount of btrfs loads it.
"""

from collections.abc import Callable
from pathlib import Path

from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.kernel.btf import VMLINUX_BTF, Kernel
from kflowd.bpf.kernel.features import Feature
from kflowd.errors import KflowdError

MODULES = ("btrfs", "overlay")
SYS_MODULE = Path("/sys/module")

Values = dict[str, int]


class Layouts:
    """Keeps the map kf_layouts in step with the modules.

    Args:
        map_fd: Of the map; None: no object has it.
        open_kernel: Gives the kernel's types.
        folder: Where the kernel shows those of modules.
    """

    def __init__(
        self,
        map_fd: int | None,
        open_kernel: Callable[[], Kernel] = Kernel,
        folder: Path = VMLINUX_BTF.parent,
    ) -> None:
        self._map_fd = map_fd
        self._open_kernel = open_kernel
        self._folder = folder
        self._seen: tuple[int, ...] | None = None

    def refresh(self) -> None:
        """Write the map anew if a module has come or gone since the last call."""
        if self._map_fd is None:
            return
        seen = tuple(_number(self._folder / name) for name in MODULES)
        if seen == self._seen:
            return
        try:
            with self._open_kernel() as kernel:
                known = values(kernel)
        except (KflowdError, OSError, MemoryError):
            _write(self._map_fd, {})  # not known for now, and asked again at the next call
            return
        self._seen = seen
        _write(self._map_fd, known)


def features(
    kernel: Kernel, folder: Path = VMLINUX_BTF.parent, modules: Path = SYS_MODULE
) -> tuple[Feature, ...]:
    """Say of which file systems the devices of stat(2) are known."""
    known = {"btrfs": _of_btrfs(kernel), "overlay": _of_overlay(kernel)}
    return tuple(
        _feature(name, known=bool(known[name]), folder=folder, modules=modules) for name in MODULES
    )


def _feature(name: str, *, known: bool, folder: Path, modules: Path) -> Feature:
    title = f"devices of files as stat(2) shows them: {name}"
    if known:
        return Feature(name, title, ok=True)
    loaded = (modules / name).exists()
    if not loaded and any(it.name != VMLINUX_BTF.name for it in folder.glob("*")):
        return Feature(name, title, ok=True, why="not loaded: looked for when it is")
    return Feature(
        name,
        title,
        ok=False,
        why="the kernel shows no types of it" if loaded else "the kernel shows no types of modules",
        change="Linux 5.11 with CONFIG_DEBUG_INFO_BTF_MODULES=y",
    )


def values(kernel: Kernel) -> Values:
    """Return the members of a struct kf_layouts that are known."""
    return _of_btrfs(kernel) | _of_overlay(kernel)


def _of_btrfs(kernel: Kernel) -> Values:
    inode = kernel.offsets("btrfs", "btrfs_inode", "root", "vfs_inode")
    root = kernel.offsets("btrfs", "btrfs_root", "anon_dev")
    if inode is None or root is None:
        return {}
    return {"btrfs_root": inode[1] - inode[0], "btrfs_dev": root[0]}


def _of_overlay(kernel: Kernel) -> Values:
    mounted = kernel.offsets("overlay", "ovl_fs", "xino_mode", "numfs", "fs")
    layer = kernel.offsets("overlay", "ovl_sb", "sb", "pseudo_dev")
    size = kernel.span("overlay", "ovl_sb")
    lower = _lower(kernel)
    if mounted is None or layer is None or size is None or lower is None:
        return {}
    names = ("xino", "count", "list", "sb", "dev", "lower", "path", "dentry", "size")
    offsets = (*mounted, *layer, *lower, size)
    return {f"ovl_{name}": offset for name, offset in zip(names, offsets, strict=True)}


def _lower(kernel: Kernel) -> tuple[int, int, int] | None:
    """Return how far behind its vfs_inode an ovl_inode has its lower file, as what, and where.

    It has a list of them (6.5), the first one (5.19), or the inode of that.
    """
    dentry = kernel.offsets("overlay", "ovl_path", "dentry")
    listed = kernel.offsets("overlay", "ovl_inode", "vfs_inode", "oe")
    entry = kernel.offsets("overlay", "ovl_entry", "__lowerstack")
    if listed and entry and dentry:
        return listed[1] - listed[0], lib.KF_OVL_LISTED, entry[0] + dentry[0]
    first = kernel.offsets("overlay", "ovl_inode", "vfs_inode", "lowerpath")
    if first and dentry:
        return first[1] - first[0], lib.KF_OVL_FIRST, dentry[0]
    lower = kernel.offsets("overlay", "ovl_inode", "vfs_inode", "lower")
    return (lower[1] - lower[0], lib.KF_OVL_INODE, 0) if lower else None


def _number(path: Path) -> int:
    """Return what tells a file of sysfs from another one of its name, 0 if it is not there."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _write(map_fd: int, members: Values) -> None:
    # if it fails nothing is known, which records say
    lib.bpf_map_update_elem(
        map_fd, ffi.new("__u32 *", 0), ffi.new("struct kf_layouts *", members), 0
    )
