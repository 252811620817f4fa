# SPDX-License-Identifier: Apache-2.0
"""The project built for arm64 on another processor: objects, extension, Python packages.

Needs `tools/install-deps arm64`. Everything is made in the cache of tests.vm or in the copy of the
project's tree that the machines see.
"""

import sys
import tomllib
from pathlib import Path

from kflowd.bpf.native import _build
from tests.vm import cache, mirror
from tests.vm.errors import VmError
from tests.vm.host import call, need
from tests.vm.image import PROJECT, PYTHON, SUITE

TRIPLET = "aarch64-linux-gnu"
# headers and libraries of the extension, and Python's headers
PACKAGES = ("libbpf-dev", "libelf-dev", "libelf1", "zlib1g-dev", "zlib1g", "libpython3.11-dev")
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64")
TEST_PACKAGES = ("pytest>=8.0", "pytest-timeout>=2.3")


def sysroot() -> Path:
    """Return a tree with Debian's libraries and headers for arm64, from the cache."""

    def build(target: Path) -> None:
        mirror.Suite(SUITE, "arm64").unpack(PACKAGES, target)

    return cache.entry("sysroot-arm64", cache.key(SUITE, PACKAGES), "", build)


def packages() -> Path:
    """Return a folder with the Python packages that the agent and its tests need, for arm64."""
    wanted = (*_requirements(), *TEST_PACKAGES)

    def build(target: Path) -> None:
        argv = [sys.executable, "-m", "pip", "install", "-q", "--root-user-action=ignore"]
        argv += ["--target", str(target), "--only-binary=:all:"]
        argv += ["--python-version", ".".join(map(str, PYTHON))]
        argv += [word for name in PLATFORMS for word in ("--platform", name)]
        call([*argv, *wanted])

    return cache.entry("packages-arm64", cache.key(wanted, PLATFORMS, PYTHON), "", build)


def _requirements() -> tuple[str, ...]:
    text = (PROJECT / "pyproject.toml").read_text()
    return tuple(tomllib.loads(text)["project"]["dependencies"])


def build_objects(tree: Path, variables: tuple[str, ...]) -> None:
    """Build all BPF objects of a tree anew, with variables of make such as CLANG=clang-16.

    Raises:
        VmError: the build failed.
    """
    objects = tree / "src" / "kflowd" / "bpf" / "objects"
    names = sorted(path.name for path in objects.glob("*.bpf.o"))
    if not names:
        raise VmError(f"building objects: there are none in {PROJECT} (make build)")
    for name in names:
        (objects / name).unlink()
    stamps = tree / "build"
    stamps.mkdir(exist_ok=True)
    (stamps / "build-deps.stamp").touch()
    targets = [f"src/kflowd/bpf/objects/{name}" for name in names]
    call([need("make", "make"), "-C", str(tree), "-j2", *variables, *targets])


def build_extension(tree: Path) -> None:
    """Cross-compile the extension of a tree in the place of the host's."""
    root = sysroot()
    folder = tree / "src" / "kflowd" / "bpf" / "native"
    for old in folder.glob("_kflowd*.so"):
        old.unlink()
    work = tree / "build"
    work.mkdir(exist_ok=True)
    source = work / "_kflowd.c"
    _build.builder(tree).emit_c_code(str(source))
    archive = work / "libbpf.a"
    tool = f"{TRIPLET}-objcopy"
    original = root / "usr" / "lib" / TRIPLET / "libbpf.a"
    call([need(tool, "binutils-" + TRIPLET), "--redefine-sym", "stderr=kf_stderr",
          str(original), str(archive)])  # fmt: skip
    include = root / "usr" / "include"
    argv = [need(f"{TRIPLET}-gcc", f"gcc-{TRIPLET}"), "-shared", "-fPIC", "-O2", "-D_GNU_SOURCE"]
    argv += ["-DPy_LIMITED_API=0x03070000", f"-I{folder}", f"-I{tree / 'ebpf'}"]
    argv += [f"-idirafter{include}", f"-I{include / 'python3.11'}", f"-I{include / TRIPLET}"]
    argv += [str(source), *(str(folder / name) for name in _build.SOURCES), str(archive)]
    argv += [f"-L{root / 'usr' / 'lib' / TRIPLET}", f"-L{root / 'lib' / TRIPLET}"]
    argv += ["-Wl,--exclude-libs,ALL", "-lelf", "-lz", "-o", str(folder / "_kflowd.abi3.so")]
    call(argv)
