# SPDX-License-Identifier: Apache-2.0
"""What a batch will tell of processes, read before the batch is decoded."""

from collections.abc import Iterator

from kflowd.constants import ALIGNMENT
from kflowd.contract import constants, layout, reader
from kflowd.records.header import HEADER
from kflowd.records.process import RECORD


def tasks_ahead(batch: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (task, real user, control group) of each exec, fork and snapshot record of a batch.

    It is done for each record of the stream, so it reads of the others their size alone. What is
    damaged ends it: to tell of that is the decoder's.
    """
    kind_of, fixed, header = constants()["KF_KIND_PROC"], layout(RECORD).size, layout(HEADER).size
    read_head = reader(HEADER, "kind", "size")
    read = reader(RECORD, "proc.cgroup_id", "proc.tid", "proc.uid")
    at, end = 0, len(batch)
    while at + header <= end:
        kind, size = read_head(batch, at)
        if size < header or at + size > end:
            return
        if kind == kind_of and size >= fixed:
            cgroup_id, tid, uid = read(batch, at)
            yield tid, uid, cgroup_id
        at += size + -size % ALIGNMENT
