# SPDX-License-Identifier: Apache-2.0
from typing import Any

from kflowd.bpf import left_out
from kflowd.bpf.ffi import ffi
from kflowd.bpf.loading.object import BpfObject

HERTZ = 100
TICK_NS = 10_000_000


def packed(processes: list[tuple[int, int]], ahead_ns: int = 0) -> Any:
    """Return the struct as cffi reads it."""
    data = left_out.packed(processes, HERTZ, ahead_ns)
    it = ffi.new("struct kf_left_out *")
    ffi.buffer(it)[:] = data
    return it


def test_each_process_has_a_bit_and_a_place() -> None:
    """The bits are those of the numbers modulo 64; a place has the start of the first tick."""
    it = packed([(67, 5), (64, 9), (131, 0)])
    assert (it.bits, it.tick_ns) == (1 << 3 | 1 << 0, TICK_NS)
    assert list(it.tgid)[:4] == [67, 64, 131, 0]
    assert list(it.from_ns)[:4] == [5 * TICK_NS, 9 * TICK_NS, 0, 0]


def test_nobody_has_no_bit() -> None:
    """Programs look no further."""
    it = packed([])
    assert it.bits == 0
    assert not any(it.tgid)


def test_a_time_namespace_is_taken_out() -> None:
    """The kernel's clock is meant; who is older than the namespace's zero is no error."""
    assert packed([(1, 50)], 2 * TICK_NS).from_ns[0] == 48 * TICK_NS
    assert packed([(1, 1)], 2 * TICK_NS).from_ns[0] == (1 << 64) - TICK_NS


def test_what_has_no_place_is_left() -> None:
    """Sixteen at most."""
    it = packed([(pid, pid) for pid in range(1, 100)])
    assert list(it.tgid) == list(range(1, 17))


def test_objects_share_its_section() -> None:
    """What programs look at is one place for all of them."""
    for name in ("process", "socket", "file_tracepoint"):
        with BpfObject(name) as it:
            assert left_out.MAP in it.shared_maps
