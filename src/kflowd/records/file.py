# SPDX-License-Identifier: Apache-2.0
"""File records: what one process did to one file."""

from collections.abc import Callable

from kflowd.constants import SECOND_NS
from kflowd.contract import layout, reader, span
from kflowd.model import FileAggregate, FileFlag, Inode
from kflowd.records.header import RecordDecoder, text
from kflowd.records.path import mount_point, plain_text
from kflowd.records.process import ProcessReader

RECORD = "struct kf_file_record"
_FAILED = FileFlag.FAILED


def file_decoder(processes: ProcessReader) -> RecordDecoder:
    """Return the decoder of file records."""
    fixed = layout(RECORD).size
    process_at, _ = span(RECORD, "agg.proc")
    key_at, key_end = span(RECORD, "key")
    read = reader(
        RECORD,
        *("hdr.ts_ns", "key.execs", "agg.first_ns", "agg.last_ns", "agg.size_first"),
        *("agg.mtime_first_s", "agg.mtime_first_ns", "agg.flags"),
        *("agg.mode_first", "mount", "path_len", "origin_len", "below"),
    )
    read_counts = reader(RECORD, "agg.counts")
    inode_at = _inode_reader()

    def decode(batch: bytes, offset: int, size: int) -> FileAggregate | None:
        # fmt: off
        (ts_ns, image, first_ns, last_ns, size_first,
         mtime_first_s, mtime_first_ns, flags,
         mode_first, mount, path_len, origin_len, below) = read(batch, offset)
        # fmt: on
        path_at = offset + fixed
        origin_at = path_at + path_len
        if fixed + path_len + origin_len > size:
            return None
        counts = read_counts(batch, offset)
        raw = batch[path_at:origin_at]
        return FileAggregate(
            ts_ns=ts_ns,
            key=batch[offset + key_at : offset + key_end],
            process=processes.read(batch, offset + process_at),
            image=image,
            first_ns=first_ns,
            last_ns=last_ns,
            size_first=size_first,
            mtime_first_ns=mtime_first_s * SECOND_NS + mtime_first_ns,
            mode_first=0 if flags & _FAILED else mode_first,
            flags=flags,
            inode=inode_at(batch, offset),
            counts=counts,
            events=sum(counts),
            path=plain_text(raw, flags) if path_len else "",
            origin=_origin(batch[origin_at : origin_at + origin_len]) if origin_len else "",
            mount=mount,
            point=mount_point(raw, below, flags) if mount else "",
            error=mode_first if flags & _FAILED else 0,
        )

    return RecordDecoder(fixed, decode)


def _inode_reader() -> Callable[[bytes, int], Inode]:
    """Return a function that reads the inode of a record; its number and device are in the key."""
    read = reader(
        RECORD,
        *("key.ino", "key.dev"),
        *("agg.inode.size", "agg.inode.atime_s", "agg.inode.mtime_s", "agg.inode.ctime_s"),
        *("agg.inode.atime_ns", "agg.inode.mtime_ns", "agg.inode.ctime_ns", "agg.inode.mode"),
        *("agg.inode.nlink", "agg.inode.uid", "agg.inode.gid"),
    )

    def inode_at(batch: bytes, offset: int) -> Inode:
        # fmt: off
        (ino, dev,
         length, atime_s, mtime_s, ctime_s,
         atime_ns, mtime_ns, ctime_ns, mode,
         nlink, uid, gid) = read(batch, offset)
        # fmt: on
        return Inode(
            ino=ino,
            dev=dev,
            size=length,
            atime_ns=atime_s * SECOND_NS + atime_ns,
            mtime_ns=mtime_s * SECOND_NS + mtime_ns,
            ctime_ns=ctime_s * SECOND_NS + ctime_ns,
            mode=mode,
            nlink=nlink,
            uid=uid,
            gid=gid,
        )

    return inode_at


def _origin(raw: bytes) -> str:
    """Return the name before a rename; what a system call was given may be a path."""
    return text(raw.partition(b"\0")[0].rstrip(b"/").rpartition(b"/")[2])
