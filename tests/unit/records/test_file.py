# SPDX-License-Identifier: Apache-2.0
from kflowd.model import FileAggregate, Inode, Process
from kflowd.records import Decoder
from tests.unit.make import SECOND, key, record


def test_file_records_hold_each_member_in_its_place() -> None:
    """Identity, times, attributes, counts and both names are read."""
    raw = record(
        "FILE", b"new\0tmp\0old\0", path_len=8, origin_len=4, hdr__ts_ns=99,
        key__ino=1, key__start_ns=2, key__tgid=3, key__dev=4, key__gen=5, key__execs=22,
        agg__proc__tgid=3, agg__first_ns=6, agg__last_ns=7, agg__size_first=8,
        agg__mtime_first_s=-1, agg__mtime_first_ns=9, agg__mode_first=22, agg__flags=64,
        agg__inode__size=11, agg__inode__atime_s=12, agg__inode__atime_ns=13,
        agg__inode__mtime_s=14, agg__inode__mtime_ns=15, agg__inode__ctime_s=16,
        agg__inode__ctime_ns=17, agg__inode__mode=18, agg__inode__nlink=19,
        agg__inode__uid=20, agg__inode__gid=21,
        agg__counts=tuple(range(100, 111)),
    )  # fmt: skip
    (value,) = Decoder().decode(raw)
    inode = Inode(
        ino=1,
        dev=4,
        size=11,
        atime_ns=12 * SECOND + 13,
        mtime_ns=14 * SECOND + 15,
        ctime_ns=16 * SECOND + 17,
        mode=18,
        nlink=19,
        uid=20,
        gid=21,
    )
    assert value == FileAggregate(
        ts_ns=99,
        key=key("file", ino=1, start_ns=2, tgid=3, dev=4, gen=5, execs=22),
        process=Process(0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ""),
        image=22,
        first_ns=6,
        last_ns=7,
        size_first=8,
        mtime_first_ns=9 - SECOND,
        mode_first=22,
        flags=64,
        inode=inode,
        counts=tuple(range(100, 111)),
        events=sum(range(100, 111)),
        path="/tmp/new",
        origin="old",
    )
