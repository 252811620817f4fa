# SPDX-License-Identifier: Apache-2.0
"""Keys of file records."""

from typing import Annotated

from msgspec import UNSET, UnsetType

from kflowd.serialize.blocks.process import NOTED
from kflowd.serialize.keys import Block, Change, ConstantBlock, Counts, Duration, Says, Time

INODE = "the inode is known"
CHANGED = "it is known and not 0"
SUMMED = "-c, a regular file with an execute bit"

# in the order of enum kf_file_event
FILE_EVENTS = (
    (
        "CREATE",
        (
            "the file, hard link, symbolic link or directory was made, by mknod and O_TMPFILE too; "
            "a link, mknod or mkdir ends its record at once"
        ),
    ),
    (
        "OPEN",
        (
            "new descriptors: open, dup, fcntl, or received over a UNIX socket (the last not in "
            "the tracepoint mode); none are those of dup2, dup3 and fork"
        ),
    ),
    (
        "OPEN_EXEC",
        (
            "to be executed: program, interpreter, loader; in the tracepoint mode of scripts that "
            "interpret each other the first one alone"
        ),
    ),
    (
        "ACCESS",
        (
            "calls that read data, also as source of a copy in the kernel or a reflink; not those "
            "that got nothing, nor a dedupe; of a directory each getdents, also the one that finds "
            "its end"
        ),
    ),
    (
        "ATTRIB",
        "changes of mode, owner, times, extended attributes, ACLs or inode flags (chattr)",
    ),
    (
        "MODIFY",
        (
            "calls that wrote (or copied in the kernel), truncate, open with O_TRUNC, fallocate, "
            "reflinks (FICLONE); not a dedupe, which changes no content; all stores through shared "
            "mappings (mmap) together are one in each record, in the tracepoint mode none"
        ),
    ),
    ("CLOSE_WRITE", "the last reference went, the file was open for writing; ends the record"),
    ("CLOSE_NOWRITE", "the last reference went, it was open for reading only; ends the record"),
    ("MOVED_FROM", "renamed: the old name, which is FileOrigin, went"),
    ("MOVED_TO", "renamed: the new name came; in one record with MOVED_FROM, which it ends"),
    (
        "DELETE",
        (
            "a name was removed, or a rename has given it to another file; the link count is that "
            "before it, of a directory that behind it; ends the record"
        ),
    ),
)
FILE_NOTES = {
    "PATH_UNRESOLVED": "FilePath is unknown, begins at the root of its file system, is what a "
    "system call was given, or goes through one of several mounts and it is not known which",
    "PATH_TRUNCATED": "FilePath lacks its beginning",
    "NO_INODE": "which file it was is unknown: the fields of the inode are absent",
    "PARTIAL": "more events of the same file may be in another record",
    "STALE": "swept without a closing event: idle, too old, or its process or kflowd ended; what "
    "was changed by name alone needs none",
    "RENAMED": "the file was open when its path became another, by a rename of the file or of a "
    "directory above it: what the process did later is in a record with the new path",
    "DELETED": "the name was gone when it was read, or never was one (a memfd, O_TMPFILE): File "
    "ends with (deleted), as in /proc/PID/fd",
    "UNREACHABLE": "FilePath begins at no root of a mount namespace: a detached mount, a memfd, or "
    "a file that was opened by its handle",
    "DEVICE_OF_MOUNT": "the number in FileDevice is the file system's, as in mountinfo: that which "
    "stat(2) shows for this subvolume of btrfs or layer of overlayfs could not be known",
    "MAPPED_WRITABLE": "the process has mapped the file shared and writable, and no store was seen "
    "where not every store is (tmpfs, memfd, overlayfs; in the tracepoint mode all): it may have "
    "changed the file",
    "CHECKSUM_CHANGED": "no checksums: the file was changed, replaced, moved or removed before it "
    "could be read",
    "CHECKSUM_LATE": "no checksums: they were not there in time, or too many records waited",
    "CHECKSUM_SKIPPED": "no checksums: the file is larger than --checksum-bytes, or on a file "
    "system that may keep us waiting (remote, FUSE), or what is known of path or device is not "
    "enough to find it",
    "CHECKSUM_UNREADABLE": "no checksums: it could not be opened or read",
    "NAME_LATE": "FileUser or FileGroup is not known: NSS did not answer in time, or too many "
    "records waited",
}


