# SPDX-License-Identifier: Apache-2.0
"""What a batch will tell of processes, read before the batch is decoded."""

from collections.abc import Iterator
from typing import NamedTuple

from kflowd.constants import ALIGNMENT
from kflowd.contract import constants, layout, reader
from kflowd.records.header import HEADER
from kflowd.records.process import RECORD


class Task(NamedTuple):
    """A task of a batch.

    Attributes:
        tid, user: Its number, and its real user.
        cgroup: Number of its control group.
        image: What it runs: tgid and start time of its process, number of the program.
    """

    tid: int
    user: int
    cgroup: int
    image: tuple[int, int, int]


def tasks_ahead(batch: bytes) -> Iterator[Task]:
    """Yield the task of each exec, fork and snapshot record of a batch.

    It is done for each record of the stream, so it reads of the others their size alone. What is
    damaged ends it: to tell of that is the decoder's.
    """
    kind_of, fixed, header = constants()["KF_KIND_PROC"], layout(RECORD).size, layout(HEADER).size
    read_head = reader(HEADER, "kind", "size")
    names = ("start_ns", "cgroup_id", "tgid", "tid", "uid", "execs")
    read = reader(RECORD, *(f"proc.{name}" for name in names))
    at, end = 0, len(batch)
    while at + header <= end:
        kind, size = read_head(batch, at)
        if size < header or at + size > end:
            return
        if kind == kind_of and size >= fixed:
            start_ns, cgroup_id, tgid, tid, uid, execs = read(batch, at)
            yield Task(tid, uid, cgroup_id, (tgid, start_ns, execs))
        at += size + -size % ALIGNMENT
