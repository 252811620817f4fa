# SPDX-License-Identifier: Apache-2.0
"""Drives of the machine: Debian's root file system, and trees of the host such as the project."""

import compileall
import fnmatch
import inspect
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vm import cache, mirror
from tests.vm.errors import VmError
from tests.vm.host import call, need
from tests.vm.kernels import Arch

PROJECT = Path(__file__).resolve().parents[2]
# The guest's Python must have the ABI of the host's: compiled extensions work in both.
SUITE = "bookworm"
PYTHON = (3, 11)
PACKAGES = (
    "bpftool",
    "btrfs-progs",
    "busybox-static",
    "e2fsprogs",
    "iproute2",
    "kmod",
    "libelf1",
    "mount",
    "procps",
    "python3",
    "socat",
    "strace",
    "xfsprogs",
    "zlib1g",
)
# Debian for another processor is unpacked and not configured, as its programs do not run here: so
# what "essential" brings by itself is named, and what maintainer scripts would make is in hooks.
_ESSENTIAL = (
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "dash",
    "diffutils",
    "findutils",
    "gawk",
    "grep",
    "gzip",
    "hostname",
    "libc-bin",
    "login",
    "sed",
    "tar",
    "util-linux",
)
_FOREIGN_HOOKS = (
    'for x in passwd group; do cp "$1/usr/share/base-passwd/$x.master" "$1/etc/$x"; done',
    'ln -sf dash "$1/usr/bin/sh"; ln -sf gawk "$1/usr/bin/awk"',
)
_FOREIGN_OPTIONS = ("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "--skip=check/qemu")
_DPKG_OPTIONS = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/lib/python3/dist-packages/*/tests/*",
)
_HOOKS = (
    'echo kflowd-vm > "$1/etc/hostname"',
    'printf "127.0.0.1 localhost kflowd-vm\\n::1 localhost\\n" > "$1/etc/hosts"',
    'mkdir -p "$1/project" "$1/results"',
    'rm -rf "$1"/var/cache/apt "$1"/var/lib/apt/lists "$1"/var/cache/debconf "$1"/var/log/*',
)
# Named one by one: what newer mke2fs turn on by themselves, 5.10 cannot mount.
_FEATURES = (
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,"
    "large_file,huge_file,dir_nlink,extra_isize,metadata_csum"
)
_CACHES = (".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache")
_PROJECT_EXCLUDED = (".git", ".venv", "build", "*.egg-info", *_CACHES)
_PACKAGES_EXCLUDED = ("pip", "pip-*", "setuptools", "setuptools-*", "*mypy*", "ruff", "ruff-*")
MIB = 1 << 20
# A drive is made anew at each change of its tree; a machine opens it at once and needs it no more.
_DRIVE_SECONDS = 3600.0


@dataclass(frozen=True)
class Drive:
    """A tree of the host that the guest sees; the guest may write, the host's tree stays as it is.

    Attributes:
        name: the drive's name, at most 20 characters.
        source: the directory on the host.
        mount: where the guest mounts it.
        exclude: patterns of file names (not of paths) that are left out.
    """

    name: str
    source: Path
    mount: str
    exclude: tuple[str, ...] = ()


def project_drives(venv: Path | None = None) -> tuple[Drive, ...]:
    """Return the project's tree and, if there is one, its virtual environment's packages.

    Args:
        venv: the virtual environment; `KFLOWD_VM_VENV` or `.venv` in the project if not given.
    """
    chosen = venv or Path(os.environ.get("KFLOWD_VM_VENV") or PROJECT / ".venv")
    packages = chosen / f"lib/python{PYTHON[0]}.{PYTHON[1]}/site-packages"
    project = Drive("project", PROJECT, "/project", _PROJECT_EXCLUDED)
    if not packages.is_dir():
        return (project,)
    return (project, Drive("packages", packages, "/project/site-packages", _PACKAGES_EXCLUDED))


def root_image(arch: Arch) -> Path:
    """Return the root file system for `arch`, built with mmdebstrap if it is not in the cache."""
    parts = (PACKAGES, _ESSENTIAL, _DPKG_OPTIONS, _HOOKS, _FOREIGN_HOOKS, _FOREIGN_OPTIONS)
    inputs = cache.key(SUITE, parts, _FEATURES, arch.name, inspect.getsource(_bootstrap))

    def build(target: Path) -> None:
        tree = target.with_suffix(".tree")
        cache.remove(tree)
        try:
            _bootstrap(arch, tree)
            make_ext4(tree, target, size=max(2048, 2 * tree_size(tree) // MIB))
        finally:
            cache.remove(tree)

    return cache.entry(f"root-{arch.name}", inputs, ".ext4", build)


def drive_image(drive: Drive) -> Path:
    """Return an image with the present content of `drive.source`."""
    if not drive.source.is_dir():
        raise VmError(f"making drive {drive.name}: no directory {drive.source}")
    inputs = cache.key(drive, list(_states(drive)), _FEATURES)

    def build(target: Path) -> None:
        tree = target.with_suffix(".tree")
        cache.remove(tree)
        try:
            ignore = shutil.ignore_patterns(*drive.exclude)
            try:
                shutil.copytree(drive.source, tree, symlinks=True, ignore=ignore)
            except OSError as error:
                raise VmError(f"making drive {drive.name}: {drive.source} changed") from error
            _compile(tree, drive.mount)
            make_ext4(tree, target, size=64 + 2 * tree_size(tree) // MIB)
        finally:
            cache.remove(tree)

    return cache.entry(f"drive-{drive.name}", inputs, ".ext4", build, keep=_DRIVE_SECONDS)


def make_ext4(tree: Path, target: Path, *, size: int) -> None:
    """Make an ext4 image of `size` MiB from a directory; everything in it belongs to root."""
    with target.open("wb") as image:
        image.truncate(size * MIB)
    options = "root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1"
    argv = [need("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-O", _FEATURES]
    call([*argv, "-b", "4096", "-I", "256", "-m", "0", "-E", options, "-d", str(tree), str(target)])


def _bootstrap(arch: Arch, tree: Path) -> None:
    """Unpack Debian in `tree`, and configure it if its programs run here."""
    native = call([need("dpkg", "dpkg"), "--print-architecture"]).strip() == arch.name
    packages = PACKAGES if native else (*_ESSENTIAL, *PACKAGES)
    hooks = _HOOKS if native else (*_FOREIGN_HOOKS, *_HOOKS)
    options = [f"--aptopt={line}" for line in mirror.transport_options()]
    options += [f"--dpkgopt={line}" for line in _DPKG_OPTIONS]
    # "extract" ends before the hooks of later steps
    options += [f"--{'customize' if native else 'extract'}-hook={line}" for line in hooks]
    options += ["--variant=essential"] if native else ["--variant=extract", *_FOREIGN_OPTIONS]
    argv = [need("mmdebstrap", "mmdebstrap"), "--quiet", "--format=directory", *options]
    argv += [f"--architectures={arch.name}", f"--include={','.join(packages)}"]
    call([*argv, SUITE, str(tree), mirror.source_line(SUITE).strip()])
    if not native:
        _compile(tree, "/")


def _states(drive: Drive) -> Iterator[tuple[object, ...]]:
    """Yield what tells one state of the tree from another: path, mode, size and time of change."""
    for path in sorted(_walk(drive.source, drive.exclude)):
        if not path.is_symlink() and not path.exists():
            continue  # gone since it was listed
        status = path.lstat()
        size = 0 if path.is_dir() else status.st_size
        when = 0 if path.is_dir() else status.st_mtime_ns
        yield str(path.relative_to(drive.source)), status.st_mode, size, when


def _walk(top: Path, exclude: Sequence[str]) -> Iterator[Path]:
    """Yield all files and directories below `top` whose names are not excluded."""
    for folder, names, files in os.walk(top):
        names[:] = [name for name in names if not _matches(name, exclude)]
        kept = (name for name in files if not _matches(name, exclude))
        yield from (Path(folder, name) for name in (*names, *kept))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def tree_size(tree: Path) -> int:
    """Return the bytes that the files of a tree take, in whole blocks."""
    return sum((path.lstat().st_size | 4095) + 1 for path in _walk(tree, ()))


def _compile(tree: Path, mount: str) -> None:
    """Compile the tree's modules, which takes emulated Python long; an odd one is no error."""
    if sys.version_info[:2] == PYTHON:
        compileall.compile_dir(
            tree, quiet=2, maxlevels=30, stripdir=str(tree), prependdir=mount, workers=2
        )
