# SPDX-License-Identifier: Apache-2.0
"""Where file systems that are modules keep what stat(2) shows, as the kernel side reads it.

Modules come and go while kflowd runs: the first mount of btrfs loads it.
"""

from collections.abc import Callable
from pathlib import Path

from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.kernel.btf import VMLINUX_BTF, Kernel
from kflowd.errors import KflowdError

MODULES = ("btrfs",)

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


def values(kernel: Kernel) -> Values:
    """Return the members of a struct kf_layouts that are known."""
    found: Values = {}
    inode = kernel.offsets("btrfs", "btrfs_inode", "root", "vfs_inode")
    root = kernel.offsets("btrfs", "btrfs_root", "anon_dev")
    if inode is not None and root is not None:
        found |= {"btrfs_root": inode[1] - inode[0], "btrfs_dev": root[0]}
    return found


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
