# SPDX-License-Identifier: Apache-2.0
"""Records out of the kernel: the ring by batches, the maps by sweeps. Owns the C side of both."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from kflowd.bpf.ffi import check, check_pointer, ffi, lib

NO_MAP = -1


class Drain:
    """Empties ring and maps. A context manager.

    A batch is bytes of whole records; record i + 1 begins at the next multiple of 8 after record i.

    Args:
        maps: File descriptors of the shared maps by name; kf_ring is needed.
        idle_ns: Sweeps take what has been idle for longer.
        active_ns: Sweeps take what has been active for longer.
        tcp_iterator: Link of the program that refreshes TCP counters, -1: none.
    """

    def __init__(
        self, maps: Mapping[str, int], idle_ns: int, active_ns: int, tcp_iterator: int = -1
    ) -> None:
        self._drain: Any = None
        self._sweep: Any = None
        about = "reading the ring"
        self._gone: Any = check_pointer(lib.kf_gone__new(), "kf_gone__new", about)
        try:
            self._drain = check_pointer(
                lib.kf_drain__new(maps["kf_ring"], self._gone), "ring_buffer__new", about
            )
            config = ffi.new("struct kf_sweep_config *")
            config.idle_ns = idle_ns
            config.active_ns = active_ns
            config.files_fd = maps.get("kf_files", NO_MAP)
            config.socks_fd = maps.get("kf_socks", NO_MAP)
            config.unix_fd = maps.get("kf_unix", NO_MAP)
            config.tcp_iter_fd = tcp_iterator
            self._sweep = check_pointer(
                lib.kf_sweep__new(config, self._gone), "kf_sweep__new", "preparing sweeps"
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free everything."""
        if self._sweep is not None:
            lib.kf_sweep__free(self._sweep)
            self._sweep = None
        if self._drain is not None:
            lib.kf_drain__free(self._drain)
            self._drain = None
        if self._gone is not None:
            lib.kf_gone__free(self._gone)
            self._gone = None

    def drain(self, timeout_ms: int) -> bytes:
        """Return what is in the ring, up to 1 MiB; b"" after the timeout or on a signal.

        Waits outside the interpreter's lock. Exits and closed sockets among the records are
        remembered for the next sweep.
        """
        size = check(lib.kf_drain__run(self._drain, timeout_ms), "kf_drain__run", "draining")
        return bytes(ffi.buffer(lib.kf_drain__data(self._drain), size))

    def sweep(self, now_ns: int, exited: Iterable[tuple[int, int]] = (), *, final: bool) -> bytes:
        """Return what is due in the maps, ended by a tick.

        Args:
            now_ns: CLOCK_BOOTTIME.
            exited: (tgid, start_ns) of processes known to be gone besides those drained.
            final: Take everything.
        """
        for tgid, start_ns in exited:
            lib.kf_gone__add_exit(self._gone, tgid, start_ns)
        result = lib.kf_sweep__run(self._sweep, now_ns, int(final))
        size = check(result, "kf_sweep__run", "sweeping the maps")
        return bytes(ffi.buffer(lib.kf_sweep__data(self._sweep), size))

    @property
    def bad_records(self) -> int:
        """Records of an impossible size that were skipped."""
        return int(lib.kf_drain__bad(self._drain))
