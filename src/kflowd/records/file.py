# SPDX-License-Identifier: Apache-2.0
"""File records: what one process did to one file."""

from kflowd.contract import constants, layout
from kflowd.model import SECOND_NS, FileAggregate, FileKey, Inode
from kflowd.records.header import RecordDecoder, picker, text
from kflowd.records.path import plain_text
from kflowd.records.process import ProcessReader

_AGGREGATE = (
    *("first_ns", "last_ns", "size_first", "mtime_first_s", "mtime_first_ns", "flags", "mnt_ns"),
)
_TIMES = ("size", "atime_s", "atime_ns", "mtime_s", "mtime_ns", "ctime_s", "ctime_ns")


def file_decoder(processes: ProcessReader) -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of file records."""
    record = layout("struct kf_file_record")
    fixed, process_at = record.size, record.offset["agg.proc"]
    counts = record.index["agg.counts"]
    counts_end = counts + constants()["KF_FILE_EVENTS"]
    pick_lengths = picker(record, "", ("path_len", "origin_len", "hdr.ts_ns"))
    pick_key = picker(record, "key", FileKey.__struct_fields__)
    pick_agg = picker(record, "agg", _AGGREGATE)
    pick_times = picker(record, "agg.inode", _TIMES)
    pick_inode = picker(record, "agg.inode", ("mode", "nlink", "uid", "gid", "magic"))
    unpack = record.unpacker.unpack_from

    def decode(batch: bytes, offset: int, size: int) -> FileAggregate | None:
        members = unpack(batch, offset)
        path_len, origin_len, ts_ns = pick_lengths(members)
        path_at = offset + fixed
        origin_at = path_at + path_len
        if fixed + path_len + origin_len > size:
            return None
        first, last, size_first, mtime_s, mtime_ns, flags, mnt_ns = pick_agg(members)
        length, a_s, a_ns, m_s, m_ns, c_s, c_ns = pick_times(members)
        return FileAggregate(
            ts_ns,
            FileKey(*pick_key(members)),
            processes.read(batch, offset + process_at),
            first,
            last,
            size_first,
            mtime_s * SECOND_NS + mtime_ns,
            flags,
            Inode(
                length,
                a_s * SECOND_NS + a_ns,
                m_s * SECOND_NS + m_ns,
                c_s * SECOND_NS + c_ns,
                *pick_inode(members),
            ),
            members[counts:counts_end],
            mnt_ns,
            plain_text(batch[path_at:origin_at], flags) if path_len else "",
            _origin(batch[origin_at : origin_at + origin_len]) if origin_len else "",
        )

    return fixed, decode


def _origin(raw: bytes) -> str:
    """Return the name before a rename; what a system call was given may be a path."""
    return text(raw.partition(b"\0")[0].rpartition(b"/")[2])
