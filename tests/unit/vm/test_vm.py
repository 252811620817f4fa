# SPDX-License-Identifier: Apache-2.0
"""The parts of the VM harness that need no machine."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.vm import KERNELS, VmError, boot, cache, cpio, get, host, image, machine, mirror, result

TARGETS = [
    "site:/security\tmain\tDebian-Security\tbookworm-security",
    "site:/other\tmain\t\tnodistro",
    "site:/debian\tcontrib\tDebian\tbookworm",
    "site:/debian\tmain\tDebian\tbookworm",
]


@pytest.fixture(autouse=True)
def cache_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache of its own."""
    monkeypatch.setenv("KFLOWD_VM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_unknown_kernel_is_refused_with_the_choice() -> None:
    """The message names the kernels that there are."""
    with pytest.raises(VmError, match=r"unknown kernel '2\.6'.*6\.1"):
        get("2.6")


@pytest.mark.parametrize(
    ("name", "package", "expected"),
    [
        ("6.1", "linux-image-6.1.0-47-cloud-amd64", True),
        ("6.1", "linux-image-6.12.9+deb13-cloud-amd64", False),
        ("6.1", "linux-image-6.1.0-47-cloud-amd64-dbg", False),
        ("6.1", "linux-image-6.1.0-47-amd64", False),
        ("6.1-arm64", "linux-image-6.1.0-47-cloud-arm64", True),
    ],
)
def test_pattern_takes_cloud_images_only(name: str, package: str, *, expected: bool) -> None:
    """A kernel's pattern matches its own cloud images and nothing else."""
    assert expected is bool(re.search(KERNELS[name].pattern, package))


def test_main_archive_is_chosen_by_label() -> None:
    """Neither the security archive nor another component is taken."""
    assert mirror.choose_site(TARGETS, "") == "site:/debian"


def test_main_archive_is_chosen_by_release_before_lists_are_fetched() -> None:
    """Without labels, the release that the machine runs tells the archive."""
    bare = [re.sub(r"Debian(-Security)?", "", line) for line in TARGETS]
    assert mirror.choose_site(bare, "bookworm") == "site:/debian"


def test_no_archive_is_an_error() -> None:
    """A machine without Debian's archive is told what to set."""
    with pytest.raises(VmError, match="KFLOWD_VM_MIRROR"):
        mirror.choose_site(TARGETS[:2], "bookworm")


def test_versions_sort_by_number() -> None:
    """6.18.15 is newer than 6.18.9."""
    names = [f"linux-image-6.18.{patch}+deb13-cloud-amd64" for patch in (15, 9)]
    assert sorted(names, key=mirror.version_key) == names[::-1]


def test_reason_prefers_the_first_error_of_apt() -> None:
    """Warnings and later errors are left out."""
    text = "W: odd\nE: first cause\nE: some files failed\n"
    assert host.reason(text, 100) == "E: first cause"
    assert host.reason("", 100) == "exit code 100"


def test_missing_program_names_its_package() -> None:
    """The message says which Debian package to install."""
    with pytest.raises(VmError, match="Debian package some-package"):
        host.need("no-such-program-at-all", "some-package")


def test_failing_program_gives_its_last_line() -> None:
    """A failed call is one line."""
    with pytest.raises(VmError, match=r"^running sh: second$"):
        host.call(["sh", "-c", "echo first >&2; echo second >&2; exit 3"])


def test_module_names_and_dependencies() -> None:
    """modules.dep is read whatever the compression of the modules."""
    depends = boot.parse_depends(["a/virtio-blk.ko.xz: b/virtio.ko.xz", "b/virtio.ko.xz:"])
    assert depends == {"a/virtio-blk.ko.xz": ["b/virtio.ko.xz"], "b/virtio.ko.xz": []}
    assert [boot.module_name(path) for path in depends] == ["virtio_blk", "virtio"]


def test_cpio_members_are_aligned() -> None:
    """An archive's members begin at multiples of four and carry their data."""
    data = cpio.archive({"a/b/c": b"12345", "d": b""})
    assert len(data) % 4 == 0
    names = re.findall(rb"070701[0-9A-F]{104}([^\0]+)\0", data)
    assert names == [b"a", b"a/b", b"a/b/c", b"d", b"TRAILER!!!"]
    assert b"12345" + bytes(3) + b"070701" in data


def test_status_takes_complete_lines_only() -> None:
    """A line that is still being written is not read."""
    assert result.parse_status("start 4.5\nexit 3 7.25\n") == result.Status(4.5, 7.25, 3)
    assert result.parse_status("start 4.5\nexit 12") == result.Status(4.5, None, None)
    assert result.parse_status("") == result.Status()


def test_results_of_a_cut_archive_are_what_is_there(tmp_path: Path) -> None:
    """Files before the cut are kept."""
    (tmp_path / "one").write_bytes(b"1" * 600)
    whole = subprocess.check_output(["tar", "-C", str(tmp_path), "-c", "./one"])
    assert result.unpack_results(whole) == {"one": b"1" * 600}
    assert result.unpack_results(b"") == {}
    assert result.unpack_results(b"no archive") == {}


def test_keys_depend_on_each_input() -> None:
    """Inputs are not run together."""
    assert cache.key("ab", "c") != cache.key("a", "bc")
    assert cache.key("ab", b"c") == cache.key("ab", b"c")


def test_entry_is_built_once_and_never_half() -> None:
    """A failed build leaves nothing; a finished one is not repeated."""
    calls: list[Path] = []

    def build(path: Path) -> None:
        path.write_text("data")
        calls.append(path)
        if len(calls) == 1:
            raise VmError("failed")

    with pytest.raises(VmError):
        cache.entry("thing", "0" * 16, ".x", build)
    paths = {cache.entry("thing", "0" * 16, ".x", build) for _ in range(2)}
    assert len(calls) == 2
    assert [path.read_text() for path in paths] == ["data"]
    assert [path.name for path in paths] == ["thing-0000000000000000.x"]


def test_unused_entries_are_removed() -> None:
    """Only entries of the same name that were not used for a while go."""
    old = cache.entry("thing", "0" * 16, ".x", Path.touch)
    other = cache.entry("thing-b", "0" * 16, ".x", Path.touch)
    for path in (old, other):
        os.utime(path, (time.time() - 100,) * 2)
    new = cache.entry("thing", "1" * 16, ".x", Path.touch, keep=50)
    assert [path.exists() for path in (old, other, new)] == [False, True, True]


def test_drive_image_follows_its_tree(tmp_path: Path) -> None:
    """A changed file gives another image; an excluded one does not."""
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/file").write_text("one")
    drive = image.Drive("test", tree, "/test", ("*.tmp",))
    first = image.drive_image(drive)
    (tree / "x.tmp").write_text("left out")
    assert image.drive_image(drive) == first
    (tree / "sub/file").write_text("three")
    assert image.drive_image(drive) != first


@pytest.mark.parametrize(
    ("failure", "started", "attempts"),
    [
        ("panic", "", 3),
        ("QEMU ended by signal 11", "", 3),
        ("panic", "start 4.2\n", 1),
        ("timeout", "", 1),
    ],
)
def test_a_machine_that_dies_before_the_command_is_booted_again(
    failure: str, started: str, attempts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What died before anything of ours ran in it says nothing; later it is a failure."""
    (tmp_path / "results").touch()
    (tmp_path / "status").write_text(started)
    monkeypatch.setattr(machine, "_watch", lambda *_, **__: failure)
    ended = machine._boot_once([], tmp_path, 1.0, None, interactive=False)
    assert (ended.failure, ended.attempts) == (failure, attempts)
