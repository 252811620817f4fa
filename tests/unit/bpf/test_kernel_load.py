# SPDX-License-Identifier: Apache-2.0
from kflowd.bpf.kernel_load import MEMORY_NS, Load
from kflowd.bpf.standby import Copy
from kflowd.model import KernelLoad, ProgramUse, Waited

NOW = 1000 * MEMORY_NS


def test_what_the_kernel_counts_stands_beside_what_waited() -> None:
    """Programs by object and name, second copies apart; one that was not asked yet is not there."""
    programs = {
        Copy("file", "open"): 10,
        Copy("file", "open", standby=True): 11,
        Copy("a", "b"): 12,
    }
    load = Load(programs, {"kf_files": 20}, 4096, memory=lambda fd: 100 * fd)
    load.waits.note(NOW - 5, 7, 3, NOW)
    first, second = ProgramUse(1, 2, 3), ProgramUse(4, 5, 6)
    assert load.now({10: first, 11: second}, NOW) == KernelLoad(
        {"file/open": first, "file/open (standby)": second},
        {"kf_files": 2000},
        3300,
        4096,
        Waited(5, 7, 3),
    )


def test_memory_is_asked_for_now_and_then() -> None:
    """Of each map once in ten seconds."""
    asked: list[int] = []

    def memory(fd: int) -> int:
        asked.append(fd)
        return len(asked)

    load = Load({}, {"kf_files": 20}, 4096, memory)
    assert load.now({}, NOW).map_bytes == {"kf_files": 1}
    assert load.now({}, NOW + MEMORY_NS - 1).map_bytes == {"kf_files": 1}
    assert load.now({}, NOW + MEMORY_NS).map_bytes == {"kf_files": 2}
    assert asked == [20, 20]
