# SPDX-License-Identifier: Apache-2.0
import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from kflowd.delivery.sinks import rotation as module
from kflowd.delivery.sinks.rotation import Rotation

READ: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "none": ("", bytes),
    "gzip": (".gz", gzip.decompress),
    "zstd": (".zst", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
}


@pytest.mark.parametrize("compress", READ)
def test_files_get_the_next_number(tmp_path: Path, compress: str) -> None:
    """The last one goes; others that are there stay."""
    path, other = tmp_path / "records", tmp_path / "records.new"
    other.write_bytes(b"other")
    suffix, read = READ[compress]
    rotation = Rotation(path, 3, compress)
    for number in range(7):
        path.write_bytes(str(number).encode() * 100)
        rotation.rotate()
        rotation.join()
        assert not path.exists()
    found = {it.name: read(it.read_bytes())[:1] for it in tmp_path.iterdir() if it != other}
    assert found == {f"records.{n}{suffix}": str(7 - n).encode() for n in (1, 2, 3)}
    assert all(it.stat().st_mode & 0o77 == 0 for it in tmp_path.glob("*.*z*"))


def test_others_can_read_what_was_compressed(tmp_path: Path) -> None:
    """By the tool that everybody has."""
    path = tmp_path / "records"
    path.write_bytes(b"text\n" * 100_000)
    rotation = Rotation(path, 1, "gzip")
    rotation.rotate()
    rotation.join()
    packed = tmp_path / "records.1.gz"
    out = subprocess.run(["gzip", "-dc", packed], check=True, capture_output=True).stdout
    assert out == b"text\n" * 100_000
    assert packed.stat().st_size < 5000


def test_another_form_from_now_on_leaves_no_number_twice(tmp_path: Path) -> None:
    """What was not compressed before is moved on and removed as the others are."""
    path = tmp_path / "records"
    for compress in ("none", "gzip", "gzip", "gzip"):
        path.write_bytes(b"x")
        rotation = Rotation(path, 2, compress)
        rotation.rotate()
        rotation.join()
    assert sorted(it.name for it in tmp_path.iterdir()) == ["records.1.gz", "records.2.gz"]


def test_what_cannot_be_compressed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the records are there, and no part of a file."""
    path = tmp_path / "records"
    path.write_bytes(b"x")

    def fails(_source: object, _target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(module._FORMS, "gzip", (".gz", fails))
    rotation = Rotation(path, 2, "gzip")
    rotation.rotate()
    rotation.join()
    assert [it.name for it in tmp_path.iterdir()] == ["records.1"]


def test_a_part_of_a_run_that_was_ended_is_in_nobodys_way(tmp_path: Path) -> None:
    """Nor is a link that stands there followed."""
    path, victim = tmp_path / "records", tmp_path / "victim"
    path.write_bytes(b"x")
    victim.write_bytes(b"mine")
    (tmp_path / "records.1.gz.part").symlink_to(victim)
    rotation = Rotation(path, 2, "gzip")
    rotation.rotate()
    rotation.join()
    assert victim.read_bytes() == b"mine"
    assert gzip.decompress((tmp_path / "records.1.gz").read_bytes()) == b"x"
