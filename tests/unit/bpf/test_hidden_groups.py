# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.bpf import hidden_groups
from kflowd.bpf.ffi import ffi
from kflowd.bpf.hidden_groups import MAP, HiddenGroups


class Kernel:
    """A table as of the kernel, with room for some."""

    def __init__(self, room: int) -> None:
        self.table: dict[int, int] = {}
        self.calls = 0
        self._room = room

    def bpf_map_update_elem(self, _fd: int, key: ffi.CData, value: ffi.CData, _flags: int) -> int:
        self.calls += 1
        if len(self.table) >= self._room:
            return -7
        self.table[key[0]] = value[0]
        return 0

    def bpf_map_delete_elem(self, _fd: int, key: ffi.CData) -> int:
        del self.table[key[0]]
        return 0


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(3)
    monkeypatch.setattr(hidden_groups, "lib", made)
    monkeypatch.setattr(hidden_groups, "MAX_GROUPS", 3)
    return made


def test_each_is_told_once(kernel: Kernel) -> None:
    """Numbers have 64 bits."""
    groups = HiddenGroups({MAP: 5})
    for group in (7, 1 << 40, 7):
        groups.hide(group)
    assert kernel.table == {7: 1, 1 << 40: 1}
    assert kernel.calls == 2


def test_who_makes_groups_in_a_loop_costs_others_no_more_than_a_record(kernel: Kernel) -> None:
    """The oldest goes, and is told again when one of its records had to be hidden again."""
    groups = HiddenGroups({MAP: 5})
    for group in range(2, 40):
        groups.hide(group)
    assert sorted(kernel.table) == [37, 38, 39]
    groups.hide(2)
    assert sorted(kernel.table) == [2, 38, 39]


def test_what_the_kernel_does_not_take_is_tried_again(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User space hides it meanwhile."""
    monkeypatch.setattr(hidden_groups, "MAX_GROUPS", 4)
    groups = HiddenGroups({MAP: 5})
    for group in (2, 3, 4, 5):
        groups.hide(group)
    assert sorted(kernel.table) == [2, 3, 4]
    del kernel.table[2]
    groups.hide(5)
    assert sorted(kernel.table) == [3, 4, 5]


def test_without_a_table_nothing_is_told(kernel: Kernel) -> None:
    """It is not there where programs decide nothing, and gone when the run is over."""
    HiddenGroups({}).hide(7)
    ended = HiddenGroups({MAP: 5})
    ended.close()
    ended.hide(7)
    assert kernel.calls == 0
