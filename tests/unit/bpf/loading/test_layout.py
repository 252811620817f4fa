# SPDX-License-Identifier: Apache-2.0
"""The contract against BTF: what fits passes, what differs is named."""

import shutil
import subprocess
from pathlib import Path

import pytest

from kflowd.bpf.loading import builds, layout
from kflowd.bpf.loading.layout import USER_ONLY, check_layout, shape_here
from kflowd.bpf.loading.object import BpfObject
from kflowd.contract import Shape, shape, struct_names
from kflowd.errors import ContractError

ROOT = Path(__file__).parents[4]
SOURCE = """\
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef long long __s64;
#include "record.h"
struct kf_exit_record anchor;
struct kf_closed_record other;
"""


def compiled(folder: Path, header: str) -> BpfObject:
    """Return an object with two structs of a contract header."""
    (folder / "record.h").write_text(header)
    (folder / "a.bpf.c").write_text(SOURCE)
    clang = shutil.which("clang")
    assert clang, "clang is part of the build"
    command = [clang, "-O2", "-g", "-target", "bpf", "-c", "a.bpf.c", "-o", "a.bpf.o"]
    subprocess.run(command, check=True, cwd=folder)
    return BpfObject("a", folder)


def test_the_header_fits_itself(tmp_path: Path) -> None:
    """An object built from this header passes, and its structs were compared."""
    header = (ROOT / "ebpf" / "record.h").read_text()
    with compiled(tmp_path, header) as it:
        assert {"struct kf_exit_record", "struct kf_proc"} <= check_layout(it.btf, it.name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("__u64 peak_rss;", "__u32 peak_rss;", r"struct kf_exit_record\.peak_rss is at byte"),
        ("__u32 ppid;\n", "", "struct kf_proc has no member ppid in the object"),
        ("__u64 cookie;\n};", "__u64 cookie;\n__u64 more;\n};", "has a member more in the object"),
    ],
)
def test_an_altered_header_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    """The error names the struct and the member."""
    header = (ROOT / "ebpf" / "record.h").read_text()
    assert old in header
    with compiled(tmp_path, header.replace(old, new)) as it:
        with pytest.raises(ContractError, match=message) as caught:
            check_layout(it.btf, "a.bpf.o")
        assert caught.value.hint


def test_extension_and_layouts_are_of_one_header() -> None:
    """What C writes and what Python reads lies in one place."""
    for name in struct_names():
        assert shape_here(name) == shape(name)


def test_layouts_of_another_header_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layouts that were not made anew are noticed, though object and extension agree."""

    def old(name: str) -> Shape:
        return Shape(8, {}) if name == "struct kf_exit_record" else shape(name)

    monkeypatch.setattr(layout, "shape", old)
    header = (ROOT / "ebpf" / "record.h").read_text()
    with (
        compiled(tmp_path, header) as it,
        pytest.raises(ContractError, match="kf_exit_record has a member"),
    ):
        check_layout(it.btf, it.name)


def test_each_struct_of_the_contract_is_in_an_object() -> None:
    """Nothing of the contract escapes the comparison, but what user space alone writes."""
    compared: set[str] = set()
    for name in builds.names():
        with BpfObject(name) as it:
            compared |= check_layout(it.btf, name)
    assert set(struct_names()) - compared == set(USER_ONLY)
