# SPDX-License-Identifier: Apache-2.0
"""Where the BPF objects come from."""

import zipfile
from pathlib import Path

from kflowd.bpf.loading import builds
from kflowd.bpf.loading.object import BpfObject


def test_names_have_their_variant(tmp_path: Path) -> None:
    """Only objects are listed, sorted, and a folder that is not there has none."""
    for file in ("b.bpf.o", "a.cast.bpf.o", "record.h"):
        (tmp_path / file).touch()
    assert builds.names(tmp_path) == ["a.cast", "b"]
    assert builds.names(tmp_path / "missing") == []
    assert builds.is_built("a.cast", tmp_path)
    assert not builds.is_built("a", tmp_path)


def test_objects_may_be_in_an_archive(tmp_path: Path) -> None:
    """An object is opened from what is read of it, wherever that is."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("objects/process.bpf.o", builds.read("process"))
    folder = zipfile.Path(tmp_path / "a.zip") / "objects"
    assert builds.names(folder) == ["process"]
    with BpfObject("process", folder) as it, BpfObject("process") as same:
        assert it.sections == same.sections