class FileBlock(Block, frozen=True, kw_only=True, gc=False):
    """What was done to which file."""

    FilePath: Annotated[str, Says("directory, from the root of the process's mount namespace")]
    File: Annotated[str, Says("name in the directory; after a rename the new one")]
    FileOrigin: Annotated[
        str | UnsetType,
        Says("name before a rename; of a hard link that failed, its source", "renamed"),
    ]
    FileVersion: Annotated[
        str | UnsetType,
        Says('package version of the file, "" not known', "-v, and it has an execute bit"),
    ]
    FileMode: Annotated[
        str | UnsetType,
        Says("regular, hardlink (more than one link), symlink or directory", INODE),
    ]
    FileEventCount: Annotated[int, Says("sum of FileEvents")]
    FileEvents: Annotated[Counts, Says("events by type, those that happened")]
    FileEventsFailed: Annotated[
        Counts | UnsetType,
        Says("attempts by type, none of which succeeded", "--failed, and they failed", extra=True),
    ]
    FileError: Annotated[
        str | UnsetType,
        Says(
            "why they failed: EACCES; what has no name is its number",
            "--failed, and they failed",
            extra=True,
        ),
    ]
    FileEventsDuration: Annotated[Duration, Says("from the first to the last event")]


class InodeBlock(Block, frozen=True, kw_only=True, gc=False):
    """What the file was at the last event; the block is there if its inode is known."""

    FileInode: Annotated[int, Says("inode number", INODE)]
    FileInodeLinkCount: Annotated[int, Says("hard links", INODE)]
    FileDevice: Annotated[str, Says("device (hex, as stat -c %D), source, mount, type", INODE)]
    FilePermissions: Annotated[str, Says("mode bits, octal and as ls shows them", INODE)]
    FilePermissionsBefore: Annotated[
        str | UnsetType,
        Says(
            "those before the first change; the same: set and set back",
            "they are known and were others in the record",
            extra=True,
        ),
    ]
    FileUser: Annotated[str, Says('name of FileUID, "" not known', INODE)]
    FileGroup: Annotated[str, Says('name of FileGID, "" not known', INODE)]
    FileUID: Annotated[int, Says("owner", INODE)]
    FileGID: Annotated[int, Says("group", INODE)]
    FileSize: Annotated[int, Says("bytes at the last event", INODE)]
    FileSizeChange: Annotated[
        int | UnsetType, Says("bytes more (or less) than at the first event", CHANGED)
    ]
    FileAccessTime: Annotated[Time, Says("atime at the last event", INODE)]
    FileStatusChangeTime: Annotated[Time, Says("ctime at the last event", INODE)]
    FileModificationTime: Annotated[Time, Says("mtime at the last event", INODE)]
    FileModificationTimeChange: Annotated[Change | UnsetType, Says("how far mtime moved", CHANGED)]


class FileDigests(ConstantBlock, frozen=True, kw_only=True, gc=False):
    """What was in it."""

    FileMD5: Annotated[
        str | UnsetType,
        Says('MD5 of its content, 32 hex digits; "": a note says why', SUMMED),
    ] = UNSET
    FileSHA256: Annotated[str | UnsetType, Says("SHA-256 of the same, 64 hex digits", SUMMED)] = (
        UNSET
    )


class FileNotes(Block, frozen=True, kw_only=True, gc=False):
    """What a file record does not know, beyond the contract."""

    FileNotes: Annotated[
        tuple[str, ...], Says("words that say what is not known or not complete", NOTED)
    ]
