# SPDX-License-Identifier: Apache-2.0
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.enrich import devices as module
from kflowd.enrich.devices import (
    DeviceFacts,
    Devices,
    device_number,
    parse_mountinfo,
    read_mountinfo,
)
from kflowd.model import EnrichedFile, FileFlag, MountSeen
from tests.unit.make import SECOND, inode, named_file

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
26 27 9:2 /srv/data /data rw shared:1 - ext4 /dev/md2 rw
27 1 9:2 / / rw,relatime - ext4 /dev/md2 rw
30 27 0:40 /@home/my\040dir /home rw - btrfs /dev/sda1 rw
31 27 0:40 /@ /mnt/all rw - btrfs /dev/sda1 rw
32 27 259:300 / /nvme rw - xfs /dev/nvme0n1p300 rw

a line of another form
33 27 x:y / / rw - a b c
"""
MD2, BTRFS, NVME = (9 << 20) | 2, 40, (259 << 20) | 300


def enriched(devices: Devices, dev: int, path: str = "/x", flags: int = 0) -> EnrichedFile:
    value = named_file(inode=inode(dev=dev), path=path, flags=flags)
    devices.enrich_file(value)
    return value


@pytest.mark.parametrize(
    ("dev", "text"),
    [
        (MD2, "902h:/dev/md2:/:ext4"),
        (BTRFS, "28h:/dev/sda1:/home:btrfs"),
        (NVME, "11032ch:/dev/nvme0n1p300:/nvme:xfs"),
        (12345, ""),
    ],
)
def test_devices_are_named(dev: int, text: str) -> None:
    """The mount of the whole file system is preferred; unknown devices are empty."""
    assert enriched(Devices(lambda: MOUNTS), dev).device == text


@given(st.integers(0, 4095), st.integers(0, 2**20 - 1))
def test_numbers_are_those_of_stat(major: int, minor: int) -> None:
    """The encoding is that of `stat -c %D`, also for large minors."""
    assert device_number(major << 20 | minor) == os.makedev(major, minor)


def test_this_hosts_root_is_found() -> None:
    """What stat(2) says of / is what mountinfo gives."""
    number = os.stat("/proc").st_dev
    dev = os.major(number) << 20 | os.minor(number)
    assert enriched(Devices(), dev).device.startswith(f"{number:x}h:proc:/proc:proc")
    assert read_mountinfo()


@pytest.mark.parametrize(
    ("dev", "path", "mounted"),
    [
        (MD2, "/srv/data/f", "/srv/data/f"),
        (BTRFS, "/@home/my dir/d/f", "/home/d/f"),
        (BTRFS, "/@/etc/f", "/mnt/all/etc/f"),
        (NVME, "/f", "/nvme/f"),
    ],
)
def test_paths_without_their_mount_are_completed(dev: int, path: str, mounted: str) -> None:
    """The mount point comes before the path, without the part that is not mounted.

    It is a guess, and stays flagged: the mount may be younger, or another one.
    """
    value = enriched(Devices(lambda: MOUNTS), dev, path, FileFlag.PATH_NO_MOUNT)
    assert value.aggregate.path == mounted
    assert value.aggregate.flags & FileFlag.PATH_NO_MOUNT


@pytest.mark.parametrize(("dev", "path"), [(BTRFS, "/@homes/f"), (77, "/memfd:x")])
def test_paths_that_are_mounted_nowhere_stay_flagged(dev: int, path: str) -> None:
    """A path that cannot be completed says so."""
    value = enriched(Devices(lambda: MOUNTS), dev, path, FileFlag.PATH_NO_MOUNT)
    assert value.aggregate.path == path
    assert value.aggregate.flags & FileFlag.PATH_NO_MOUNT


def test_unknown_devices_are_looked_up_once_a_second() -> None:
    """A storm of unknown devices does not read mountinfo for each record."""
    texts = iter([MOUNTS, MOUNTS + "40 27 8:1 / /new rw - ext4 /dev/sda1 rw\n"])
    devices = Devices(lambda: next(texts))
    dev = (8 << 20) | 1
    assert enriched(devices, dev).device == ""
    assert enriched(devices, dev).device == ""
    value = named_file(inode=inode(dev=dev), ts_ns=11 * SECOND)
    devices.enrich_file(value)
    assert value.device == "801h:/dev/sda1:/new:ext4"


def test_a_file_without_identity_has_no_device() -> None:
    """Nothing is looked up for a device that is not known."""
    devices = Devices(lambda: pytest.fail("read"))
    assert enriched(devices, 0, flags=FileFlag.NO_INODE).device == ""


def test_mounts_of_a_recording_never_change() -> None:
    """What was mounted is known, and is not looked up again."""
    again = Devices.recorded(DeviceFacts(**Devices(lambda: MOUNTS).facts()))
    assert enriched(again, MD2).device == "902h:/dev/md2:/:ext4"
    again._read = lambda: pytest.fail("read")
    assert enriched(again, 12345).device == ""
    assert Devices(lambda: "a\udcff").facts() == {"mountinfo": "a?"}


def test_mountinfo_with_optional_fields_is_read() -> None:
    """Any number of optional fields may stand before the separator."""
    (mount,) = parse_mountinfo("1 2 8:1 / /a\\011b rw shared:1 master:2 - ext4 /dev/sda rw")
    assert mount.point == "/a\tb"


def through(devices: Devices, mount: int, dev: int, point: str) -> str:
    """Return the device of a file whose path goes through a mount."""
    value = named_file(inode=inode(dev=dev), mount=mount, point=point)
    devices.enrich_file(value)
    return value.device


def test_the_mount_that_a_path_goes_through_is_named() -> None:
    """Whatever mountinfo says, or has said: it may be gone, or in another namespace."""
    known = Devices(lambda: MOUNTS)
    known.mounted(MountSeen(1, 71, MD2, "xfs", "/dev/md9"))
    assert through(known, 71, MD2, "/data") == "902h:/dev/md9:/data:xfs"
    # a subvolume has a number of its own
    assert through(known, 71, MD2 + 1, "/data") == "903h:/dev/md9:/data:xfs"
    assert through(known, 71, MD2, "") == "902h:/dev/md9::xfs"
    assert through(known, 72, MD2, "/data") == "902h:/dev/md2:/:ext4"
    assert through(known, 72, 12345, "/data") == ""


def test_a_device_that_is_not_known_is_that_of_its_mount() -> None:
    """The record says so; that of a file without identity needs not."""
    known = Devices(lambda: MOUNTS)
    known.mounted(MountSeen(1, 71, BTRFS, "btrfs", "/dev/sda1"))
    value = named_file(inode=inode(dev=0), mount=71, point="/home")
    known.enrich_file(value)
    assert value.device == "28h:/dev/sda1:/home:btrfs"
    assert value.aggregate.flags == FileFlag.DEVICE_OF_MOUNT
    value = enriched(known, 0, flags=FileFlag.NO_INODE)
    assert value.aggregate.flags == FileFlag.NO_INODE


def test_a_subvolume_is_known_by_a_path_through_its_mount() -> None:
    """Its number is not in mountinfo; the first path tells to which file system it belongs."""
    known = Devices(lambda: MOUNTS)
    known.mounted(MountSeen(1, 71, BTRFS, "btrfs", "/dev/sda1"))
    assert enriched(known, BTRFS + 1, "/@/f", FileFlag.PATH_NO_MOUNT).aggregate.path == "/@/f"
    assert through(known, 71, BTRFS + 1, "/home") == "29h:/dev/sda1:/home:btrfs"
    value = enriched(known, BTRFS + 1, "/@/f", FileFlag.PATH_NO_MOUNT)
    assert value.aggregate.path == "/mnt/all/f"
    assert value.device == "29h:/dev/sda1:/home:btrfs"


def test_mounts_and_texts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest mount goes, unless it was told of again."""
    monkeypatch.setattr(module, "MAX_SEEN", 2)
    monkeypatch.setattr(module, "MAX_TEXTS", 1)
    known = Devices(lambda: "")
    for mount in (1, 2, 1, 3):
        known.mounted(MountSeen(0, mount, MD2, "xfs", f"/dev/{mount}"))
    assert [through(known, mount, MD2, "/") for mount in (1, 2, 3)] == [
        "902h:/dev/1:/:xfs",
        "",
        "902h:/dev/3:/:xfs",
    ]
    assert len(known._named) == 1
