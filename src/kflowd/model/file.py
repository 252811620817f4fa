# SPDX-License-Identifier: Apache-2.0
"""Files: what one process did to one file."""

import stat
from collections.abc import Hashable

import msgspec

from kflowd.model.process import Actor, Process


class FileFlag:
    """Flags of a file aggregate; the contract's KF_AGG_*."""

    PATH_SENT = 1
    PARTIAL = 2
    PATH_TRUNCATED = 4
    PATH_NO_MOUNT = 8
    ENDED = 16
    NO_INODE = 32
    STALE = 64
    NO_BASELINE = 128  # size and mtime before the first event are not known
    PATH_TEXT = 256
    PATH_KEPT = 512
    PATH_DELETED = 1024  # the path says so as well: it ends with " (deleted)"
    PATH_UNREACHABLE = 2048
    PATH_GUESSED = 4096
    RENAMED = 8192  # it ends because its path is another now
    MODE_MOVED = 16384  # the mode was another than mode_first at some point
    FAILED = 32768  # attempts, none of which succeeded
    MAPPED = 65536  # shared and writable, where not every store is told
    STORED = 131072  # a store through a shared mapping was told
    HIDDEN = 262144  # never in a record: the kernel keeps it
    PATH_UNKNOWN = 1 << 30  # ours, above what the kernel uses: no path came
    DEVICE_OF_MOUNT = 1 << 31  # ours: that of its file system, stat(2) may show another


class FileEvent:
    """Positions in `FileAggregate.counts` that a stage asks for; the contract's kf_file_event."""

    OPEN_EXEC = 2
    MODIFY = 5
    CLOSE_WRITE = 6
    CLOSE_NOWRITE = 7
    MOVED_TO = 9
    DELETE = 10
    COUNT = 11


class Inode(msgspec.Struct, frozen=True, gc=False):
    """An inode at one moment; times are nanoseconds since 1970, maybe negative.

    `dev` is that of stat(2) as the kernel has it: major << 20 | minor. 0: not known.
    """

    ino: int
    dev: int
    size: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int
    mode: int
    nlink: int
    uid: int
    gid: int


def runnable(mode: int) -> bool:
    """Say whether an i_mode has an execute bit, which for a directory means another thing."""
    return bool(mode & 0o111) and not stat.S_ISDIR(mode)


class MountSeen(msgspec.Struct, frozen=True, gc=False):
    """A mount, ahead of the first path through it.

    Attributes:
        mount: Its number, which no other mount has or will have.
        dev: s_dev of its file system: major << 20 | minor.
        fstype: As mountinfo has it: "ext4", "fuse.sshfs".
        source: What is mounted: "/dev/sda1".
    """

    ts_ns: int
    mount: int
    dev: int
    fstype: str
    source: str


class FilePath(msgspec.Struct, frozen=True, gc=False):
    """The path of a file aggregate, sent ahead of it; `flags` are FileFlag.PATH_*.

    `mount` and `point` are those of FileAggregate.
    """

    ts_ns: int
    key: bytes
    flags: int
    path: str
    mount: int = 0
    point: str = ""


class FileAggregate(msgspec.Struct, gc=False):
    """What one process did to one file. Stages correct `path` and `flags` in place.

    Attributes:
        ts_ns: When it ended or was forced out.
        key: Its identity, the bytes of a struct kf_file_key: compared, never read.
        process: At the first event.
        image: Whose it is: Process.execs, or the next one if it was opened to be run.
        first_ns, last_ns: First and last event.
        size_first, mtime_first_ns: Before the first event (mtime since 1970).
        mode_first: Mode before the first event or change of it, 0 if not known.
        error: Errno of attempts that failed (FileFlag.FAILED), else 0.
        flags: FileFlag.
        inode: At the last event.
        counts: Events by enum kf_file_event.
        events: Their sum.
        path: Full path with the name, "" if not known (yet).
        origin: Name before a rename, else "".
        mount: Number of the mount that the path goes through, as in MountSeen; 0 unknown.
        point: Where that is mounted: the beginning of the path; "" if it is nowhere.
    """

    ts_ns: int
    key: bytes
    process: Process
    image: int
    first_ns: int
    last_ns: int
    size_first: int
    mtime_first_ns: int
    mode_first: int
    flags: int
    inode: Inode
    counts: tuple[int, ...]
    events: int
    path: str
    origin: str
    mount: int = 0
    point: str = ""
    error: int = 0


class EnrichedFile(msgspec.Struct, gc=False):
    """A file aggregate with names.

    Attributes:
        fstype: Type of the file system as mountinfo has it, "" not known.
        sums: MD5 and SHA-256, "" each if they are not known; None: it has none.
        version: That of its package, "" not known.
        questions: What an enricher is to be told yet; the record waits for it.
        notes: More words for FileNotes.
    """

    actor: Actor
    aggregate: FileAggregate
    device: str = ""
    fstype: str = ""
    file_user: str = ""
    file_group: str = ""
    version: str = ""
    sums: tuple[str, str] | None = None
    questions: tuple[Hashable, ...] = ()
    notes: tuple[str, ...] = ()
