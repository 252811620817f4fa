# SPDX-License-Identifier: Apache-2.0
"""Control groups of which rules hide all: told to the programs, which pass by their files.

The kernel has the number of a group, user space finds out its path and what that names.
"""

from collections.abc import Mapping

from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.stream.unpreempted import unpreempted

MAP = "kf_hidden_groups"
# Some 80 bytes each. Of more the oldest is forgotten, and told again when it is hidden again.
MAX_GROUPS = 4096


class HiddenGroups:
    """The table of them.

    Args:
        maps: Descriptors by name.
        blinding: Whether calls on maps hide events from kprobes.
    """

    def __init__(self, maps: Mapping[str, int], *, blinding: bool = False) -> None:
        self._map: int | None = maps.get(MAP)
        self._blinding = blinding
        self._told: dict[int, None] = {}

    def hide(self, group: int) -> None:
        """Pass by the files of a group, whose number no other will have.

        May be called again and again. What the kernel does not take user space hides.
        """
        if self._map is None or group in self._told:
            return
        key, value = ffi.new("__u64 *", group), ffi.new("unsigned char *", 1)
        with unpreempted(wanted=self._blinding):
            if len(self._told) >= MAX_GROUPS:
                self._forget(next(iter(self._told)))
            if lib.bpf_map_update_elem(self._map, key, value, 0) == 0:
                self._told[group] = None

    def close(self) -> None:
        """Tell no more: the table goes."""
        self._map = None

    def _forget(self, group: int) -> None:
        lib.bpf_map_delete_elem(self._map, ffi.new("__u64 *", group))
        del self._told[group]
