# SPDX-License-Identifier: Apache-2.0
"""What the running kernel says about itself: its BTF and, where that is silent, its symbols."""

import errno
import functools
from pathlib import Path
from typing import Any, NamedTuple

from kflowd.bpf.ffi import check_pointer, ffi, lib, take_log
from kflowd.closeable import Closeable
from kflowd.errors import FeatureError

VMLINUX_BTF = Path("/sys/kernel/btf/vmlinux")
KALLSYMS = Path("/proc/kallsyms")
# Functions. Reading 150,000 lines costs 50 ms: only for kprobes on what BTF does not have.
_TEXT_TYPES = "tT"
POINTER_BYTES = 8


class Member(NamedTuple):
    """Where a member is in its struct: bytes."""

    offset: int
    size: int


class Kernel(Closeable):
    """The kernel's type information, opened once. A context manager.

    Raises:
        FeatureError: the kernel has no BTF.
    """

    def __init__(self) -> None:
        if not VMLINUX_BTF.exists():
            raise FeatureError(
                f"reading the kernel's types: {VMLINUX_BTF} does not exist",
                "kflowd needs a kernel built with CONFIG_DEBUG_INFO_BTF=y",
            )
        take_log()
        self._btf: Any = check_pointer(
            lib.btf__load_vmlinux_btf(), "btf__load_vmlinux_btf", "reading the kernel's types"
        )
        self._arguments: dict[str, int] = {}

    def close(self) -> None:
        """Free the types. Further questions about functions already asked are answered."""
        if self._btf is not None:
            lib.btf__free(self._btf)
            self._btf = None

    def offsets(self, module: str, struct: str, *members: str) -> tuple[int, ...] | None:
        """Return where a struct of a module, or of what is built in, has members: bytes.

        None: the module is not loaded, has no types (before 5.11), or lacks one of the members.
        """
        found = self._members(module, struct)
        wanted = [found[name].offset for name in members if name in found]
        return tuple(wanted) if len(wanted) == len(members) else None

    def span(self, module: str, struct: str) -> int | None:
        """Return the bytes of a struct that has a pointer, in an array; None: as of offsets."""
        found = self._members(module, struct)
        last = max((it.offset + it.size for it in found.values()), default=0)
        return -(-last // POINTER_BYTES) * POINTER_BYTES or None

    def _members(self, module: str, struct: str) -> dict[str, Member]:
        if not (VMLINUX_BTF.parent / module).exists():
            return _members(self._btf, struct)
        btf = lib.btf__load_module_btf(module.encode(), self._btf)
        if btf == ffi.NULL:
            return {}
        try:
            return _members(btf, struct)
        finally:
            lib.btf__free(btf)

    def arguments(self, function: str) -> int | None:
        """Return the number of arguments of a kernel function, None where BTF has it not."""
        if function not in self._arguments:
            self._arguments[function] = lib.kf_btf__func_args(self._btf, function.encode())
        count = self._arguments[function]
        return count if count >= 0 else None

    def is_sized(self, function: str) -> bool:
        """Say whether each argument of a function has a size: else fentry refuses it.

        An empty struct has none (btf_distill_func_proto); such an argument is seldom.
        """
        return int(lib.kf_btf__func_sized(self._btf, function.encode())) != 0

    def function_id(self, function: str) -> int:
        """Return the BTF id of a function, negative when there is none."""
        return int(lib.btf__find_by_name_kind(self._btf, function.encode(), lib.BTF_KIND_FUNC))

    def tracepoint_id(self, name: str) -> int:
        """Return the BTF id of a tracepoint's prototype, negative when there is none."""
        wanted = f"btf_trace_{name}".encode()
        return int(lib.btf__find_by_name_kind(self._btf, wanted, lib.BTF_KIND_TYPEDEF))

    def has_tracepoint(self, name: str) -> bool:
        """Say whether a typed tracepoint exists."""
        return self.tracepoint_id(name) > 0

    def has_function(self, function: str) -> bool:
        """Say whether BTF has the function."""
        return self.arguments(function) is not None

    def has_symbol(self, function: str) -> bool:
        """Say whether a kprobe can be put there: in BTF, or in kallsyms, in so many words."""
        return self.has_function(function) or function in self._symbols

    @functools.cached_property
    def _symbols(self) -> frozenset[str]:
        names = set()
        with KALLSYMS.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                _, kind, name = line.split(maxsplit=2)
                if kind in _TEXT_TYPES:
                    names.add(name.split(maxsplit=1)[0])
        return frozenset(names)


def _members(btf: Any, struct: str) -> dict[str, Member]:  # noqa: ANN401 - cffi has no types
    found: dict[str, Member] = {}
    it = ffi.new("struct kf_member *")
    index = result = 0
    while result != -errno.ENOENT:
        result = lib.kf_btf__member(btf, struct.encode(), index, it)
        if result == 0:
            found[ffi.string(it.name).decode()] = Member(it.offset, it.size)
        index += 1
    return found
