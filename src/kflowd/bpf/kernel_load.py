# SPDX-License-Identifier: Apache-2.0
"""How the kernel side of a run does, as metrics show it."""

from collections.abc import Callable, Mapping

from kflowd.bpf.kernel.memory import memlock
from kflowd.bpf.standby import Copy
from kflowd.bpf.stream.waited import Waits
from kflowd.model import KernelLoad, ProgramUse

# Maps grow slowly, and the kernel is asked for each one.
MEMORY_NS = 10_000_000_000


class Load:
    """Puts together what the kernel counts and what the drain sees.

    Args:
        programs: File descriptors of all programs that are attached.
        maps: File descriptors of the maps by name.
        ring_size: Bytes that the ring has.
        memory: Returns the bytes that a descriptor's map or program takes.

    Attributes:
        waits: Takes note of each batch.
    """

    def __init__(
        self,
        programs: Mapping[Copy, int],
        maps: Mapping[str, int],
        ring_size: int,
        memory: Callable[[int], int] = memlock,
    ) -> None:
        self.waits = Waits()
        self._programs = {_shown(it): fd for it, fd in programs.items()}
        self._maps = maps
        self._ring_size = ring_size
        self._memory = memory
        self._program_bytes = sum(map(memory, self._programs.values()))
        self._map_bytes: dict[str, int] = {}
        self._asked_ns = -MEMORY_NS

    def now(self, uses: Mapping[int, ProgramUse], now_ns: int) -> KernelLoad:
        """Return how it does.

        Args:
            uses: What the kernel has counted of programs, by file descriptor.
            now_ns: The clock of the kernel; memory of maps is asked for each ten seconds.
        """
        if now_ns - self._asked_ns >= MEMORY_NS:
            self._map_bytes = {name: self._memory(fd) for name, fd in self._maps.items()}
            self._asked_ns = now_ns
        return KernelLoad(
            {name: uses[fd] for name, fd in self._programs.items() if fd in uses},
            self._map_bytes,
            self._program_bytes,
            self._ring_size,
            self.waits.waited(now_ns),
        )


def _shown(it: Copy) -> str:
    return f"{it.object}/{it.program}{' (standby)' if it.standby else ''}"
