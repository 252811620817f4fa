# SPDX-License-Identifier: Apache-2.0
"""The blocks of a file record."""

import functools

from msgspec import UNSET, UnsetType

from kflowd.model import EnrichedFile, FileAggregate, FileFlag, runnable
from kflowd.serialize.blocks.file import FileBlock, FileDigests, FileNotes, InodeBlock
from kflowd.serialize.keys import Counts
from kflowd.serialize.values import error_name, file_events, file_mode, permissions

_UNRESOLVED = (
    FileFlag.PATH_UNKNOWN | FileFlag.PATH_NO_MOUNT | FileFlag.PATH_TEXT | FileFlag.PATH_GUESSED
)
_NOTES = (
    (_UNRESOLVED, "PATH_UNRESOLVED"),
    (FileFlag.PATH_TRUNCATED, "PATH_TRUNCATED"),
    (FileFlag.NO_INODE, "NO_INODE"),
    (FileFlag.PARTIAL, "PARTIAL"),
    (FileFlag.STALE, "STALE"),
    (FileFlag.RENAMED, "RENAMED"),
    (FileFlag.PATH_DELETED, "DELETED"),
    (FileFlag.PATH_UNREACHABLE, "UNREACHABLE"),
    (FileFlag.DEVICE_OF_MOUNT, "DEVICE_OF_MOUNT"),
    (FileFlag.MAPPED, "MAPPED_WRITABLE"),
)
NOTHING = Counts(())
MAX_DIGESTS = 4096
_NOTED = _UNRESOLVED | sum(flag for flag, _ in _NOTES[1:])


def file_block(value: EnrichedFile, *, versions: bool = False) -> FileBlock:
    """Return what was done to which file; with its version if it can be run."""
    aggregate = value.aggregate
    directory, _, name = aggregate.path.rpartition("/")
    inode = aggregate.inode
    known = not aggregate.flags & FileFlag.NO_INODE
    failed = aggregate.flags & FileFlag.FAILED
    return FileBlock(
        FilePath=directory + "/" if aggregate.path else "",
        File=name,
        FileOrigin=aggregate.origin or UNSET,
        FileVersion=value.version if versions and known and runnable(inode.mode) else UNSET,
        FileMode=file_mode(inode.mode, inode.nlink) if known else UNSET,
        FileEventCount=0 if failed else aggregate.events,
        FileEvents=NOTHING if failed else file_events(aggregate.counts),
        FileEventsFailed=file_events(aggregate.counts) if failed else UNSET,
        FileError=error_name(aggregate.error) if failed else UNSET,
        FileEventsDuration=aggregate.last_ns - aggregate.first_ns,
    )


def inode_block(value: EnrichedFile, *, strict: bool = False) -> InodeBlock | None:
    """Return what the file was, None if nobody could identify it."""
    aggregate = value.aggregate
    if aggregate.flags & FileFlag.NO_INODE:
        return None
    inode = aggregate.inode
    grown = moved_ns = 0
    if not aggregate.flags & FileFlag.NO_BASELINE:
        grown = inode.size - aggregate.size_first
        moved_ns = inode.mtime_ns - aggregate.mtime_first_ns
    return InodeBlock(
        FileInode=inode.ino,
        FileInodeLinkCount=inode.nlink,
        FileDevice=value.device,
        FilePermissions=permissions(inode.mode),
        FilePermissionsBefore=UNSET if strict else _permissions_before(aggregate),
        FileUser=value.file_user,
        FileGroup=value.file_group,
        FileUID=inode.uid,
        FileGID=inode.gid,
        FileSize=inode.size,
        FileSizeChange=grown or UNSET,
        FileAccessTime=inode.atime_ns,
        FileStatusChangeTime=inode.ctime_ns,
        FileModificationTime=inode.mtime_ns,
        FileModificationTimeChange=moved_ns or UNSET,
    )


def _permissions_before(aggregate: FileAggregate) -> str | UnsetType:
    """Return what the mode was at first, if it was another at some point of the aggregate."""
    first = aggregate.mode_first
    if not first or (first == aggregate.inode.mode and not aggregate.flags & FileFlag.MODE_MOVED):
        return UNSET
    return permissions(first)


@functools.lru_cache(MAX_DIGESTS)
def digests_of(md5: str, sha256: str) -> FileDigests:
    """Return sums as the one object that all records with them share."""
    return FileDigests(FileMD5=md5, FileSHA256=sha256)


def file_notes(flags: int, more: tuple[str, ...] = ()) -> FileNotes | None:
    """Return what a record does not know, None if nothing is missing.

    Args:
        flags: FileFlag.
        more: Words of enrichers.
    """
    if not flags & _NOTED and not more:
        return None
    if flags & FileFlag.STORED:  # that it was stored to is known
        flags &= ~FileFlag.MAPPED
    words = tuple(word for flag, word in _NOTES if flags & flag)
    words += more
    return FileNotes(FileNotes=words) if words else None
