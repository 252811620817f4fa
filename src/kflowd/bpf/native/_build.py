# SPDX-License-Identifier: Apache-2.0
"""Build of the extension kflowd.bpf.native._kflowd: the glue and libbpf, linked statically.

Two ways lead here: setuptools, by `cffi_modules` in setup.py, for wheels, and this file as a
program, which puts the extension beside itself. The module imports nothing of kflowd, so that it
also runs before kflowd is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from importlib import machinery
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
CONTRACT = ROOT / "ebpf" / "record.h"
SOURCES = (
    "glue_clock.c",
    "glue_log.c",
    "glue_netns.c",
    "glue_object.c",
    "glue_probe.c",
    "glue_programs.c",
    "glue_reads.c",
    "glue_exited.c",
    "glue_drain.c",
    "glue_entries.c",
    "glue_exports.c",
    "glue_gone.c",
    "glue_front.c",
    "glue_shares.c",
    "glue_sweep.c",
)
MODULE = "kflowd.bpf.native._kflowd"


def cut(text: str) -> str:
    """Return what stands between the marks `cffi: begin` and `cffi: end` of a header.

    Raises:
        ValueError: the marks are not there.
    """
    found = re.search(r"/\* cffi: begin \*/\n(.*)/\* cffi: end \*/", text, re.DOTALL)
    if found is None:
        message = "cutting a header: no marks `cffi: begin` and `cffi: end`"
        raise ValueError(message)
    return found.group(1)


def declarations() -> str:
    """Return the text that cffi declares: libbpf, the contract, the glue."""
    return "\n".join(
        (
            (HERE / "libbpf.cdef.h").read_text(),
            cut(CONTRACT.read_text()),
            cut((HERE / "glue.h").read_text()),
        )
    )


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    return done.stdout.strip() if done.returncode == 0 else ""


def find_libbpf() -> Path:
    """Return the path of libbpf.a: LIBBPF_A, else what pkg-config or the compiler knows.

    Raises:
        FileNotFoundError: libbpf.a is not installed.
    """
    folder = _output("pkg-config", "--variable=libdir", "libbpf")
    candidates = (
        os.environ.get("LIBBPF_A", ""),
        f"{folder}/libbpf.a" if folder else "",
        _output(os.environ.get("CC", "cc"), "-print-file-name=libbpf.a"),
    )
    for candidate in candidates:
        # A compiler that does not know the file prints its bare name.
        if candidate and Path(candidate).is_absolute() and Path(candidate).is_file():
            return Path(candidate)
    message = "looking for libbpf.a: not found (install libbpf-dev, libelf-dev and zlib1g-dev)"
    raise FileNotFoundError(message)


def position_independent(archive: Path) -> Path:
    """Return a copy of libbpf.a that fits into a shared object, below build/.

    Distributions compile it for executables (-fPIE), where `stderr` of the C library may be
    reached directly. A shared object may not do that: the name is turned to one of the glue's own.
    """
    copy = ROOT / "build" / "libbpf" / "libbpf.a"
    copy.parent.mkdir(parents=True, exist_ok=True)
    command = ["objcopy", "--redefine-sym", "stderr=kf_stderr", str(archive), str(copy)]
    subprocess.run(command, check=True)  # noqa: S603 - fixed arguments
    return copy


def builder(root: Path) -> FFI:
    """Return the cffi builder of the extension, with paths that begin at root.

    setuptools wants sources relative to the folder of setup.py, where it runs: an empty root.
    """
    ffi = FFI()
    ffi.cdef(declarations())
    here = root / HERE.relative_to(ROOT)
    contract = root / CONTRACT.relative_to(ROOT)
    ffi.set_source(
        MODULE,
        '#include "glue.h"',
        sources=[str(here / name) for name in SOURCES],
        depends=[str(here / "glue.h"), str(contract)],
        include_dirs=[str(here), str(contract.parent)],
        define_macros=[("_GNU_SOURCE", None)],
        extra_objects=[str(position_independent(find_libbpf()))],
        # libbpf's own symbols stay inside, another libbpf in the process does not meet them
        extra_link_args=["-Wl,--exclude-libs,ALL"],
        extra_compile_args=["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"],
        libraries=["elf", "z"],
    )
    return ffi


def ffibuilder() -> FFI:
    """Return the builder for setuptools, which calls this in the folder of setup.py."""
    return builder(Path())


def build() -> Path:
    """Compile the extension and put it beside this file. Return its path."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(builder(ROOT).compile(tmpdir=folder))
        # cffi keeps to the stable interface: the same name as setuptools gives it
        stable = ".abi3.so" in machinery.EXTENSION_SUFFIXES
        target = HERE / ("_kflowd.abi3.so" if stable else made.name)
        # Replaced by renaming: a running kflowd keeps the file that it has mapped.
        staged = target.with_suffix(".new")
        shutil.copyfile(made, staged)
        staged.replace(target)
    return target


if __name__ == "__main__":
    build()
