# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.contract import layout
from kflowd.records.ahead import tasks_ahead
from tests.unit.make import record


def process(tid: int, uid: int, cgroup_id: int, tail: bytes = b"") -> bytes:
    members = {"proc__tid": tid, "proc__uid": uid, "proc__cgroup_id": cgroup_id}
    members |= {"proc__tgid": tid - 1, "proc__start_ns": 5, "proc__execs": 3}
    return record("PROC", tail, exe_len=len(tail), **members)


OTHERS = record("TICK", ts_ns=7) + record("FILE", b"abc") + record("EXIT", proc__tid=9)


def test_tasks_of_process_records_alone() -> None:
    """Whatever is between them, and however long they are."""
    batch = OTHERS + process(31, 1001, 401, b"dash\0") + OTHERS + process(37, 1003, 409) + OTHERS
    assert list(tasks_ahead(batch)) == [(31, 1001, 401, (30, 5, 3)), (37, 1003, 409, (36, 5, 3))]
    assert list(tasks_ahead(b"")) == []


@pytest.mark.parametrize("cut", [1, 8, 17])
def test_what_is_cut_ends_it(cut: int) -> None:
    """The decoder tells of it."""
    batch = process(31, 1001, 401) + process(37, 1003, 409)
    assert list(tasks_ahead(batch[:-cut])) == [(31, 1001, 401, (30, 5, 3))]


@given(st.binary(max_size=2 * layout("struct kf_proc_record").size))
def test_any_bytes_are_no_error(raw: bytes) -> None:
    """It ends, and reads nothing that is not there."""
    assert len(list(tasks_ahead(raw))) <= 2
    assert next(tasks_ahead(process(31, 1001, 401) + raw)) == (31, 1001, 401, (30, 5, 3))
