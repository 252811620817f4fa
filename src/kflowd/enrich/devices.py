# SPDX-License-Identifier: Apache-2.0
"""What is mounted where: the text of a device, and paths that end at their file system's root."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import msgspec

from kflowd.constants import SECOND_NS
from kflowd.enrich.base import Enricher
from kflowd.model import EnrichedFile, FileFlag, MountSeen

MOUNTINFO = "/proc/self/mountinfo"
MINOR_BITS = 20  # of a kernel dev_t
FOREVER_NS = 1 << 63
# Of each there are as many as have been used; containers come and go. What is forgotten is told
# again only if the kernel side has forgotten it as well, so it is much more than that keeps.
MAX_SEEN = 1 << 16
MAX_TEXTS = 1 << 14
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")


class Mount(NamedTuple):
    """One line of mountinfo; `root` is the directory of the file system that is mounted."""

    dev: int
    root: str
    point: str
    fstype: str
    source: str


def device_number(dev: int) -> int:
    """Return a kernel dev_t (major << 20 | minor) as stat(2) shows it."""
    major, minor = dev >> MINOR_BITS, dev & ((1 << MINOR_BITS) - 1)
    return (minor & 0xFF) | major << 8 | (minor & ~0xFF) << 12


def parse_mountinfo(data: str) -> list[Mount]:
    """Return the mounts in the text of proc_pid_mountinfo(5); lines of another form are skipped."""
    mounts = []
    for line in data.split("\n"):
        before, separator, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if not separator or len(left) < 6 or len(right) < 2:
            continue
        major, _, minor = left[2].partition(":")
        if major.isdigit() and minor.isdigit():
            dev = int(major) << MINOR_BITS | int(minor)
            fields = (left[3], left[4], right[0], right[1])
            mounts.append(Mount(dev, *(_unescape(field) for field in fields)))
    return mounts


def read_mountinfo() -> str:
    """Return the mounts of this process, "" if they cannot be read."""
    try:
        return Path(MOUNTINFO).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


class DeviceFacts(msgspec.Struct, frozen=True):
    """Text of /proc/self/mountinfo."""

    mountinfo: str = ""


class Devices(Enricher):
    """Knows FileDevice, and the mount point before paths that lack it.

    Args:
        read: Gives the text of mountinfo.
        interval_ns: An unknown device makes it read again this often at most.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = DeviceFacts

    def __init__(
        self, read: Callable[[], str] = read_mountinfo, interval_ns: int = SECOND_NS
    ) -> None:
        self._read = read
        self._interval_ns = interval_ns
        self._next_ns: int | None = None
        self._mounts: dict[int, list[Mount]] = {}
        self._texts: dict[int, str] = {}
        self._text = ""
        self._seen: dict[int, MountSeen] = {}
        self._named: dict[tuple[int, int, str], str] = {}
        # of subvolumes: what mountinfo has for their file system
        self._mounted: dict[int, int] = {}

    @classmethod
    def recorded(cls, facts: DeviceFacts) -> Self:
        """Return one that knows what was mounted when it was recorded."""
        return cls(lambda: facts.mountinfo, FOREVER_NS)

    def facts(self) -> Mapping[str, Any]:
        """Return the mounts; names that are no UTF-8 lose those bytes, so that JSON takes them."""
        return {"mountinfo": self._read().encode("utf-8", "replace").decode()}

    def refresh(self, now_ns: int) -> bool:
        """Read the mounts, if that was not done within the interval before `now_ns`."""
        if self._next_ns is not None and now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + self._interval_ns
        text = self._read()
        if text != self._text:
            self._text = text
            mounts: dict[int, list[Mount]] = {}
            for mount in parse_mountinfo(text):
                mounts.setdefault(mount.dev, []).append(mount)
            self._mounts = mounts
            self._texts = {dev: device_text(preferred(known)) for dev, known in mounts.items()}
        return False

    def enrich_file(self, value: EnrichedFile) -> None:
        """Fill in the device; complete a path that ends at the root of its file system."""
        aggregate = value.aggregate
        dev = aggregate.inode.dev
        if aggregate.flags & FileFlag.NO_INODE and not dev:
            return
        if not dev:
            aggregate.flags |= FileFlag.DEVICE_OF_MOUNT
        value.fstype = self._fstype(aggregate.mount, dev)
        if aggregate.mount:
            known = aggregate.mount, dev, aggregate.point
            value.device = self._named.get(known) or self._name(*known, aggregate.ts_ns)
            return
        value.device = self._listed(dev, aggregate.ts_ns)
        if aggregate.flags & FileFlag.PATH_NO_MOUNT:
            path = self.mounted_path(self._mounted.get(dev, dev), aggregate.path)
            if path is not None:
                # where it is now, in this namespace: a guess, and noted as one
                aggregate.path = path

    def mounted(self, value: MountSeen) -> None:
        """Take note of a mount that the kernel side has met."""
        self._seen.pop(value.mount, None)
        self._seen[value.mount] = value
        if len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]

    def _fstype(self, mount: int, dev: int) -> str:
        """Return the type of a file system: of the mount that was used, else by its device."""
        seen = self._seen.get(mount)
        if seen is not None:
            return seen.fstype
        mounts = self._mounts.get(dev)
        return mounts[0].fstype if mounts else ""

    def _listed(self, dev: int, ts_ns: int) -> str:
        """Return the text of a device by mountinfo, "" if it is not there."""
        text = self._texts.get(dev)
        if text is None:
            self.refresh(ts_ns)
            text = self._texts.get(dev) or self._of_mounted(dev)
        return text

    def _of_mounted(self, dev: int) -> str:
        """Return the text of a device that is not what mountinfo has for its file system."""
        mounts = self._mounts.get(self._mounted.get(dev, 0))
        if not mounts:
            return ""
        return device_text(preferred(mounts)._replace(dev=dev))

    def _name(self, mount: int, dev: int, point: str, ts_ns: int) -> str:
        """Return the text of a device by the mount that a path goes through."""
        seen = self._seen.get(mount)
        if seen is None:
            # the ring had no room for it
            return self._listed(dev, ts_ns)
        text = device_text(Mount(dev or seen.dev, "", point, seen.fstype, seen.source))
        if len(self._named) >= MAX_TEXTS:
            self._named.clear()
            self._mounted.clear()
        if dev and dev != seen.dev:
            self._mounted[dev] = seen.dev
        self._named[mount, dev, point] = text
        return text

    def mounted_path(self, dev: int, path: str) -> str | None:
        """Return where a path from the root of a file system is seen; None if it is not."""
        best: Mount | None = None
        for mount in self._mounts.get(dev, ()):
            if mount.root == "/":
                best = mount
                break
            inside = path == mount.root or path.startswith(mount.root + "/")
            if inside and (best is None or len(mount.root) > len(best.root)):
                best = mount
        if best is None:
            return None
        rest = path if best.root == "/" else path[len(best.root) :]
        return (rest if best.point == "/" else best.point + rest) or "/"


def device_text(mount: Mount) -> str:
    """Return `902h:/dev/md2:/:ext4`."""
    return f"{device_number(mount.dev):x}h:{mount.source}:{mount.point}:{mount.fstype}"


def preferred(mounts: list[Mount]) -> Mount:
    """Return that of the whole file system, the oldest of several."""
    return min(mounts, key=lambda mount: mount.root != "/")


def _unescape(field: str) -> str:
    """Undo mountinfo's octal escapes of space, tab, newline, backslash and number sign."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
